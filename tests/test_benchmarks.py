"""The race: everyone who needs NumPy alone agrees, results that differ are noticed, and what came out is written down.

Nothing is timed: a round of one step, in processes of their own.
"""

import json
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import contestants, race, report, worker
from benchmarks.workloads import WORKLOADS
from benchmarks.workloads.two_layer import TwoLayer
from benchmarks.workloads.workload import NotWritten

pytestmark = pytest.mark.thorough

TINY = TwoLayer(3, 5, 2, 7, "float64")


def prepare(name, workload):
    return worker.prepare(name, workload, *workload.data())[1]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ["tuned by hand", "eager", "compiled to NumPy"])
def test_those_that_need_numpy_alone_agree(name, dtype):
    workload = replace(TINY, dtype=dtype)
    reference = prepare("hand-written", workload)
    assert race.disagreement(prepare(name, workload), reference, workload.tolerance[dtype]) is None


LARGER = [w for w in WORKLOADS if not isinstance(w, TwoLayer) and race.name_reference(w) == "hand-written"]


@pytest.mark.parametrize("workload", LARGER, ids=str)
def test_gradients_by_hand_of_the_larger_workloads(workload):
    reference = prepare("hand-written", workload)
    assert race.disagreement(prepare("eager", workload), reference, workload.tolerance[workload.dtype]) is None


def test_a_result_that_differs_is_named():
    reference = prepare("hand-written", TINY)
    W1 = reference.params["W1"].copy()
    W1[0, 1] += 1e-6
    wrong = replace(reference, params={**reference.params, "W1": W1})
    assert "W1 is off by" in race.disagreement(wrong, reference, 1e-9)
    wrong = replace(reference, params={**reference.params, "b2": reference.params["b2"].astype(np.float32)})
    assert race.disagreement(wrong, reference, 1e-9) == "b2 is float32 (2, 1)"
    assert "J is off by" in race.disagreement(replace(reference, J=np.nan), reference, 1e-9)


def test_names_of_workloads_differ():
    assert len(set(map(str, WORKLOADS))) == len(WORKLOADS)


def test_a_race_in_processes_of_their_own(tmp_path, monkeypatch, capsys):
    """What is missing or not written is left out; the JSON, the tables and the picture hold what came out."""
    monkeypatch.setattr(race, "WORKLOADS", [TINY])
    monkeypatch.setattr(report, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(report, "README", tmp_path / "readme.md")
    monkeypatch.setattr(report, "CHART", tmp_path / "chart.png")
    for path in (report.PAGE, report.README):
        path.write_text("before\n<!-- results -->\nold\n<!-- end of results -->\nafter\n")
    names = ["hand-written", "tuned by hand", "eager"]
    kept = tmp_path / "race.json"
    flags = ["--rounds", "1", "--pause", "0", "--turn", "1e-6", "--write", "--json", str(kept), "--contestants"]
    race.main([*flags, *names])
    result = json.loads(kept.read_text())["workloads"][str(TINY)]
    assert list(result["summary"]) == names
    assert result["summary"]["hand-written"]["ratio"] == 1
    assert result["missing"] == {}
    page = report.PAGE.read_text()
    assert page.startswith("before\n<!-- results -->\n")
    assert page.endswith("<!-- end of results -->\nafter\n")
    assert "old" not in page
    assert page.count(f"| {TINY} |") == 3
    assert "\n![Time of a step" in report.README.read_text()
    assert report.CHART.read_bytes().startswith(b"\x89PNG")
    assert all(name in capsys.readouterr().out for name in names[:1])


def test_a_page_without_the_marks_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(report, "draw", lambda record, path: None)
    report.PAGE.write_text("nothing here\n")
    with pytest.raises(ValueError, match="has no <!-- results -->"):
        report.write({"machine": "", "rounds": 1, "workloads": {}})
    assert report.PAGE.read_text() == "nothing here\n"


def test_both_pages_have_the_marks():
    for page in (report.PAGE, report.README):
        assert page.read_text().count(report._START) == page.read_text().count(report._END) == 1


def test_a_library_that_is_not_installed_is_left_out_with_a_note(monkeypatch):
    class Absent:
        name = "jax.jit"

        def ask(self, *command):
            raise RuntimeError("ModuleNotFoundError: No module named 'jax'\nmore")

    prepared, missing = race.prepare(TINY, [Absent()])
    assert (prepared, missing) == ({}, {"jax.jit": "ModuleNotFoundError: No module named 'jax'"})
    assert race.measure([], 1, 0.0) == {}


def test_a_size_that_scalars_are_too_slow_for_is_not_written():
    with pytest.raises(NotWritten):
        contestants.micrograd(TINY, *TINY.data())


def test_names_that_are_unknown_are_refused(capsys):
    with pytest.raises(SystemExit):
        race.parse(["--only", "64-33"])
    assert "nothing is called '64-33'" in capsys.readouterr().err
