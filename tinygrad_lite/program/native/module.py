"""The C of a whole extension module: for each kernel a function that Python calls, and `entry` for a whole program.

A kernel's function takes arrays and numbers and gives an array for each result, or a tuple of them. `entry` takes the
arguments as the user gave them: it recognises the one kind of arguments that the program is for (anything else gets
NotImplemented), takes the arrays out of their dicts and lists, and builds the tree of results.

What the functions refer to (arrays that are constants, keys, tensors) they find in a tuple, their `self`.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from ... import tree
from ..program import Node, Program, is_scalar
from .forms import SUFFIXES, TYPES
from .printer import PrintedKernel
from .steps import size

NUMBERS = {
    np.dtype(np.float64): "NPY_DOUBLE",
    np.dtype(np.float32): "NPY_FLOAT",
    np.dtype(np.int64): "NPY_INT64",
    np.dtype(np.int32): "NPY_INT32",
    np.dtype(np.bool_): "NPY_BOOL",
}
ON_STACK = 65_536  # bytes of scratch memory that are taken from the stack
RELEASE_FROM = 50_000  # entries; work beside which releasing the interpreter's lock costs nothing

HEADERS = ("runtime.h", "elementwise.h", "vector_math.h", "rows.h", "product_calls.h", "blas.h", "threads.h")

_FOOT = """
static PyObject *tg_bind(PyObject *module, PyObject *args)
{
    const char *name;
    PyObject *objects;
    if (!PyArg_ParseTuple(args, "sO!", &name, &PyTuple_Type, &objects))
        return NULL;
    for (PyMethodDef *f = tg_functions; f->ml_name; f++)
        if (!strcmp(f->ml_name, name))
            return PyCFunction_New(f, objects);
    PyErr_SetString(PyExc_KeyError, name);
    return NULL;
}

static PyObject *tg_use_blas(PyObject *module, PyObject *args)
{
    unsigned long long d, s;
    if (!PyArg_ParseTuple(args, "KKi", &d, &s, &tg_blas_is_64))
        return NULL;
    tg_dgemm = (void *)(uintptr_t)d;
    tg_sgemm = (void *)(uintptr_t)s;
    Py_RETURN_NONE;
}

static PyObject *tg_use_product(PyObject *module, PyObject *args)
{
    const char *name;
    unsigned long long address;
    if (!PyArg_ParseTuple(args, "sK", &name, &address))
        return NULL;
    void *function = (void *)(uintptr_t)address;
    if (!strcmp(name, "tg_rows_f64"))
        tg_rows_f64 = (tg_rows_kind_f64 *)function;
    else if (!strcmp(name, "tg_rows_f32"))
        tg_rows_f32 = (tg_rows_kind_f32 *)function;
    else if (!strcmp(name, "tg_dots_f64"))
        tg_dots_f64 = (tg_dots_kind_f64 *)function;
    else
        tg_dots_f32 = (tg_dots_kind_f32 *)function;
    Py_RETURN_NONE;
}

static PyMethodDef tg_methods[] = {
    {"bind", tg_bind, METH_VARARGS, "A function of this module, with the objects that it refers to."},
    {"use_blas", tg_use_blas, METH_VARARGS, "Where BLAS is."},
    {"use_product", tg_use_product, METH_VARARGS, "Where a function of products.h is."},
    {0}};
static struct PyModuleDef tg_module = {PyModuleDef_HEAD_INIT, "tinygrad_native", 0, -1, tg_methods};

PyMODINIT_FUNC PyInit_tinygrad_native(void)
{
    import_array();
    return PyModule_Create(&tg_module);
}
"""


def print_module(
    texts: dict[str, str], entry: Entry | None, program: Program, kernels: Sequence[PrintedKernel], careful: bool
) -> str:
    """The text of the extension module. texts: of the functions that Python calls, by their names. entry: of the whole
    program, where that is one kernel, the one in kernels."""
    parts = [f'#include "{name}"' for name in HEADERS]
    parts += ["", *texts.values()]
    functions = list(texts)
    if entry is not None:
        parts.append(_EntryPrinter(entry, program, kernels[0]).print(careful))
        functions.append("entry")
    table = [f'    {{"{name}", (PyCFunction)(void (*)(void)){name}, METH_FASTCALL, 0}},' for name in functions]
    return "\n".join([*parts, "static PyMethodDef tg_functions[] = {", *table, "    {0}};", _FOOT])


def _kind_name(node: Node) -> str:
    """The dtype, number of axes and shape, as arguments."""
    return f"{NUMBERS[node.dtype]}, {len(node.shape)}, {shape_name(node.shape)}"


def shape_name(shape: tuple[int, ...]) -> str:
    return f"(const npy_intp[]){{{', '.join(map(str, shape)) or '0'}}}"


def _is_number(node: Node) -> bool:
    return bool(node.shape == ())


# -- around a kernel -------------------------------------------------------------------------------------------------


def _print_declarations(printed: PrintedKernel) -> list[str]:
    kernel = printed.kernel
    lines = [
        "    static tg_piece *kept = NULL;" if printed.scratch > ON_STACK else "",
        f"    char *p[{max(printed.pointers, 1)}];",
        f"    PyObject *owned[{len(kernel.inputs) + 1}] = {{0}};",
        f"    PyObject *results[{len(kernel.outputs) + 1}] = {{0}};",
        f"    double numbers[{len(kernel.inputs) + len(kernel.outputs) + 1}];",
        "    PyObject *answer = NULL;",
        "    (void)p; (void)owned; (void)results; (void)numbers;",
    ]
    return [line for line in lines if line]


def _print_run(printed: PrintedKernel, careful: bool, invalid: str) -> list[str]:
    """From arguments in `p` to results in `results`."""
    kernel = printed.kernel
    first = len(kernel.inputs) + len(kernel.constants)
    lines = []
    for i, _ in enumerate(kernel.constants):
        lines.append(f"    p[{len(kernel.inputs) + i}] = PyArray_DATA((PyArrayObject *)PyTuple_GET_ITEM(self, {i}));")
    for i, node in enumerate(kernel.outputs):
        if _is_number(node):
            lines.append(f"    p[{first + i}] = (char *)&numbers[{len(kernel.inputs) + i}];")
        else:
            lines += [
                f"    results[{i}] = tg_new({_kind_name(node)});",
                f"    if (results[{i}] == NULL)",
                "        goto end;",
                f"    p[{first + i}] = PyArray_DATA((PyArrayObject *)results[{i}]);",
            ]
    work = sum(size(step.space) for step in kernel.steps)
    run = [f"        {printed.name}(p, scratch);"]
    if work >= RELEASE_FROM:
        run = ["        Py_BEGIN_ALLOW_THREADS", *run, "        Py_END_ALLOW_THREADS"]
    if printed.scratch > ON_STACK:
        lines += [
            "    {",
            f"        char *scratch = tg_take_memory(&kept, {printed.scratch});",
            "        if (scratch == NULL) {",
            "            PyErr_NoMemory();",
            "            goto end;",
            "        }",
            *run,
            "        tg_keep_memory(&kept, scratch);",
            "    }",
        ]
    else:
        lines += ["    {", f"        char scratch[{printed.scratch + 1}] __attribute__((aligned(64)));", *run, "    }"]
    for i, node in enumerate(kernel.outputs):
        if careful and node.dtype.kind == "f":
            suffix = SUFFIXES[TYPES[node.dtype]]
            lines.append(f"    if (tg_has_nan_{suffix}(p[{first + i}], {size(node.shape)})) {{ {invalid} }}")
    for i, node in enumerate(kernel.outputs):
        if _is_number(node):
            number = f"p[{first + i}]"
            if node.weak and node.dtype.kind == "f":
                text = f"PyFloat_FromDouble(*(double *){number})"
            elif node.weak:
                text = f"PyLong_FromLongLong(*(int64_t *){number})"
            else:
                text = f"tg_number({number}, {NUMBERS[node.dtype]})"
            lines += [f"    results[{i}] = {text};", f"    if (results[{i}] == NULL)", "        goto end;"]
    return lines


def _print_end(printed: PrintedKernel, more: Sequence[str] = ()) -> list[str]:
    kernel = printed.kernel
    return [
        "end:",
        f"    for (int i = 0; i < {len(kernel.inputs)}; i++)",
        "        Py_XDECREF(owned[i]);",
        f"    for (int i = 0; i < {len(kernel.outputs)}; i++)",
        "        Py_XDECREF(results[i]);",
        *more,
        "    return answer;",
        "}",
        "",
    ]


def print_kernel_call(printed: PrintedKernel, careful: bool) -> str:
    """`kernel0_call(inputs…)`."""
    kernel = printed.kernel
    head = f"TG_QUICK static PyObject *{printed.name}_call(PyObject *self, PyObject *const *args, Py_ssize_t count)"
    lines = [head, "{", *_print_declarations(printed)]
    lines += [
        f"    if (count != {len(kernel.inputs)}) {{",
        '        PyErr_SetString(PyExc_TypeError, "another number of arguments");',
        "        return NULL;",
        "    }",
    ]
    for i, node in enumerate(kernel.inputs):
        take = f"tg_take(args[{i}], {_kind_name(node)}, &owned[{i}])"
        if _is_number(node) and node.dtype == np.float64:
            lines += [
                f"    if (PyFloat_CheckExact(args[{i}])) {{",
                f"        numbers[{i}] = PyFloat_AS_DOUBLE(args[{i}]);",
                f"        p[{i}] = (char *)&numbers[{i}];",
                f"    }} else if ((p[{i}] = {take}) == NULL)",
                "        goto end;",
            ]
        else:
            lines += [f"    p[{i}] = {take};", f"    if (p[{i}] == NULL)", "        goto end;"]
    invalid = f"PyErr_SetNone(PyTuple_GET_ITEM(self, {len(kernel.constants)})); goto end;"
    lines += _print_run(printed, careful, invalid)
    if len(kernel.outputs) == 1:
        lines += ["    answer = results[0];", "    results[0] = NULL;"]
    else:
        n = len(kernel.outputs)
        lines += [
            f"    answer = PyTuple_New({n});",
            "    if (answer == NULL)",
            "        goto end;",
            f"    for (int i = 0; i < {n}; i++) {{",
            "        PyTuple_SET_ITEM(answer, i, results[i]);",
            "        results[i] = NULL;",
            "    }",
        ]
    return "\n".join([*lines, *_print_end(printed)])


# -- the whole program -----------------------------------------------------------------------------------------------


OUTSIDE: Final = object()
"""Stands for the function `outside`. (None may be among a function's results.)"""


@dataclass
class Entry:
    """What `entry` needs to know. arguments, results: their structure. leaves: of the arguments. static: those that are
    part of the program.

    objects: once it is printed, what the function refers to, in the order of its `self`: the kernel's constants, the
    function `outside` (OUTSIDE, until it exists), and what else turned up.
    """

    arguments: tree.Structure
    results: tree.Structure
    leaves: Sequence[Any]
    static: Container[int]
    objects: list[Any] = field(default_factory=list)

    def fits(self, program: Program) -> bool:
        """Whether it can be written in C for this program: the forms of arguments and results, and results that are
        made by it."""
        outputs = [x for x in program.outputs if type(x) is Node]
        made = set(program.steps)
        if len(set(outputs)) != len(outputs) or not all(x in made for x in outputs):
            return False
        if not all(type(x) is Node or is_scalar(x) for x in program.outputs):
            return False
        return _has_plain_nodes(self.arguments) and _has_plain_nodes(self.results)


class _EntryPrinter:
    """Prints `entry` for a program that is one kernel."""

    def __init__(self, entry: Entry, program: Program, printed: PrintedKernel) -> None:
        self.entry, self.program, self.printed = entry, program, printed
        self.objects = entry.objects = [*(array for _, array in printed.kernel.constants), OUTSIDE]
        self.lines: list[str] = []
        self.leaves = enumerate(entry.leaves)
        self.inputs = iter(program.inputs)
        self.outputs = iter(program.outputs)
        self.position = {node: i for i, node in enumerate(printed.kernel.inputs)}  # in `p`
        self.number = {node: i for i, node in enumerate(printed.kernel.outputs)}  # in `results`
        self.parts = self.trees = 0  # names used so far

    def refer(self, value: Any) -> str:
        """The expression of an object among those that the function refers to."""
        for i, known in enumerate(self.objects):
            if known is value:
                return f"PyTuple_GET_ITEM(self, {i})"
        self.objects.append(value)
        return f"PyTuple_GET_ITEM(self, {len(self.objects) - 1})"

    def print(self, careful: bool) -> str:
        """`entry(arguments…)`."""
        kernel = self.printed.kernel
        arguments = self.entry.arguments.children
        for i, child in enumerate(arguments):
            self._take_apart(child, f"args[{i}]")
        lines = [
            "static PyObject *entry(PyObject *self, PyObject *const *args, Py_ssize_t count)",
            "{",
            *_print_declarations(self.printed),
            "    PyObject *found = NULL;",
            f"    if (count != {len(arguments)})",
            "        goto other;",
            *self.lines,
        ]
        lines += [
            f"    PyObject *outside = PyTuple_GET_ITEM(self, {len(kernel.constants)});",
            "    if (outside != Py_None) {",
            "        found = PyObject_CallNoArgs(outside);",
            "        if (found == NULL)",
            "            goto end;",
            "        if (!PyTuple_CheckExact(found))",
            "            goto other;",
            "    }",
        ]
        for i, node in enumerate(self.inputs):
            if node in self.position:
                lines += self._print_take(f"PyTuple_GET_ITEM(found, {i})", node)
        for node, tensor in self.program.captures:
            if node in self.position:
                at = self.position[node]
                name = self.refer("_array")
                lines += [
                    f"    owned[{at}] = PyObject_GetAttr({self.refer(tensor)}, {name});",
                    f"    if (owned[{at}] == NULL)",
                    "        goto end;",
                    f"    if (!tg_is_array(owned[{at}], {_kind_name(node)}))",
                    "        goto other;",
                    f"    p[{at}] = PyArray_DATA((PyArrayObject *)owned[{at}]);",
                ]
        lines += _print_run(self.printed, careful, "goto other;")
        self.lines = []
        text = self._build(self.entry.results)
        lines += ["    {", *self.lines, f"        answer = {text};"]
        if text.startswith("results["):
            lines.append(f"        {text} = NULL;")
        lines += ["    }", "    goto end;", "other:", "    answer = Py_NewRef(Py_NotImplemented);"]
        return "\n".join([*lines, *_print_end(self.printed, ["    Py_XDECREF(found);"])])

    # -- arguments

    def _take_apart(self, structure: tree.Structure, value: str) -> None:
        if structure.kind is tree.LEAF:
            self._test_leaf(value)
            return
        if structure.kind is tree.STATIC:
            self.lines += [f"    if ({value} != {self.refer(structure.meta)})", "        goto other;"]
            return
        count = len(structure.children)
        parts = f"t{self.parts}"
        self.parts += 1
        if structure.kind is dict:
            keys = self.refer(tuple(structure.meta))
            self.lines += [
                f"    PyObject *{parts}[{count + 1}];",
                f"    if (!tg_values({value}, {keys}, {parts}))",
                "        goto other;",
            ]
            children = [f"{parts}[{i}]" for i in range(count)]
        else:
            name = "List" if structure.kind is list else "Tuple"
            self.lines += [
                f"    if (!Py{name}_CheckExact({value}) || Py{name}_GET_SIZE({value}) != {count})",
                "        goto other;",
            ]
            children = [f"Py{name}_GET_ITEM({value}, {i})" for i in range(count)]
        for child, part in zip(structure.children, children, strict=True):
            self._take_apart(child, part)

    def _test_leaf(self, value: str) -> None:
        i, x = next(self.leaves)
        if i in self.entry.static:
            self.lines += [f"    if (!tg_is_number({value}, {self.refer(x)}))", "        goto other;"]
            return
        node = next(self.inputs)
        if type(x) is float:
            self.lines += [f"    if (!PyFloat_CheckExact({value}))", "        goto other;"]
        elif type(x) is not np.ndarray:
            self.lines += [f"    if ((PyObject *)Py_TYPE({value}) != {self.refer(type(x))})", "        goto other;"]
        else:
            known = node.dtype in NUMBERS
            test = f"    if (!tg_is_array({value}, {_kind_name(node)}))" if known else "    if (1)"
            self.lines += [test, "        goto other;"]
        if node in self.position and type(x) is np.ndarray:  # owned: other threads may take it out of its dict
            at = self.position[node]
            self.lines += [
                f"    owned[{at}] = Py_NewRef({value});",
                f"    p[{at}] = PyArray_DATA((PyArrayObject *){value});",
            ]
        elif node in self.position:
            self.lines += self._print_take(value, node)

    def _print_take(self, value: str, node: Node) -> list[str]:
        at = self.position[node]
        if _is_number(node) and node.weak and node.dtype == np.float64:
            return [
                f"    if (!PyFloat_CheckExact({value}))",
                "        goto other;",
                f"    numbers[{at}] = PyFloat_AS_DOUBLE({value});",
                f"    p[{at}] = (char *)&numbers[{at}];",
            ]
        take = f"tg_take({value}, {_kind_name(node)}, &owned[{at}])"
        return [f"    p[{at}] = {take};", f"    if (p[{at}] == NULL)", "        goto end;"]

    # -- results

    def _build(self, structure: tree.Structure) -> str:
        """An expression of a new reference to the tree of results; the lines before it are added."""
        if structure.kind is tree.LEAF:
            x = next(self.outputs)
            if type(x) is not Node:
                return f"Py_NewRef({self.refer(x)})"
            return f"results[{self.number[x]}]"
        if structure.kind is tree.STATIC:
            return f"Py_NewRef({self.refer(structure.meta)})"
        name = f"r{self.trees}"
        self.trees += 1
        count = len(structure.children)
        kinds = {dict: "PyDict_New()", list: f"PyList_New({count})", tuple: f"PyTuple_New({count})"}
        self.lines += [
            f"        PyObject *{name} = {kinds[structure.kind]};",
            f"        if ({name} == NULL)",
            "            goto end;",
        ]
        for i, child in enumerate(structure.children):
            text = self._build(child)
            if structure.kind is dict:
                key = self.refer(structure.meta[i])
                if text.startswith("results["):
                    self.lines.append(f"        PyDict_SetItem({name}, {key}, {text});")
                else:
                    self.lines += [
                        f"        {{ PyObject *x = {text};",
                        f"          PyDict_SetItem({name}, {key}, x);",
                        "          Py_DECREF(x); }",
                    ]
                continue
            kind = "List" if structure.kind is list else "Tuple"
            self.lines.append(f"        Py{kind}_SET_ITEM({name}, {i}, {text});")
            if text.startswith("results["):
                self.lines.append(f"        {text} = NULL;")
        return name


def _has_plain_nodes(structure: tree.Structure) -> bool:
    if structure.kind is tree.STATIC:
        return not isinstance(structure.meta, (str, bytes))
    if structure.kind is not tree.LEAF and structure.kind not in (dict, list, tuple):
        return False
    return all(map(_has_plain_nodes, structure.children))
