"""`help()` of every public name: a signature, a first line, every argument, and an example that runs.

(That the examples run, and print what they say, is pytest's --doctest-modules; see pyproject.toml.)
"""

import importlib
import inspect
import re
from types import GetSetDescriptorType, MemberDescriptorType, ModuleType

import pytest

import tinygrad_lite
from tinygrad_lite.compile import Compiled
from tinygrad_lite.diagnosis.power import Power
from tinygrad_lite.diagnosis.report import Comparison, Finding
from tinygrad_lite.diagnosis.report import Entry as CompareEntry
from tinygrad_lite.draw import Drawing
from tinygrad_lite.op import Op
from tinygrad_lite.rules.buffers import Buffer
from tinygrad_lite.training import History

# What has no example, and why.
WITHOUT_EXAMPLE = {
    "tinygrad_lite.TraceError": "an error: what raises it tells more",
    "tinygrad_lite.testing.GradientError": "an error: see check_gradients",
    "tinygrad_lite.check.FileReport": "made by check_file, which has one",
    "tinygrad_lite.check.FunctionVerdict": "made by check_file, which has one",
}
SELF_EXPLANATORY = {"args", "kwargs", "dtype", "x"}
MADE_BY_THE_LIBRARY = {"tinygrad_lite.tree.Structure", "tinygrad_lite.testing.Verdict"}  # and by nobody else
RETURNED = [Compiled, Comparison, Finding, CompareEntry, History, Drawing, Op, Buffer, Power]


def public_modules() -> list[ModuleType]:
    """The package, and every module that its `__all__` and theirs name; and that of the command."""
    found = [tinygrad_lite]
    for module in found:
        parts = (getattr(module, name) for name in module.__all__)
        found += [part for part in parts if isinstance(part, ModuleType) and part not in found]
    return [*found, importlib.import_module("tinygrad_lite.check")]


MODULES = public_modules()
PUBLIC = {
    f"{module.__name__}.{name}": getattr(module, name)
    for module in MODULES
    for name in module.__all__
    if not isinstance(getattr(module, name), ModuleType)
}


def read_parameters(value):
    """The names of a function's arguments, or of those that make an instance of a class."""
    if isinstance(value, type) and issubclass(value, Exception):
        return []
    return [name for name in inspect.signature(value).parameters if name != "self"]


def read_with_references(value, module):
    """Its docstring, those that it names in backticks, and its module's, where conventions stand."""
    own = inspect.getdoc(value) or ""
    home = importlib.import_module(value.__module__)
    names = [name.rpartition(".")[2] for name in re.findall(r"`([\w.]+)`", own)]
    near = [
        getattr(place, name)
        for name in names
        for place in (module, home, tinygrad_lite.nn.functional)
        if hasattr(place, name)
    ]
    return "\n".join([own, *(inspect.getdoc(each) or "" for each in near), module.__doc__, home.__doc__ or ""])


def test_every_module_says_what_it_is_and_what_is_public():
    assert len(MODULES) > 15
    assert [
        m.__name__ for m in MODULES if not (m.__doc__ or "").partition("\n")[0].rstrip().endswith(tuple(".:,"))
    ] == []
    assert [m.__name__ for m in MODULES if len(m.__all__) != len(set(m.__all__))] == []


def test_help_of_the_package_has_a_place_for_every_name():
    words = set(re.findall(r"\w+", tinygrad_lite.__doc__))
    assert set(tinygrad_lite.__all__) - words == set()


@pytest.mark.parametrize("name", PUBLIC)
def test_help_says_what_it_does_names_every_argument_and_has_an_example(name):
    doc = inspect.getdoc(PUBLIC[name]) or ""
    summary = doc.partition("\n\n")[0]
    assert summary.endswith((".", ":", ")")), f"the docstring of {name} begins with no sentence: {summary!r}"
    assert inspect.getdoc(object) != doc != inspect.getdoc(type)
    if name not in MADE_BY_THE_LIBRARY:
        missing = find_missing_arguments(name)
        assert missing == [], f"the docstring of {name} says nothing of {', '.join(missing)}"
    assert (">>> " in doc) != (name in WITHOUT_EXAMPLE)


def find_missing_arguments(name):
    """Those of which neither its docstring nor one that it names says anything."""
    value = PUBLIC[name]
    text = read_with_references(value, importlib.import_module(name.rpartition(".")[0]))
    return [p for p in read_parameters(value) if not re.search(rf"\b{p}\b", text) and p not in SELF_EXPLANATORY]


CLASSES = [value for value in PUBLIC.values() if isinstance(value, type)] + RETURNED


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_help_describes_every_method(kind):
    """(What raises when it is read, a name of PyTorch's, says itself what to write.)"""
    members = {name: getattr(kind, name, None) for name in vars(kind) if not name.startswith("_")}
    fields = (MemberDescriptorType, GetSetDescriptorType)  # which the class's own docstring describes
    methods = {name: m for name, m in members.items() if inspect.isroutine(m) or isinstance(m, property)}
    assert [name for name, m in methods.items() if not isinstance(m, fields) and not inspect.getdoc(m)] == []
