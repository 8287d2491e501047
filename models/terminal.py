"""What the programs here write: sentences, tables, and a bar that moves, each as wide as the terminal allows.

Into a file or a pipe lines are written as they are, however long.

>>> table = Table("colour  ", "wavelength", "energy")
colour    wavelength  energy
>>> table.row("red", "700 nm", "1.8 eV")
red           700 nm  1.8 eV
"""

import io
import shutil
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TextIO

WIDE = 80
"""Columns of a terminal that has room for all of the bar."""

CLEAR_LINE = "\r\x1b[2K"
REFRESH = 0.1
"""Seconds between two movements of the bar: often enough to look smooth, too rarely to cost anything."""

Show = Callable[[int, float], None]


def width() -> int:
    """The columns of the terminal, or very many where the output goes elsewhere."""
    return shutil.get_terminal_size((100_000, 24)).columns


def say(text: str = "") -> None:
    """Print lines, each folded between its words where the terminal is narrower than it is."""
    for line in text.split("\n"):
        margin = " " * (len(line) - len(line.lstrip()) + 2)
        print(textwrap.fill(line, width(), subsequent_indent=margin, break_long_words=False, break_on_hyphens=False))


class Table:
    """A header, and rows under it as they come; where a row does not fit, a line for each of its cells."""

    def __init__(self, *header: str) -> None:
        """header: the columns' names, padded to their widths; the first is flush left, the others flush right."""
        self.header = header
        self.fits = sum(map(len, header)) + 2 * (len(header) - 1) <= width()
        if self.fits:
            print("  ".join(header).rstrip())

    def row(self, *cells: str) -> None:
        """Print a row, a cell for each name of the header."""
        first, *others = zip(self.header, cells, strict=True)
        if self.fits:
            aligned = [first[1].ljust(len(first[0])), *(cell.rjust(len(name)) for name, cell in others)]
            print("  ".join(aligned).rstrip())
            return
        say(f"{first[0].strip()} {first[1].strip()}".strip())
        for name, cell in others:
            say(f"  {name.strip()}: {cell.strip()}")


@contextmanager
def progress_bar(label: str | None, total: int) -> Iterator[Show]:
    """A function ``show(done, J)`` that moves a bar on the terminal: rich's if installed, else plain.

    It may be called as often as one likes. Without a label, or where the output goes to a file, it draws nothing.
    """
    if label is None or not sys.stdout.isatty():
        yield lambda done, J: None
        return
    try:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn
    except ModuleNotFoundError:
        with _plain_bar(label, total) as show:
            yield show
        return
    name, cost = TextColumn("{task.description}"), TextColumn("{task.fields[note]}")
    columns: list[ProgressColumn] = [name, BarColumn(_room(label)), cost]
    if width() >= WIDE:
        columns[2:] = [MofNCompleteColumn(), cost, TimeElapsedColumn()]
    # What is printed meanwhile appears above the bar: rich stands in for sys.stdout.
    with Progress(*columns, console=Console(width=width())) as progress:
        task = progress.add_task(label, total=total, note="")
        yield _now_and_then(total, lambda done, J: progress.update(task, completed=done, note=_note(J)))


@contextmanager
def _plain_bar(label: str, total: int) -> Iterator[Show]:
    room = _room(label)

    def show(done: int, J: float) -> None:
        bar = "#" * (room * done // total)
        count = f" {done}/{total}" if width() >= WIDE else ""
        terminal.write(f"{CLEAR_LINE}{label} [{bar:.<{room}}]{count} {_note(J)}\r")
        terminal.flush()

    terminal = sys.stdout
    try:
        with redirect_stdout(_AboveTheBar(terminal)):
            yield _now_and_then(total, show)
    finally:
        print()


def _room(label: str) -> int:
    """How long a bar may be, so that its line is one line."""
    return max(4, min(30, width() - len(label) - len(_note(0.1234)) - 6))


def _note(J: float) -> str:
    return f"J = {J:.4g}"


def _now_and_then(total: int, show: Show) -> Show:
    """Moved by time, not by steps: a step may take a microsecond or a minute."""
    last = -REFRESH

    def maybe(done: int, J: float) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= REFRESH or done == total:
            last = now
            show(done, J)

    return maybe


class _AboveTheBar(io.TextIOBase):
    """Stands in for ``sys.stdout`` while the plain bar is there: a line that is printed takes the bar's place."""

    def __init__(self, terminal: TextIO) -> None:
        self.terminal = terminal

    def write(self, text: str) -> int:
        return self.terminal.write(text if text == "\n" else CLEAR_LINE + text)
