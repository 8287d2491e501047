"""Which target is taken, what happens when the compiler is missing or misbehaves, and the cache of what was built."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.everyday import one_in
from tinygrad_lite.program.native import cache, compiler, library, target
from tinygrad_lite.rules.elementwise import tanh

X = np.linspace(-1, 1, 7)


@pytest.fixture(autouse=True)
def _nothing_is_broken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(target, "_broken", [])
    library.start_runtime(compiler.find_compiler())()  # once a process: the tests below count what each program needs
    monkeypatch.setenv("TINYGRAD_LITE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(compiler, "PATIENCE", 0.2)


def compiler_that(tmp_path: Path, what: str) -> str:
    """A command that runs this Python in place of a compiler."""
    script = tmp_path / "compiler.py"
    script.write_text(
        "import subprocess, sys, time\nif '--version' in sys.argv: sys.exit(print('1'))\n" + textwrap.dedent(what)
    )
    return f"{sys.executable} {script}"


def double(x: Any) -> Any:
    return 2 * np.tanh(x)


def test_a_very_long_program_is_not_left_to_a_c_compiler_that_nobody_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The compiler's time grows with the steps: of an unrolled loop it would be minutes."""
    monkeypatch.setattr(target, "_MOST_STEPS", 10)

    def in_c(asked: str, count: int) -> bool:
        def repeat(x: Any) -> Any:
            for _ in range(count):
                x = np.sin(x)
            return x

        return "# The C behind it" in tg.compile(repeat, target=asked).source(X)

    monkeypatch.delenv("TINYGRAD_LITE_TARGET", raising=False)
    assert in_c("auto", 10)
    assert not in_c("auto", 11)
    assert in_c("c", 11)
    monkeypatch.setenv("TINYGRAD_LITE_TARGET", "c")
    assert in_c("auto", 11)


def test_what_runs_as_numpy_says_so_whatever_was_asked_for() -> None:
    """There is nothing for C to do in one of them."""
    inverse, half = tg.compile(np.linalg.inv, target="c"), tg.compile(lambda x: np.cumsum(x) / 2, target="c")
    assert (inverse.target, half.target) == ("c", "c")  # nothing is known yet
    inverse(np.eye(2) * 2)
    half(X)
    assert (inverse.target, half.target) == ("numpy", "c")


def test_an_unknown_target_is_refused() -> None:
    with pytest.raises(ValueError, match="must be one of auto, numpy, c, not 'C'"):
        tg.compile(double, target="C")


def test_the_environment_sets_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYGRAD_LITE_TARGET", "c")
    assert tg.compile(double).target == "c"
    assert tg.compile(double, target="numpy").target == "numpy"
    monkeypatch.setenv("TINYGRAD_LITE_TARGET", "numpy")
    assert tg.compile(double).target == "numpy"
    monkeypatch.setenv("TINYGRAD_LITE_TARGET", "")
    assert tg.compile(double).target == "c"
    monkeypatch.delenv("TINYGRAD_LITE_TARGET")
    assert tg.compile(double).target == "c"
    monkeypatch.setenv("TINYGRAD_LITE_TARGET", "fast")
    with pytest.raises(ValueError, match="TINYGRAD_LITE_TARGET must be one of"):
        _ = tg.compile(double).target


def test_without_a_compiler_auto_is_numpy_and_c_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "/no/such/compiler")
    monkeypatch.setenv("TINYGRAD_LITE_TARGET", "auto")
    with pytest.raises(RuntimeError, match=r"install gcc or clang, or `pip install 'tinygrad_lite\[native\]'`"):
        tg.compile(double, target="c")
    f = tg.compile(double)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(f(X), double(X))
    assert f.target == "numpy"


@pytest.mark.parametrize(
    ("owner", "name", "whose"), [("sysconfig", "get_path", "Python"), ("np", "get_include", "NumPy")]
)
def test_without_headers_c_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, owner: str, name: str, whose: str
) -> None:
    monkeypatch.delenv("TINYGRAD_LITE_TARGET", raising=False)
    monkeypatch.setattr(getattr(compiler, owner), name, lambda *_: str(tmp_path))
    compiler._find_compiler.cache_clear()
    try:
        with pytest.raises(RuntimeError, match=f"{whose}'s headers are missing"):
            tg.compile(double, target="c")
        assert tg.compile(double).target == "numpy"
    finally:
        compiler._find_compiler.cache_clear()


@pytest.mark.parametrize("form", one_in(3, ["arguments", "spaces", "quotes", "relative", "blank", "binary"]))
def test_the_compiler_may_be_called_in_many_ways(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, form: str) -> None:
    script = tmp_path / "my compilers" / "cc"
    script.parent.mkdir()
    says = "printf '\\377\\n'\n" if form == "binary" else ""  # which is no text
    script.write_text(f'#!/bin/sh\n[ "$1" = --version ] && {{ read line\n{says}}}\nexec cc "$@"\n')
    script.chmod(0o755)
    monkeypatch.chdir(tmp_path / "my compilers")
    forms = {"arguments": "cc -O1", "quotes": f"'{script}' -O1", "relative": "./cc", "blank": " "}
    monkeypatch.setenv("CC", forms.get(form, str(script)))
    f = tg.compile(double, target="c")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(f(X), double(X))
    assert f.target == "c"


def test_a_compiler_that_says_nothing_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nor is what it has started waited for, or asked again."""
    script = tmp_path / "cc"
    script.write_text(f"#!/bin/sh\necho >> {tmp_path}/asked\nsleep 600\n")
    script.chmod(0o755)
    monkeypatch.setattr(compiler, "TIME_TO_ANSWER", 0.5)
    monkeypatch.setenv("CC", str(script))
    monkeypatch.setenv("TINYGRAD_LITE_TARGET", "auto")
    for _ in range(2):
        assert tg.compile(double).target == "numpy"
    with pytest.raises(RuntimeError, match="no answer to --version"):
        tg.compile(double, target="c")
    assert len((tmp_path / "asked").read_text()) == 1


def test_what_is_no_command_is_no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYGRAD_LITE_TARGET", "auto")
    for text in ('cc "', "''", "/"):
        monkeypatch.setenv("CC", text)
        assert tg.compile(double).target == "numpy"
        with pytest.raises(RuntimeError, match='target="c": '):
            tg.compile(double, target="c")


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("sys.exit('error: no luck')", "the C compiler failed: error: no luck"),
        (
            "print('warning: strange')\nsys.exit(subprocess.call(['cc', *sys.argv[1:]]))",
            "the C compiler warned: warning",
        ),
        ("time.sleep(60)", "the C compiler took more than 1 s"),
        ("pass", "gave no library"),
        ("open(sys.argv[sys.argv.index('-o') + 1], 'w').write('not a library')", "cannot be loaded"),
        ("import os; os.mkdir(sys.argv[sys.argv.index('-o') + 1])", "gave no library"),
        (
            "open('x.c', 'w').write('void *PyErr_SetNone(void *), *PyExc_ValueError;'\n"
            "    'void *PyInit_tinygrad_native(void) { PyErr_SetNone(PyExc_ValueError); return 0; }')\n"
            "sys.exit(subprocess.call(['cc', '-shared', '-fPIC', 'x.c', '-o', sys.argv[sys.argv.index('-o') + 1]]))",
            "cannot be loaded",
        ),
        ("sys.stdout.buffer.write(b'\\xff\\xfe'); sys.exit(1)", "the C compiler failed"),
        ("sys.stdout.buffer.write(bytes(10**6)); sys.exit(3)", "the C compiler failed: exit status 3"),
        ("import os; os.kill(os.getpid(), 9)", "the C compiler failed: exit status -9"),
    ],
    ids=["fails", "warns", "hangs", "nothing", "garbage", "folder", "another module", "no text", "zeros", "killed"],
)
def test_a_compiler_that_misbehaves_is_given_up_with_one_warning(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, what: str, message: str
) -> None:
    monkeypatch.setenv("CC", compiler_that(tmp_path, what))
    monkeypatch.setattr(compiler, "TIME_LIMIT", 1.0 if "sleep" in what else 60.0)
    f = tg.compile(double, target="c")
    with pytest.warns(RuntimeWarning, match=message) as caught:
        np.testing.assert_allclose(f(X), double(X))
    assert len(caught) == 1
    assert "double runs as NumPy" in str(caught[0].message)
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(tg.compile(lambda x: x * 3, target="c")(X), X * 3)
    assert f.target == "numpy"


def builds(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Fills with the name of every function that is really compiled from now on."""
    built: list[str] = []
    real = cache.Compilation

    def counted(*arguments: Any) -> Any:
        built.append(arguments[-1])
        return real(*arguments)

    monkeypatch.setattr(cache, "Compilation", counted)
    return built


def test_a_library_is_built_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    built = builds(monkeypatch)
    for _ in range(2):
        np.testing.assert_allclose(tg.compile(double, target="c")(X), double(X))
    assert built == ["double"]
    tg.compile(lambda x: 3 * np.tanh(x), target="c")(X)
    assert len(built) == 2


def test_the_cache_is_private(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tg.compile(double, target="c")(X)
    folder = tmp_path / "cache"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    (file,) = folder.iterdir()
    assert not file.stat().st_mode & 0o077


@pytest.mark.parametrize("damage", one_in(3, ["flip", "cut", "foreign", "link", "writable"]))
def test_a_file_that_is_not_ours_to_the_last_byte_is_built_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, damage: str
) -> None:
    built = builds(monkeypatch)
    tg.compile(double, target="c")(X)
    (file,) = (tmp_path / "cache").iterdir()
    content = bytearray(file.read_bytes())
    file.rename(tmp_path / "elsewhere.so")  # (this process has it loaded)
    if damage == "cut":
        file.write_bytes(content[:-1000])
    elif damage == "flip":
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
    elif damage == "foreign":
        file.write_bytes(b"\x7fELF nonsense")
    elif damage == "link":
        file.symlink_to(tmp_path / "elsewhere.so")
    else:
        file.write_bytes(content)
        file.chmod(0o777)
    np.testing.assert_allclose(tg.compile(double, target="c")(X), double(X))
    assert built == ["double", "double"]
    assert not file.is_symlink()


def test_the_cache_is_bounded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cache, "MOST_FILES", 3)
    for k in range(5):
        (tmp_path / "cache").mkdir(mode=0o700, exist_ok=True)
        old = tmp_path / "cache" / f"{k:064}.so"
        old.write_bytes(b"old")
        os.utime(old, (k, k))
    tg.compile(double, target="c")(X)
    left = {path.name for path in (tmp_path / "cache").iterdir()}
    assert len(left) == 3
    assert {f"{k:064}.so" for k in (3, 4)} < left


def test_what_others_have_put_into_the_folder_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cache, "MOST_FILES", 0)
    (tmp_path / "cache").mkdir()
    for name in ("libm.so", "thesis.tex", "new.so"):
        (tmp_path / "cache" / name).write_text("precious")
    tg.compile(double, target="c")(X)
    assert {"libm.so", "thesis.tex", "new.so"} < {path.name for path in (tmp_path / "cache").iterdir()}


def test_a_folder_for_everybody_is_neither_used_nor_changed(tmp_path: Path) -> None:
    """As /tmp is, which a cache must not take from the others."""
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache").chmod(0o1777)
    f = tg.compile(double, target="c")
    with pytest.warns(RuntimeWarning, match="is not private to this user"):
        np.testing.assert_allclose(f(X), double(X))
    assert stat.S_IMODE((tmp_path / "cache").stat().st_mode) == 0o1777


@pytest.mark.parametrize("standard", ["relative/folder", "", "absolute"])
def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, standard: str) -> None:
    monkeypatch.delenv("TINYGRAD_LITE_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x") if standard == "absolute" else standard)
    monkeypatch.chdir(tmp_path)
    tg.compile(double, target="c")(X)
    folder = tmp_path / "x" if standard == "absolute" else tmp_path / "home" / ".cache"
    assert len(list((folder / "tinygrad_lite").iterdir())) == 1
    assert not (tmp_path / "relative").exists()


def test_without_a_home_numpy_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("TINYGRAD_LITE_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", unknown)
    f = tg.compile(double, target="c")
    with pytest.warns(RuntimeWarning, match="set HOME or TINYGRAD_LITE_CACHE"):
        np.testing.assert_allclose(f(X), double(X))


@pytest.mark.parametrize("full", ["TemporaryDirectory", "mkstemp"])
def test_without_room_numpy_runs(monkeypatch: pytest.MonkeyPatch, full: str) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(compiler.tempfile, full, fail)
    f = tg.compile(double, target="c")
    with pytest.warns(RuntimeWarning, match="no place to compile in .*No space left"):
        np.testing.assert_allclose(f(X), double(X))


def test_a_folder_that_cannot_be_private_is_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TINYGRAD_LITE_CACHE", str(tmp_path / "file" / "cache"))
    f = tg.compile(double, target="c")
    with pytest.warns(RuntimeWarning, match="the cache folder .* cannot be used"):
        np.testing.assert_allclose(f(X), double(X))


def test_several_processes_at_once(tmp_path: Path) -> None:
    code = (
        "import numpy as np, tinygrad_lite as tg\n"
        "f = tg.compile(lambda x: np.tanh(x) * 5, target='c')\n"
        "assert np.allclose(f(np.ones(9)), 5 * np.tanh(1)) and f.target == 'c'"
    )
    runs = [subprocess.Popen([sys.executable, "-W", "error", "-c", code]) for _ in range(2)]
    assert [run.wait(60) for run in runs] == [0, 0]
    assert len(list((tmp_path / "cache").iterdir())) == 2  # the program, and what calls it


def test_native_code_that_gives_another_result_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tanh, "c", "sinh")
    f = tg.compile(double, target="c")
    with pytest.warns(RuntimeWarning, match="double runs as NumPy: as native code it gave another result") as caught:
        np.testing.assert_allclose(f(X), double(X))
    assert caught[0].filename == __file__
    assert f.target == "numpy"
    np.testing.assert_allclose(f(2 * X), double(2 * X))


def test_where_the_function_is_the_reason_the_error_says_so() -> None:
    calls = []

    def f(x: Any) -> Any:
        calls.append(1)
        return x * (1.0 if len(calls) % 3 else 2.0)

    compiled = tg.compile(f, target="c")
    with pytest.raises(RuntimeError, match="does not reproduce the function"):
        compiled(X)
    assert compiled.target == "c"


@pytest.mark.parametrize("name", ["gcc", "clang", "ziglang"])
def test_every_compiler_makes_it_without_a_word(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    if name == "ziglang":
        pytest.importorskip("ziglang")
    elif shutil.which(name) is None:
        pytest.skip(f"{name} is not there")
    monkeypatch.setenv("CC", f"{sys.executable} -m ziglang cc" if name == "ziglang" else name)
    x = np.linspace(-1, 1, 12).reshape(3, 4)

    def f(x: Any) -> Any:
        choices = np.where(np.logical_and(x > 0, x < 0.5), np.maximum(x, 0.3), np.arctan(x)) + np.sin(x) ** 3
        return tg.softmax(choices), np.max(x, axis=0), x @ x.T, np.hypot(x, 1.0)

    compiled = tg.compile(f, target="c")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = compiled(x)
    assert compiled.target == "c"
    for a, b in zip(found, f(x), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)
