"""Build the source archive and, from it, the wheel, and try both where they will be used.

    python -m tests.wheel    (or: make wheel)

The wheel is installed in a new environment, with NumPy alone, and tried by `installed.py`; a user's program
is type-checked against it. Tests that read the project's files run in the unpacked archive.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "dist"
TRIAL = ROOT / "tests" / "installed.py"
USER = ROOT / "tests" / "user_program.py"
TESTS = ["tests/test_readme.py", "tests/test_packaging.py", "tests/test_wheel.py", "tests/test_api.py", "tests/program"]


def main() -> None:
    for old in [*FOLDER.glob("tinygrad_lite-*.whl"), *FOLDER.glob("tinygrad_lite-*.tar.gz")]:
        old.unlink()
    run([sys.executable, "-m", "build", "--outdir", str(FOLDER), str(ROOT)], cwd=ROOT)
    (wheel,), (archive,) = FOLDER.glob("tinygrad_lite-*.whl"), FOLDER.glob("tinygrad_lite-*.tar.gz")
    assert not missing_from_wheel(wheel), f"not in {wheel.name}: {missing_from_wheel(wheel)}"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run([sys.executable, "-m", "venv", str(folder / "empty")], cwd=folder)
        python = str(folder / "empty" / ("Scripts" if os.name == "nt" else "bin") / "python")
        run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(wheel)], cwd=folder)
        run([python, "-I", str(TRIAL)], cwd=folder)
        (folder / USER.name).write_bytes(USER.read_bytes())  # away from the project, whose package would be found first
        run([sys.executable, "-m", "mypy", "--strict", "--python-executable", python, USER.name], cwd=folder)
    with tempfile.TemporaryDirectory() as name:
        with tarfile.open(archive) as files:
            files.extractall(name, filter="data")
        (project,) = Path(name).iterdir()
        run([sys.executable, "-m", "pytest", "-q", *TESTS], cwd=project)
    print(f"{wheel}\n{archive}")


def missing_from_wheel(wheel: Path) -> set[str]:
    """The package's files that a wheel lacks."""
    files = [path for path in (ROOT / "tinygrad_lite").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    with zipfile.ZipFile(wheel) as content:
        return {path.relative_to(ROOT).as_posix() for path in files} - set(content.namelist())


def run(command: list[str], cwd: Path) -> None:
    """Without this project on the path: what is installed, or lies in cwd, is what is tried."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run(command, cwd=cwd, env=environment, check=True)


if __name__ == "__main__":
    main()
