"""The API reference, docs/api/: a page of Markdown for every public module, made from its docstrings.

    python docs/make_api.py    (or: make api)

What a module's `dir` shows is public. A page has the signature of every name, its docstring and the file it is in.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "api"

PAGES = [
    "tg",
    "tg.nn",
    "tg.nn.functional",
    "tg.nn.init",
    "tg.optim",
    "tg.optim.lr_scheduler",
    "tg.data",
    "tg.tree",
    "tg.plot",
    "tg.testing",
    "tg.testing.strategies",
    "tg.scipy",
    "tg.scipy.fft",
    "tg.scipy.linalg",
    "tg.scipy.special",
    "tinygrad_lite.check",
]
# Classes of what the functions of a page return, which are not imported by those who use them; and where they are.
RETURNED = {
    "tg": {
        "Buffer": "rules.buffers",
        "Comparison": "diagnosis.report",
        "Compiled": "compile",
        "Drawing": "draw",
        "Finding": "diagnosis.report",
        "History": "training",
        "Power": "diagnosis.power",
    },
}
WIDTH = 100  # of a signature; a longer one has a line for each parameter


def main() -> None:
    """Write the pages, and remove those of modules that are gone."""
    FOLDER.mkdir(exist_ok=True)
    pages = make_pages()
    for old in set(FOLDER.glob("*.md")) - {FOLDER / name for name in pages}:
        old.unlink()
    for name, text in pages.items():
        (FOLDER / name).write_text(text, encoding="utf-8")


def make_pages() -> dict[str, str]:
    """Every page by its file's name; README.md is the list of the others."""
    rows = [f"| [{page}]({page}.md) | {_summary(module_of(page))} |" for page in PAGES]
    index = f"# API reference\n\nMade from the docstrings, by `make api`.\n\n{_table(rows)}\n"
    return {"README.md": index} | {f"{page}.md": make_page(page) for page in PAGES}


def module_of(page: str) -> ModuleType:
    return importlib.import_module(re.sub(r"^tg\b", "tinygrad_lite", page))


def public_names(page: str) -> dict[str, Any]:
    """What the module shows, and the classes of what its functions return."""
    module = module_of(page)
    found = {name: getattr(module, name) for name in dir(module) if not name.startswith("_")}
    for name, place in RETURNED.get(page, {}).items():
        found[name] = getattr(importlib.import_module(f"tinygrad_lite.{place}"), name)
    return dict(sorted(found.items(), key=lambda item: (item[0].lower(), item[0])))


# -- a page ------------------------------------------------------------------------------------------------------------


def make_page(page: str) -> str:
    module, names = module_of(page), public_names(page)
    blocks, rows = [f"# {page}", markdown(_doc(module)), f"{_link_to_file(module)} · [all modules](README.md)"], []
    for name, value in names.items():
        if inspect.ismodule(value):
            rows.append(f"| [`{name}`]({page}.{name}.md) | {_summary(value)} |")
        else:
            rows.append(f"| [`{name}`](#{anchor(heading(name, value))}) | {_summary(value)} |")
    blocks.append(_table(rows))
    for name, value in names.items():
        if not inspect.ismodule(value):
            signature = "" if _is_made_elsewhere(page, name, value) else write_signature(name, value)
            end = " · ".join([_link_to_file(value), *_link_to_base(value, names)])
            blocks += [f"## {heading(name, value)}", *describe(name, value, signature), end]
    return "\n\n".join(blocks) + "\n"


def _is_made_elsewhere(page: str, name: str, value: Any) -> bool:
    """Whether a signature would tell how to make what nobody makes. (That of a dataclass tells its fields.)"""
    return name in RETURNED.get(page, {}) and not dataclasses.is_dataclass(value)


def describe(name: str, value: Any, signature: str) -> Iterator[str]:
    """The signature and the docstring; of a class its methods, too: those that a line describes in a table."""
    if signature:
        yield f"```python\n{signature}\n```"
    yield markdown(_doc(value))
    rows, sections = [], []
    for method, function in methods(value).items() if inspect.isclass(value) else ():
        bound = not isinstance(vars(value)[method], staticmethod)
        signature = "" if isinstance(function, property) else write_signature(method, function, bound)
        if "\n" in signature + _doc(function):
            sections += [f"### {name}.{method}", *describe(method, function, signature)]
        else:
            rows.append(f"| `{_fit_table(signature or method)}` | {_fit_table(markdown(_doc(function)))} |")
    if rows:
        yield _table(rows)
    yield from sections


def methods(cls: type) -> dict[str, Any]:
    """The public methods and properties that a class has and its bases have not, or describe otherwise."""
    members = {name: getattr(value, "__func__", value) for name, value in vars(cls).items() if name[0] != "_"}
    described = {name for base in cls.__mro__[1:] for name in vars(base)}
    return {
        name: value
        for name, value in members.items()
        if (inspect.isfunction(value) or isinstance(value, property)) and (value.__doc__ or name not in described)
    }


def heading(name: str, value: Any) -> str:
    return f"class {name}" if inspect.isclass(value) else name


def anchor(title: str) -> str:
    """What sites that host code make of a heading, to be linked to."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def _link_to_file(value: Any) -> str:
    module = value if inspect.ismodule(value) else importlib.import_module(value.__module__)
    path = Path(str(module.__file__)).resolve().relative_to(ROOT).as_posix()
    return f"[`{path}`](../../{path})"


def _link_to_base(value: Any, names: dict[str, Any]) -> Iterator[str]:
    """To the class on the same page whose methods a class has, too."""
    above = value.__mro__[1:] if inspect.isclass(value) else ()
    bases = [base for base in above if base in names.values() and methods(base)]
    if bases:
        yield f"methods of [`{bases[0].__name__}`](#{anchor(heading(bases[0].__name__, bases[0]))}), too"


def _table(rows: list[str]) -> str:
    return "\n".join(["| | |", "|---|---|", *rows])


def _fit_table(text: str) -> str:
    return text.replace("\n", " ").replace("|", r"\|")


# -- signatures --------------------------------------------------------------------------------------------------------


def write_signature(name: str, value: Any, bound: bool = False) -> str:
    """As in the source, but without `Any`, which tells nothing. bound: without the first parameter, the object."""
    if inspect.isclass(value) and issubclass(value, (Enum, Exception)) and "__init__" not in vars(value):
        return ""  # it has none of its own
    signature = inspect.signature(value)
    parameters = list(signature.parameters.values())[bound:]
    words: list[str] = []
    for parameter in parameters:
        if parameter.kind is parameter.KEYWORD_ONLY and not any(word.startswith("*") for word in words):
            words.append("*")
        words.append(_write_parameter(parameter))
    by_position_only = sum(parameter.kind is parameter.POSITIONAL_ONLY for parameter in parameters)
    if by_position_only:
        words.insert(by_position_only, "/")
    returned = _write_type(signature.return_annotation)
    end = f") -> {returned}" if returned not in ("", "None") else ")"
    line = f"{name}({', '.join(words)}{end}"
    return line if len(line) <= WIDTH else f"{name}(\n    " + ",\n    ".join(words) + f",\n{end}"


def _write_parameter(parameter: inspect.Parameter) -> str:
    stars = "*" if parameter.kind is parameter.VAR_POSITIONAL else ""
    stars = "**" if parameter.kind is parameter.VAR_KEYWORD else stars
    kind, default = _write_type(parameter.annotation), parameter.default
    text = f"{stars}{parameter.name}: {kind}" if kind else f"{stars}{parameter.name}"
    if default is parameter.empty:
        return text
    shown = default.__name__ if inspect.isclass(default) else repr(default).replace("<factory>", "…")
    return f"{text} = {shown}" if kind else f"{text}={shown}"


def _write_type(annotation: Any) -> str:
    """An annotation of the source. (Those that a decorator made are written otherwise by every version of it.)"""
    return annotation if isinstance(annotation, str) and annotation != "Any" else ""


# -- docstrings --------------------------------------------------------------------------------------------------------


def _doc(value: Any) -> str:
    text = inspect.getdoc(value)
    if not text:
        raise LookupError(f"{value!r} is public and has no docstring")
    return text


def markdown(text: str) -> str:
    """A docstring as Markdown: examples in fences, and what Markdown would take for its own signs escaped."""
    return "\n\n".join(_write_paragraph(part) for part in text.split("\n\n"))


def _write_paragraph(text: str) -> str:
    if text.startswith(">>>"):
        plain = re.sub(r" *# doctest: .*|^<BLANKLINE>$", "", text, flags=re.MULTILINE)
        return f"```python\n{plain}\n```"
    if text.startswith("    "):  # an indented block is code in Markdown, too
        return text
    return "".join(part if part.startswith("`") else _escape(part) for part in re.split(r"(`[^`]*`)", text))


def _escape(text: str) -> str:
    """Stars but those of a list, underscores at the edge of a word, and what could be HTML."""
    return re.sub(r"\*(?!\s)|(?<=\S)\*|(?<!\w)_(?=\w)|(?<=\w)_(?!\w)|<(?=[A-Za-z/!])", r"\\\g<0>", text)


def _summary(value: Any) -> str:
    """The first sentence, for a table. A sentence ends before a capital, or before what tells of an argument."""
    paragraph = _write_paragraph(_doc(value).partition("\n\n")[0])
    return _fit_table(re.split(r"(?<=\.)\s+(?=[A-Z(`]|\w+(?:, \w+)*: )", paragraph)[0])


if __name__ == "__main__":
    main()
