"""Functions in, functions out: gradients, vjp, jvp, jacobian, hessian, hvp.

Every transform lifts the arguments it differentiates (a fresh tensor, linked to the old one if there was one), runs the
function, and sweeps the recorded graph down to the lifted tensors. Nesting needs no levels: an inner transform's lifted
tensor is a node of the outer one's graph, so derivatives of derivatives come from sweeping a recorded sweep.

Arrays in, arrays out: a result is unwrapped unless an argument was a Tensor, or the function reached for a tensor of a
transform (or of a trace) that is still running around it.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import tree
from .backward import recorded, sweep
from .context import current, switched
from .op import linear, pick, record
from .tensor import GRAD, LIFTED, TRACED, Tensor, check_differentiable, label, leaf

_INSIDE = LIFTED | TRACED
Function = Callable[..., Any]

# The link from a lifted tensor to the one it stands for.
identity = linear(lambda x: x, lambda g, y, x: g, name="identity")


# -- tensors ---------------------------------------------------------------------------------------------------------


def gradients(
    y: Tensor, xs: Tensor | Sequence[Tensor], g: Any = None, create_graph: bool = False, disconnected: str = "raise"
) -> list[Any]:
    """The gradients of y with respect to tensors it was computed from, intermediate ones included.

    y: a Tensor; with g None it must have one element. xs: Tensors. g: the cotangent, of y's shape. create_graph: return
    Tensors that can be differentiated again (always so inside a transform). disconnected: what to do when y does not
    depend on one of xs: "raise" ValueError, since that is most often a lost connection, or give "zeros".

    >>> import numpy as np, tinygrad_lite as tg
    >>> x = tg.Tensor([1.0, 2.0], requires_grad=True)
    >>> h = x * x
    >>> tg.gradients(np.sum(np.exp(h)), [h, x])
    [array([ 2.71828183, 54.59815003]), array([  5.43656366, 218.39260013])]
    """
    if type(y) is not Tensor:
        raise TypeError(f"gradients: y is a {type(y).__name__}, not a Tensor")
    xs = [xs] if isinstance(xs, Tensor) else list(xs)
    for i, x in enumerate(xs):
        if type(x) is not Tensor:
            raise TypeError(f"gradients: xs[{i}] is a {type(x).__name__}, not a Tensor")
        if not x._flags & GRAD and disconnected == "raise":
            raise ValueError(
                f"gradients: xs[{i}] ({label(x)}) does not require a gradient, so y has none with respect to it; "
                "make it with tg.Tensor(..., requires_grad=True)"
            )
    if disconnected not in ("raise", "zeros"):
        raise ValueError(f"gradients: disconnected={disconnected!r}; it is 'raise' or 'zeros'")
    create_graph = create_graph or bool(y._flags & _INSIDE)
    seed = _seed(y, g, create_graph)
    nodes, _ = recorded([y])
    found = sweep(nodes, [(y, seed)], set(xs), create_graph)
    for i, x in enumerate(xs):
        if x not in found and disconnected == "raise":
            raise ValueError(
                f"gradients: y does not depend on xs[{i}] ({label(x)}, shape {x.shape}); was it computed from "
                '.numpy() or .detach(), or under no_grad()? Say disconnected="zeros" if zero is meant'
            )
    return _results([found.get(x) for x in xs], xs, [g], create_graph)


def backward(y: Tensor, g: Any = None) -> None:
    """Add the gradients of y into `.grad` of every leaf it was computed from that requires one.

    g: the cotangent, of y's shape; may be left out when y has one element.

    >>> import tinygrad_lite as tg
    >>> x = tg.Tensor(3.0, requires_grad=True)
    >>> (x * x).backward(); x.grad
    array(6.)
    """
    if y._flags & _INSIDE:
        raise RuntimeError(
            ".backward() inside a transform or a compiled function would store its gradients outside of it; "
            "use tg.gradients(y, xs), which returns them"
        )
    if not y._flags & GRAD:
        raise ValueError(
            f".backward(): {label(y)} was not computed from a tensor with requires_grad=True, or only under no_grad()"
        )
    nodes, _ = recorded([y])
    found = sweep(nodes, [(y, _seed(y, g, False))], None, False)
    leaves = list(found)
    for x, gx in zip(leaves, _results(list(found.values()), leaves, [g], False), strict=True):
        x.grad = gx if x.grad is None else x.grad + gx


def stop_gradient(x: Any) -> Any:
    """The same numbers, treated as constant.

    >>> import tinygrad_lite as tg
    >>> tg.grad(lambda x: x * tg.stop_gradient(x))(3.0)
    array(3.)
    """
    if type(x) is not Tensor:
        return x
    return record(_stop, x._data, x._flags & ~(GRAD | LIFTED), (x,), {})


_stop = linear(lambda x: x, lambda g, y, x: g, name="stop_gradient")


def _seed(y: Tensor, g: Any, as_tensor: bool) -> Any:
    """The cotangent to start from, checked."""
    if g is None:
        if y.size != 1:
            raise ValueError(
                f"the gradient of {label(y)}, shape {y.shape}, needs g, a cotangent of that shape; "
                "only a one-element result has a gradient without it (did you mean np.sum or np.mean of it?)"
            )
        g = np.ones_like(y._data)
    elif type(g) is Tensor:
        g = g if as_tensor else g._read("gradients(…, g=t)")
    elif not hasattr(g, "__array_function__"):
        g = np.asarray(g)
    if g.shape != y.shape:
        raise ValueError(f"g has shape {g.shape}, but {label(y)} has shape {y.shape}; they must be equal")
    if g.dtype != y.dtype:
        if np.result_type(g.dtype, y.dtype) != y.dtype and g.dtype.kind not in "fc":
            raise TypeError(f"g is {g.dtype}, which is no cotangent for {y.dtype}")
        g = g.astype(y.dtype)
    return leaf(g, 0) if as_tensor and type(g) is not Tensor else g


def _results(found: list[Any], xs: Sequence[Tensor], given: Sequence[Any], as_tensors: bool) -> list[Any]:
    """What a transform hands out: zeros for what was not reached, and no array that anything else refers to."""
    results: list[Any] = []
    handed = {id(g._data if type(g) is Tensor else g) for g in given} | {id(x._data) for x in xs}
    for x, g in zip(xs, found, strict=True):
        if as_tensors:
            results.append(leaf(np.zeros_like(x._data), 0) if g is None else g if type(g) is Tensor else leaf(g, 0))
            continue
        if g is None:
            g = np.zeros_like(x._data)
        elif isinstance(g, np.generic) or (isinstance(g, np.ndarray) and (g.base is not None or id(g) in handed)):
            g = np.array(g)
        handed.add(id(g))
        results.append(np.asarray(g) if isinstance(g, np.generic) else g)
    return results


# -- lifting ---------------------------------------------------------------------------------------------------------


@dataclass
class _Run:
    """A function's recorded run: the lifted leaves, what came out, and whether to hand out Tensors."""

    leaves: list[Tensor]
    structures: list[tree.Structure]  # of each differentiated argument
    output: Any  # a tree of Tensors (and of plain arrays where nothing was recorded)
    inside: bool

    @property
    def oldest(self) -> int:
        return min((t._seq for t in self.leaves), default=0)


def _run(f: Function, args: Sequence[Any], argnums: Sequence[int], kwargs: dict[str, Any] | None = None) -> _Run:
    """Run f with the leaves of the chosen arguments lifted."""
    names = _argument_names(f, len(args))
    leaves: list[Tensor] = []
    structures = []
    arguments = list(args)
    inside = _tracing()  # a program must compute everything, what depends on no argument included
    for i in argnums:
        values, structure = tree.flatten(args[i])
        inside = inside or any(type(value) is Tensor for value in values)
        lifted = [_lift(v, path) for v, path in zip(values, tree.paths(args[i], names[i]), strict=True)]
        leaves += lifted
        structures.append(structure)
        arguments[i] = tree.unflatten(structure, lifted)
    mode = current()
    if mode is not None and not mode.grad_enabled:
        with switched(grad_enabled=True):
            output = f(*arguments, **(kwargs or {}))
    else:
        output = f(*arguments, **(kwargs or {}))
    return _Run(leaves, structures, output, inside)


def _tracing() -> bool:
    mode = current()
    return mode is not None and mode.tracing


def _lift(x: Any, path: str) -> Tensor:
    """A fresh tensor to differentiate with respect to."""
    if type(x) is Tensor:
        check_differentiable(x.dtype, path)
        lifted = leaf(x._data, x._flags | GRAD | LIFTED | (TRACED if _tracing() else 0), x.name or path)
        lifted._op, lifted._inputs = identity, (x,)
        return lifted
    array = x if hasattr(x, "__array_function__") and not isinstance(x, np.generic) else np.asarray(x)
    if array.dtype.kind == "O":
        raise TypeError(f"{path} is a {type(x).__name__}, not an array of numbers")
    check_differentiable(array.dtype, path)
    return leaf(array, GRAD | LIFTED, path)


def _argument_names(f: Function, count: int) -> list[str]:
    """The names of f's arguments, for messages and generated code."""
    names: list[str] = []
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        parameters = []  # type: ignore[assignment]
    for p in parameters:
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD):
            names.append(p.name)
    return (names + [f"arg{i}" for i in range(len(names), count)])[:count]


def _hand_out(value: Any, inside: bool, inputs: set[int]) -> Any:
    """A value f returned, unwrapped if no transform runs around this one."""
    if type(value) is not Tensor or inside:
        return value
    array = value._data
    if isinstance(array, np.ndarray) and (array.base is not None or id(array) in inputs or value._op is None):
        return array.copy()
    return array


def _hand_out_tree(output: Any, run: _Run) -> Any:
    inputs = {id(t._data) for t in run.leaves}
    return tree.map(lambda value: _hand_out(value, run.inside, inputs), output)


def _scalar(y: Any, f: Function, transform: str) -> Tensor | None:
    """f's result as a one-element Tensor; None if it is a plain number, which depends on nothing."""
    name = getattr(f, "__name__", "the function")
    if type(y) is not Tensor:
        if isinstance(y, (int, float, complex, np.generic)) or (isinstance(y, np.ndarray) and y.size == 1):
            return None
        kind = f"an array of shape {y.shape}" if isinstance(y, np.ndarray) else f"a {type(y).__name__}"
        raise TypeError(f"{transform}: {name} must return one number, not {kind}")
    if y.size != 1:
        raise ValueError(
            f"{transform}: {name} must return one number, but its result has shape {y.shape}; "
            "sum or average it, or use tg.vjp or tg.jacobian"
        )
    return y


def _indices(argnums: int | Sequence[int], args: Sequence[Any], transform: str) -> list[int]:
    chosen = [argnums] if isinstance(argnums, int) else list(argnums)
    for i in chosen:
        if not -len(args) <= i < len(args):
            raise ValueError(f"{transform}: argnums={argnums}, but {len(args)} positional arguments were given")
    return [i % len(args) for i in chosen]


def _pull(run: _Run, seeds: Sequence[tuple[Tensor, Any]], given: Sequence[Any] = ()) -> tuple[list[Any], bool]:
    """Gradients of the lifted leaves, and whether they are Tensors because something around depends on them."""
    live = [(y, g) for y, g in seeds if y._flags & GRAD]
    nodes, border = recorded([y for y, _ in live], oldest=run.oldest)
    inside = run.inside or bool(border & _INSIDE) or any(type(g) is Tensor for _, g in live)
    if inside:
        live = [(y, g if type(g) is Tensor else leaf(g, 0)) for y, g in live]
    found = sweep(nodes, live, set(run.leaves), inside)
    return _results([found.get(x) for x in run.leaves], run.leaves, given, inside), inside


def _by_argument(run: _Run, flat: Sequence[Any], single: bool) -> Any:
    """Results per leaf, as trees like the differentiated arguments."""
    trees, start = [], 0
    for structure in run.structures:
        trees.append(tree.unflatten(structure, flat[start : start + structure.size]))
        start += structure.size
    return trees[0] if single else tuple(trees)


# -- reverse mode ----------------------------------------------------------------------------------------------------


def value_and_grad(f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """The function that returns (f's value, its gradient).

    f: returns one number; with has_aux, a pair of that and anything else, which comes back as ((value, aux), gradient).
    argnums: which positional arguments to differentiate; an int gives the gradient itself, a sequence gives a tuple. An
    argument may be a tree of float arrays; its gradient is a tree of the same structure, shapes and dtypes.

    >>> import numpy as np, tinygrad_lite as tg
    >>> value, gradient = tg.value_and_grad(lambda p: np.sum(p["w"] ** 2))({"w": np.array([1.0, 2.0])})
    >>> float(value), gradient
    (5.0, {'w': array([2., 4.])})
    """

    @_documented_as(f, "value_and_grad")
    def transformed(*args: Any, **kwargs: Any) -> Any:
        run = _run(f, args, _indices(argnums, args, "value_and_grad"), kwargs)
        value, aux = run.output, None
        if has_aux:
            if not isinstance(run.output, tuple) or len(run.output) != 2:
                raise TypeError("value_and_grad(has_aux=True): the function must return a pair (value, auxiliary)")
            value, aux = run.output
        y = _scalar(value, f, "grad")
        seeds = [] if y is None else [(y, np.ones_like(y._data))]
        flat, run.inside = _pull(run, seeds)
        value, aux = _hand_out_tree(value, run), _hand_out_tree(aux, run)
        return ((value, aux) if has_aux else value), _by_argument(run, flat, isinstance(argnums, int))

    return transformed


def grad(f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """The function that returns the gradient of f (see `value_and_grad`); with has_aux, (gradient, aux).

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.grad(np.tanh)(0.0)
    array(1.)
    >>> tg.grad(tg.grad(lambda x: x ** 3))(2.0)
    array(12.)
    """
    both = value_and_grad(f, argnums, has_aux)

    @_documented_as(f, "grad")
    def transformed(*args: Any, **kwargs: Any) -> Any:
        value, gradient = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return transformed


def vjp(f: Function, *args: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """f's value, and the pullback: a cotangent of the value -> a tuple of cotangents, one per argument.

    Arguments and value may be trees; the cotangent has the value's structure and shapes.

    >>> import numpy as np, tinygrad_lite as tg
    >>> y, pullback = tg.vjp(np.multiply, np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    >>> pullback(np.array([1.0, 10.0]))
    (array([ 3., 40.]), array([ 1., 20.]))
    """
    run = _run(f, args, range(len(args)))
    outputs, structure = tree.flatten(run.output)

    def pullback(g: Any) -> tuple[Any, ...]:
        cotangents, given = tree.flatten(g)
        if given != structure:
            raise ValueError(f"pullback: the cotangent's structure {given} differs from the value's {structure}")
        seeds = [
            (y, _seed(y, c, type(c) is Tensor)) for y, c in zip(outputs, cotangents, strict=True) if type(y) is Tensor
        ]
        flat, _ = _pull(run, seeds, cotangents)
        return _by_argument(run, flat, False)  # type: ignore[no-any-return]

    _, border = recorded([y for y in outputs if type(y) is Tensor], oldest=run.oldest)
    run.inside = run.inside or bool(border & _INSIDE)
    return _hand_out_tree(run.output, run), pullback


# -- forward mode ----------------------------------------------------------------------------------------------------


def jvp(f: Function, args: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """f's value at args, and its derivative along tangents, in one forward pass over the recorded graph.

    tangents: one per argument, with its structure and shapes.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.jvp(np.sin, (0.0,), (2.0,))
    (np.float64(0.0), array(2.))
    """
    if len(args) != len(tangents):
        raise ValueError(f"jvp: {len(args)} arguments, but {len(tangents)} tangents; give one for each")
    run = _run(f, tuple(args), range(len(args)))
    ts: list[Any] = []
    for i, (tangent, structure) in enumerate(zip(tangents, run.structures, strict=True)):
        flat, given = tree.flatten(tangent)
        if given != structure:
            raise ValueError(f"jvp: tangents[{i}] has the structure {given}, its argument {structure}")
        ts += flat
    outputs, structure = tree.flatten(run.output)
    roots = [y for y in outputs if type(y) is Tensor and y._flags & GRAD]
    nodes, border = recorded(roots, oldest=run.oldest)
    inside = run.inside or bool(border & _INSIDE) or any(type(t) is Tensor for t in ts)
    started = {x: _tangent(x, t, inside) for x, t in zip(run.leaves, ts, strict=True)}
    found = _push(nodes, started, inside)
    values = [y if type(y) is Tensor else leaf(np.asarray(y), 0) for y in outputs]
    results = _results([found.get(y) for y in values], values, ts, inside)
    run.inside = inside
    return _hand_out_tree(run.output, run), tree.unflatten(structure, results)


def _tangent(x: Tensor, t: Any, as_tensor: bool) -> Any:
    if type(t) is not Tensor and not hasattr(t, "__array_function__"):
        t = np.asarray(t)
    if t.shape != x.shape:
        raise ValueError(f"jvp: the tangent of {label(x)} has shape {t.shape}, the argument {x.shape}")
    if t.dtype != x.dtype:
        t = t.astype(x.dtype)
    return leaf(t, 0) if as_tensor and type(t) is not Tensor else t


def _push(nodes: Sequence[Tensor], tangents: dict[Tensor, Any], recording: bool) -> dict[Tensor, Any]:
    """Carry tangents from the lifted leaves to the results: the sweep in the other direction, with the same rows."""
    for node in reversed(nodes):
        inputs = node._inputs
        ts: list[Any] = [tangents.get(x) if type(x) is Tensor else None for x in inputs]
        if node in tangents or all(t is None for t in ts):
            continue
        op: Any = node._op
        xs = inputs if recording else [x._data if type(x) is Tensor else x for x in inputs]
        y: Any = node if recording else node._data
        t: Any
        if op.kind in ("custom", "variadic"):
            t = _transposed(node, ts, y, xs, recording)
        elif op is pick:
            t = ts[0][node._params["index"]]
        else:
            t = op.jvp(ts, y, xs, node._params)
        if t is None:
            continue
        if op.outputs == 1:
            if t.shape != node.shape:
                t = np.broadcast_to(t, node.shape)
            if t.dtype != node.dtype:
                t = t.astype(node.dtype)
        tangents[node] = t
    return tangents


def _transposed(node: Tensor, ts: Sequence[Any], y: Any, xs: Sequence[Any], recording: bool) -> Any:
    """Forward mode of an op that has only a vjp: g -> vjp(g) is linear, and the transpose of that map is the jvp.

    For an op with several outputs, a list of tangents, one per output.
    """
    op: Any = node._op
    several = op.outputs > 1
    if several and recording:
        y = tuple(pick.call(node, index=i) for i in range(op.outputs))
    ys = y if several else (y,)
    # Where to differentiate does not matter, since the map is linear in g: at zero.
    gs = tuple(leaf(np.zeros_like(out._data if type(out) is Tensor else out), GRAD | LIFTED) for out in ys)
    tangents: list[Any] = [None] * len(gs)
    for t, vjp_i in zip(ts, (op.vjps[i] for i in range(len(ts))), strict=True):
        if t is None or vjp_i is None:
            continue
        with switched(grad_enabled=True):
            back = vjp_i(gs if several else gs[0], y, *xs, **node._params)
        if type(back) is not Tensor or not back._flags & GRAD:
            continue  # the vjp is zero whatever g is
        t = t if t.shape == back.shape else np.broadcast_to(t, back.shape)
        nodes, _ = recorded([back], oldest=gs[0]._seq)
        found = sweep(nodes, [(back, leaf(t, 0) if recording and type(t) is not Tensor else t)], set(gs), recording)
        for k, g in enumerate(gs):
            if g in found:
                tangents[k] = found[g] if tangents[k] is None else tangents[k] + found[g]
    if several:
        return [np.zeros_like(out) if t is None else t for out, t in zip(ys, tangents, strict=True)]
    return tangents[0]


# -- matrices of derivatives -----------------------------------------------------------------------------------------


def jacobian(f: Function, argnums: int | Sequence[int] = 0) -> Function:
    """The function that returns the Jacobian of f: for value shape S and argument shape R, an array of shape S + R.

    The argument may be a tree (the Jacobian is then a tree of the same structure); the value is one array. Rows come
    from reverse mode, columns from forward mode, whichever are fewer.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.jacobian(lambda x: np.array([[1.0, 2.0], [3.0, 4.0]]) @ x)(np.zeros(2))
    array([[1., 2.],
           [3., 4.]])
    """

    @_documented_as(f, "jacobian")
    def transformed(*args: Any, **kwargs: Any) -> Any:
        chosen = _indices(argnums, args, "jacobian")

        def restricted(*some: Any) -> Any:
            full = list(args)
            for i, arg in zip(chosen, some, strict=True):
                full[i] = arg
            return f(*full, **kwargs)

        points = [args[i] for i in chosen]
        y, pullback = vjp(restricted, *points)
        if not hasattr(y, "shape") and not isinstance(y, (int, float)):
            raise TypeError(
                f"jacobian: {getattr(f, '__name__', 'the function')} must return one array, not a {type(y).__name__}"
            )
        shape = np.shape(y)
        leaves, structure = tree.flatten(tuple(points))
        if sum(np.size(x) for x in leaves) < np.size(y):
            flat = _columns(restricted, points, leaves, structure, shape)
        else:
            flat = _rows(pullback, y, leaves, shape)
        result = tree.unflatten(structure, flat)
        return result[0] if isinstance(argnums, int) else result

    return transformed


def _rows(pullback: Callable[[Any], Any], y: Any, leaves: Sequence[Any], shape: tuple[int, ...]) -> list[Any]:
    """One reverse sweep for each entry of the value."""
    rows = []
    for k in range(int(np.prod(shape))):
        g = np.zeros(shape, y.dtype)
        g.reshape(-1)[k] = 1
        rows.append(tree.flatten(pullback(g))[0])
    if not rows:
        return [np.zeros(shape + np.shape(x)) for x in leaves]
    return [np.reshape(np.stack([r[i] for r in rows]), shape + np.shape(x)) for i, x in enumerate(leaves)]


def _columns(
    f: Function,
    points: Sequence[Any],
    leaves: Sequence[Any],
    structure: tree.Structure,
    shape: tuple[int, ...],
) -> list[Any]:
    """One forward push for each entry of the arguments."""
    results = []
    for i, x in enumerate(leaves):
        columns = []
        for k in range(np.size(x)):
            ts = [np.zeros(np.shape(leaf_), leaf_.dtype if hasattr(leaf_, "dtype") else float) for leaf_ in leaves]
            ts[i].reshape(-1)[k] = 1
            columns.append(jvp(f, points, tree.unflatten(structure, ts))[1])
        if columns:
            results.append(np.reshape(np.stack(columns, axis=-1), shape + np.shape(x)))
        else:
            results.append(np.zeros(shape + np.shape(x)))
    return results


def hessian(f: Function, argnums: int = 0) -> Function:
    """The function that returns the matrix of second derivatives of a scalar f, shape R + R for an argument of shape R.

    The argument is one array (for a tree, use `hvp`, or `jacobian(grad(f))` leaf by leaf).

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 3.0]))
    array([[6., 2.],
           [2., 0.]])
    """
    return jacobian(grad(f, argnums), argnums)


def hvp(f: Function, args: Sequence[Any], vectors: Sequence[Any]) -> Any:
    """The Hessian of a scalar f times vectors, without the Hessian: forward mode over reverse mode.

    args, vectors: one vector per argument, alike in structure and shapes. Returns a tuple of products, one per
    argument.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.hvp(lambda x: np.sum(x ** 3), (np.array([1.0, 2.0]),), (np.array([1.0, 1.0]),))
    (array([ 6., 12.]),)
    """
    return jvp(grad(f, argnums=tuple(range(len(args)))), args, vectors)[1]


def _documented_as(f: Function, transform: str) -> Callable[[Function], Function]:
    """Give a transformed function the name and signature of the original."""

    def wrap(transformed: Function) -> Function:
        with contextlib.suppress(AttributeError, TypeError):
            functools.update_wrapper(transformed, f)
        transformed.__name__ = f"{transform}({getattr(f, '__name__', 'f')})"
        return transformed

    return wrap


setattr(Tensor, "backward", backward)  # noqa: B010 (a declared method, defined where the sweep is known)
