"""What came out of a race: tables for a terminal (rich) and in Markdown, and a bar chart (matplotlib).

python -m benchmarks.report race.json          the tables of a race that was kept, in the terminal
python -m benchmarks.report race.json --write  and into benchmarks/README.md, with the chart in README.md
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypedDict

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "benchmarks" / "README.md"
README = ROOT / "README.md"
CHART = ROOT / "docs" / "figures" / "benchmarks.png"
_START, _END = "<!-- results -->", "<!-- end of results -->"
_CAPTION = "Time of a step of training, compiled, and by others; hand-written NumPy is 1, shorter is faster"


class Row(TypedDict):
    """A contestant at one workload: microseconds a step, its ratio to the reference with quartiles, and what is no time
    of a step: seconds for the first one (compiling) and for the import, megabytes at most."""

    us: float
    ratio: float
    low: float
    high: float
    first_s: float
    import_s: float
    peak_mb: float | None


class Result(TypedDict):
    """A workload: a row for each contestant, the reference first, every single time, and why others are missing."""

    summary: dict[str, Row]
    seconds: dict[str, list[float]]
    missing: dict[str, str]


class Record(TypedDict):
    """A race."""

    machine: str
    rounds: int
    workloads: dict[str, Result]


# -- the terminal ------------------------------------------------------------------------------------------------------


def show_result(workload: str, result: Result) -> None:
    """The table of one workload."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(title=workload, title_justify="left", box=SIMPLE_HEAD)
    table.add_column("", no_wrap=True)
    for column in ("µs a step", "ratio", "quartiles", "first, s", "import, s", "peak, MB"):
        table.add_column(column, justify="right", no_wrap=True)
    rows = result["summary"]
    fastest = min((row["ratio"] for row in rows.values()), default=0.0)
    for name, row in rows.items():
        table.add_row(
            name,
            _microseconds(row),
            f"{row['ratio']:.2f}",
            f"{row['low']:.2f} – {row['high']:.2f}",
            f"{row['first_s']:.3f}",
            f"{row['import_s']:.2f}",
            _megabytes(row),
            style="bold" if row["ratio"] == fastest else None,
        )
    console = Console()
    console.width = max(console.width, 100)
    console.print(table)
    for name, why in result["missing"].items():
        console.print(f"left out: {name}: {why}", markup=False, highlight=False)


def _microseconds(row: Row) -> str:
    return f"{row['us']:,.1f}" if row["us"] < 100 else f"{row['us']:,.0f}"


def _megabytes(row: Row) -> str:
    return "–" if row["peak_mb"] is None else f"{row['peak_mb']:,.1f}"


# -- Markdown ----------------------------------------------------------------------------------------------------------


def write_markdown(record: Record) -> str:
    """The tables: times and ratios, first steps, memory, imports."""
    names = _contestants(record)
    results = record["workloads"]
    imports: dict[str, float] = {}
    for result in results.values():
        for name, row in result["summary"].items():
            imports[name] = min(imports.get(name, row["import_s"]), row["import_s"])
    parts = [
        f"{record['machine']}; {record['rounds']} rounds.",
        "Microseconds a step, and in brackets the ratio to the reference, whose own is 1:",
        _table(names, results, lambda row: f"{_microseconds(row)} ({row['ratio']:.2f})"),
        "Seconds for the first step, tracing and compiling included:",
        _table(names, results, lambda row: f"{row['first_s']:.2f}"),
        "Megabytes by which the process grew, at most, taking later steps:",
        _table(names, results, _megabytes),
        "Seconds to import the library: " + "; ".join(f"{name} {imports[name]:.2f}" for name in names) + ".",
    ]
    notes = {f"{name}: {why}": None for result in results.values() for name, why in result["missing"].items()}
    parts += ["Left out: " + "; ".join(notes) + "."] if notes else []
    return "\n\n".join(parts)


def _table(names: Sequence[str], results: dict[str, Result], cell: object) -> str:
    assert callable(cell)
    lines = ["| workload | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for workload, result in results.items():
        rows = result["summary"]
        lines.append(f"| {workload} | " + " | ".join(cell(rows[n]) if n in rows else "–" for n in names) + " |")
    return "\n".join(lines)


def _contestants(record: Record) -> list[str]:
    """All that raced, in the order of the list of contestants."""
    from .contestants import CONTESTANTS

    there = {name for result in record["workloads"].values() for name in result["summary"]}
    return [name for name in CONTESTANTS if name in there]


# -- the chart ---------------------------------------------------------------------------------------------------------


def draw(record: Record, path: Path) -> None:
    """A panel for each workload, a bar for each contestant: the ratio to the reference, on a logarithmic scale."""
    from models import plotting
    from tinygrad_lite.plot import BLUE, GREY, ORANGE, SKY

    ours = {"compiled to C": BLUE, "compiled to NumPy": SKY, "eager": ORANGE}
    results = record["workloads"]
    columns = min(3, len(results))
    lines = -(-len(results) // columns)
    picture = plotting.figure(4.2 * columns, 0.5 + 2.4 * lines)
    for i, (workload, result) in enumerate(results.items()):
        axes = picture.add_subplot(lines, columns, i + 1)
        rows = sorted(result["summary"].items(), key=lambda item: -item[1]["ratio"])
        ratios = [row["ratio"] for _, row in rows]
        names = [name for name, _ in rows]
        bars = axes.barh(names, ratios, color=[ours.get(name, GREY) for name in names], height=0.7)
        axes.axvline(1, color=plotting.INK, linewidth=0.8)
        axes.set(xscale="log", xlim=(0.5 * min(ratios), 4 * max(ratios)), title=workload)
        axes.title.set_fontsize(9)
        axes.tick_params(labelsize=8, length=0)
        axes.set_xticks([])
        axes.minorticks_off()
        axes.spines[:].set_visible(False)
        axes.bar_label(bars, [f"{ratio:.3g}" for ratio in ratios], padding=3, fontsize=8, color=plotting.INK)
    picture.supxlabel(
        f"ratio to the reference, on a logarithmic scale; {record['machine']}; {record['rounds']} rounds", fontsize=8
    )
    plotting.save(picture, path)


def write(record: Record) -> None:
    """The tables into the README of this folder, the chart into the project's, each between its two marks."""
    draw(record, CHART)
    _replace(PAGE, write_markdown(record))
    _replace(README, f"![{_CAPTION}](docs/figures/{CHART.name})")


def _replace(page: Path, text: str) -> None:
    before, start, rest = page.read_text(encoding="utf-8").partition(_START)
    _, end, after = rest.partition(_END)
    if not (start and end):
        raise ValueError(f"{page} has no {_START} and {_END}, between which the results are written")
    page.write_text(f"{before}{_START}\n{text}\n{_END}{after}", encoding="utf-8")


def main(arguments: Iterable[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("race", type=Path, help="what `python -m benchmarks.race --json` wrote")
    parser.add_argument("--write", action="store_true", help="into the two READMEs, and draw the chart")
    options = parser.parse_args(None if arguments is None else list(arguments))
    record: Record = json.loads(options.race.read_text(encoding="utf-8"))
    for workload, result in record["workloads"].items():
        show_result(workload, result)
    if options.write:
        write(record)


if __name__ == "__main__":
    main()
