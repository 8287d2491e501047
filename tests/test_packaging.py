"""What is promised of the package: NumPy alone at run time, extras that exist, types, one make target per job."""

import ast
import inspect
import re
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import tinygrad_lite

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SOURCES = [path for folder in ("tinygrad_lite", "models", "benchmarks") for path in (ROOT / folder).rglob("*.py")]


def test_numpy_is_the_only_dependency():
    assert PROJECT["dependencies"] == ["numpy>=2.1"]


def test_importing_it_imports_nothing_else_that_is_installed():
    show = "import sys, tinygrad_lite; print(*{name.partition('.')[0] for name in sys.modules})"
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", show], capture_output=True, text=True, check=True, cwd=ROOT
    )
    # What NumPy and the installation itself (its .pth files) load is not the package's doing.
    bare = subprocess.run(
        [sys.executable, "-c", "import sys, numpy.random; print(*{name.partition('.')[0] for name in sys.modules})"],
        capture_output=True,
        text=True,
        check=True,
    )
    extra = set(run.stdout.split()) - set(bare.stdout.split()) - set(sys.stdlib_module_names)
    assert extra == {"tinygrad_lite"}


def test_what_few_programs_need_is_imported_when_it_is_first_used():
    program = """
import sys, numpy as np, tinygrad_lite as tg
late = ["rules.linalg", "rules.statistics"]
assert not [name for name in late if f"tinygrad_lite.{name}" in sys.modules]
assert np.allclose(tg.grad(lambda x: np.linalg.det(x))(np.eye(2)), np.eye(2))
assert all(f"tinygrad_lite.{name}" in sys.modules for name in late)
"""
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, cwd=ROOT)


def test_every_extra_that_a_message_names_exists():
    text = "\n".join(path.read_text() for path in [*SOURCES, ROOT / "README.md", ROOT / "pyproject.toml"])
    named = {name for group in re.findall(r"(?:tinygrad_lite|\.)\[([a-z,]+)\]", text) for name in group.split(",")}
    assert {"plot", "data"} <= named
    assert named <= set(PROJECT["optional-dependencies"])


def test_it_says_that_it_is_typed():
    assert (ROOT / "tinygrad_lite" / "py.typed").exists()


def test_what_dir_shows_is_what_is_public():
    """And every name of it is there, with its documentation; an editor sees what an import of * would bring."""
    source = ast.parse((ROOT / "tinygrad_lite" / "__init__.py").read_text())
    imports = [node for node in ast.walk(source) if isinstance(node, ast.ImportFrom)]
    exported = {alias.asname for node in imports for alias in node.names if alias.asname}
    assert dir(tinygrad_lite) == sorted(exported) == sorted(tinygrad_lite.__all__)
    assert [name for name in dir(tinygrad_lite) if not inspect.getdoc(getattr(tinygrad_lite, name))] == []


USER = ROOT / "tests" / "user_program.py"


def test_a_users_program_runs():
    runpy.run_path(str(USER))


@pytest.mark.slow
def test_a_users_program_passes_a_strict_type_check(tmp_path):
    wrong = tmp_path / "wrong.py"
    wrong.write_text(f"{USER.read_text()}\ntg.fit(net)\ntg.sigmod(t)\nlosses = history.losses\ny = tg.Tensor()\n")
    check = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache")]
    run = subprocess.run([*check, str(USER)], capture_output=True, text=True, cwd=ROOT, check=False)
    assert run.returncode == 0, run.stdout
    run = subprocess.run([*check, str(wrong)], capture_output=True, text=True, cwd=ROOT, check=False)
    assert run.stdout.count("error: ") == 4, run.stdout


def test_help_lists_every_make_target():
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE).group(1).split()
    assert phony == re.findall(r"^([a-z-]+):.* ## ", makefile, re.MULTILINE)
