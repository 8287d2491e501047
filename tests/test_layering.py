"""Imports point downward only. Read from the source, so that an import inside a function counts too."""

import ast
import functools
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "tinygrad_lite"

# From the ground up; what stands on one line knows nothing of what stands on a later one, or of its neighbours.
LAYERS = [
    [
        "axes",
        "callsite",
        "containers",
        "context",
        "heap",
        "intervals",
        "notice",
        "optional",
        "pytorch_names",
        "rounding",
        "signatures",
        "structure",
    ],
    ["foreign", "keywords"],
    ["array_view", "dispatch", "marks", "tree"],
    ["reading"],
    ["tensor"],
    ["array_argument", "batched", "messages", "pulling"],
    ["partials"],
    ["operands", "users_ops"],
    ["alike", "batching"],
    ["calling"],
    ["op"],
    ["table", "infinities"],
    ["rules"],
    ["arguments", "backward", "activations", "leaving"],
    ["forward", "tensor_gradients", "missed"],
    ["lifting"],
    ["transforms"],
    ["vmap"],
    ["jacobians"],
    ["debug", "checkpoint", "testing", "program", "scipy", "nn", "optim", "io", "data"],
    ["diagnosis"],
    ["compile", "derive", "compare", "draw", "loops"],
    ["training", "minimize"],
    ["plot"],
    ["check"],
]
HEIGHT = {name: height for height, layer in enumerate(LAYERS) for name in layer}

# The same inside program/: what stands in a folder of its own serves one front end alone.
PROGRAM_LAYERS = [
    ["names", "program", "text", "gaps"],
    ["ranges", "sharing", "spelling", "trace"],
    ["rewrite", "outside"],
    ["tables"],
    ["simplify"],
    ["native", "derivation"],
    ["compiled"],
    ["drawing"],
]
PROGRAM_HEIGHT = {name: height for height, layer in enumerate(PROGRAM_LAYERS) for name in layer}
MODULES = sorted(PACKAGE.rglob("*.py"))


def unit(path: Path) -> str:
    """The part of the package that a file belongs to: a module, or a subpackage."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


UNITS = {unit(module) for module in MODULES}


@functools.cache
def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def imported(path: Path, root: Path = ROOT) -> set[str]:
    """Every module that the file imports, anywhere in it, by its full name; what is for type checkers alone is not."""
    package = path.relative_to(root).parts[:-1]
    found: set[str] = set()
    stack: list[Any] = [parse(path)]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            stack += node.orelse
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            start = list(package[: len(package) - node.level + 1]) if node.level else []
            base = ".".join(start + ([node.module] if node.module else []))
            found |= {f"{base}.{alias.name}" for alias in node.names}
        for part in ("body", "orelse", "finalbody", "handlers", "cases"):  # imports are statements
            stack += getattr(node, part, [])
    return found


def units_used(path: Path) -> set[str]:
    return {name.split(".")[1] for name in imported(path) if name.startswith("tinygrad_lite.")} & UNITS


def test_a_module_imports_only_from_layers_below():
    missing = UNITS - set(HEIGHT) - {"__init__"}
    assert missing == set(), "these have no layer yet: add them to LAYERS"
    upward = [
        f"{path.relative_to(ROOT)} imports {other}, which is not below it"
        for path in MODULES
        if (here := unit(path)) != "__init__"
        for other in units_used(path) - {here}
        if HEIGHT[other] >= HEIGHT[here]
    ]
    assert upward == []


def test_a_module_of_program_imports_only_from_layers_below():
    upward = []
    for path in (PACKAGE / "program").rglob("*.py"):
        here = path.relative_to(PACKAGE / "program").parts[0].removesuffix(".py")
        if here == "__init__":
            continue
        assert here in PROGRAM_HEIGHT, f"program/{here} has no layer yet: add it to PROGRAM_LAYERS"
        used = {name.split(".")[2] for name in imported(path) if name.startswith("tinygrad_lite.program.")}
        for other in used - {here}:
            if PROGRAM_HEIGHT[other] >= PROGRAM_HEIGHT[here]:
                upward.append(f"{path.relative_to(ROOT)} imports {other}")
    assert upward == []


def test_the_package_needs_nothing_but_numpy_to_be_imported():
    """Other libraries are imported inside the functions that use them."""
    needed = {}
    for path in MODULES:
        outside = set()
        for node in parse(path).body:
            if isinstance(node, ast.Import):
                outside |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                outside.add(str(node.module).split(".")[0])
        optional = {"hypothesis"} if path.name == "strategies.py" else set()
        if found := outside - set(sys.stdlib_module_names) - {"numpy", "tinygrad_lite"} - optional:
            needed[str(path.relative_to(ROOT))] = found
    assert needed == {}


def test_no_module_is_part_of_a_cycle():
    dotted = {_dotted(path): path for path in MODULES}
    uses = {path: {dotted[m] for m in _modules(imported(path), set(dotted))} for path in MODULES}
    for path in MODULES:
        seen, stack = set(), list(uses[path] - {path})
        while stack:
            module = stack.pop()
            if module.name == "__init__.py" and module in path.parents:
                continue
            assert module != path, f"{path.relative_to(ROOT)} imports itself through others"
            if module not in seen:
                seen.add(module)
                stack += uses[module]


def _dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _modules(names: set[str], known: set[str]) -> set[str]:
    """Those of our modules that the names are, or are in."""
    return {name if name in known else name.rpartition(".")[0] for name in names} & (known - {"tinygrad_lite"})


def test_the_network_by_hand_imports_numpy_only():
    names = imported(ROOT / "models" / "two_layer_manual.py")
    assert {name.split(".")[0] for name in names} <= {"__future__", "collections", "typing", "numpy"}


def test_an_upward_import_is_caught(tmp_path):
    package = tmp_path / "tinygrad_lite" / "rules"
    package.mkdir(parents=True)
    module = package / "bad.py"
    module.write_text("def f():\n    from ..transforms import grad\n    from .. import tree\n    import os.path\n")
    names = imported(module, tmp_path)
    assert names == {"tinygrad_lite.transforms.grad", "tinygrad_lite.tree", "os.path"}
