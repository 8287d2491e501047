"""How often `tg.compare` finds a mistake, names it, and accuses a right gradient.

    python -m benchmarks.diagnosis --trials 2000 --correct 10000

Networks are drawn at random: model, sizes, activation, scale of the weights, dtype, convention. Into one line of the
backward pass, written as text, one mistake is put by changing that text; the changes are made here, by rules of their
own, on Python's syntax tree. A mistake that changes no number by more than 1e-6 of the largest is drawn again.

located     exactly one finding, in the line that was changed
named       its formula equals the planted one on other data of the same sizes
undecided   another formula gives the same numbers on the data at hand, and the planted one is among the alternatives
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

import tinygrad_lite as tg

Arrays = tuple[Any, ...]
Result = TypeVar("Result")
_SHOWN = 20
PAGE = Path(__file__).parents[1] / "docs" / "check_your_backprop.md"
_START, _END = "<!-- table -->", "<!-- end of table -->"


@dataclass(frozen=True)
class Model:
    """f: the forward pass. draw: arguments. forward: its variables, as text; backward: the right lines, as text."""

    name: str
    f: Callable[..., Any]
    arguments: tuple[str, ...]
    draw: Callable[[np.random.Generator], Arrays]
    forward: str
    backward: dict[str, str]


@dataclass(frozen=True)
class Outcome:
    """located, named, undecided: see above. kind: of the mistake; line: as it was planted."""

    model: str
    kind: str
    line: str
    located: bool
    named: bool
    undecided: bool


# -- models ------------------------------------------------------------------------------------------------------------

ACTIVATIONS = {
    "tanh": ("np.tanh(Z{})", "(1 - A{}**2)"),
    "sigmoid": ("1 / (1 + np.exp(-Z{}))", "A{0} * (1 - A{0})"),
    "relu": ("np.maximum(Z{}, 0)", "(Z{} > 0)"),
    "leaky relu": ("np.where(Z{0} > 0, Z{0}, 0.01 * Z{0})", "np.where(Z{} > 0, 1, 0.01)"),
}
OUTPUTS = {
    "logistic": ("1 / (1 + np.exp(-Z{}))", "-np.sum(Y * np.log(A{0}) + (1 - Y) * np.log(1 - A{0})) / m", "A{} - Y"),
    "softmax": ("np.exp(Z{0}) / np.sum(np.exp(Z{0}), axis=0)", "-np.sum(Y * np.log(A{})) / m", "A{} - Y"),
    "linear": ("1 * Z{}", "np.sum((A{} - Y)**2) / (2 * m)", "A{} - Y"),
}


def draw_dense(rng: np.random.Generator, layers: int | None = None, cost: str | None = None) -> Model:
    """A network of dense layers; the lines of its backward pass in one of the two conventions."""
    layers = layers or int(rng.choice([2, 2, 2, 3]))
    cost = cost or str(rng.choice(["logistic", "logistic", "softmax", "linear"]))
    activation = str(rng.choice(list(ACTIVATIONS)))
    output, loss, difference = OUTPUTS[cost]
    lectures, regularised = bool(rng.integers(2)), bool(rng.random() < 0.15)
    sizes = [int(n) for n in rng.permutation(np.arange(2, 9))[: layers + 1]]
    m = int(np.exp(rng.uniform(np.log(10), np.log(1000))))
    scale, dtype = float(rng.choice([0.01, 0.1, 1.0, 3.0])), [np.float64, np.float64, np.float32][rng.integers(3)]
    g, slope = ACTIVATIONS[activation]
    forward = [f"m = {m}"]
    for k in range(1, layers + 1):
        before = "X" if k == 1 else f"A{k - 1}"
        forward += [f"Z{k} = W{k} @ {before} + b{k}", f"A{k} = {(output if k == layers else g).format(k)}"]
    backward: dict[str, str] = {}
    for k in range(layers, 0, -1):
        before = "X" if k == 1 else f"A{k - 1}"
        over = " / m" if lectures else ""
        if k == layers:
            line = difference.format(k)
            backward[f"dZ{k}"] = line if lectures else f"({line}) / m"
        else:
            backward[f"dZ{k}"] = f"W{k + 1}.T @ dZ{k + 1} * {slope.format(k)}"
        decay = f" + lambd / m * W{k}" if regularised else ""
        backward[f"dW{k}"] = f"dZ{k} @ {before}.T{over}{decay}"
        backward[f"db{k}"] = f"np.sum(dZ{k}, axis=1, keepdims=True){over}"
    names = [f"{letter}{k}" for k in range(1, layers + 1) for letter in "Wb"]
    weights = " + ".join(f"np.sum(W{k}**2)" for k in range(1, layers + 1))
    total = loss.format(layers) + (f" + lambd / (2 * m) * ({weights})" if regularised else "")
    extra = ("lambd",) if regularised else ()
    arguments = (*names, "X", "Y", *extra)
    body = [line for line in forward if not line.startswith("m =")]
    f = _define(arguments, ["m = X.shape[1]", *body, f"J = {total}"])

    def draw(rng: np.random.Generator) -> Arrays:
        arrays: list[Any] = []
        for k in range(1, layers + 1):
            arrays += [scale * rng.normal(size=(sizes[k], sizes[k - 1])), scale * rng.normal(size=(sizes[k], 1))]
        n = sizes[-1]
        Y = {
            "logistic": rng.integers(0, 2, (n, m)),
            "softmax": np.eye(n)[:, rng.integers(0, n, m)],
            "linear": rng.normal(size=(n, m)),
        }[cost]
        arrays += [rng.normal(size=(sizes[0], m)), Y]
        return (*(x.astype(dtype) for x in arrays), *((0.7,) if regularised else ()))

    name = f"{layers} layers, {cost}" + (", regularised" if regularised else "")
    return Model(name, f, arguments, draw, "\n".join(forward), backward)


def _define(arguments: tuple[str, ...], body: list[str]) -> Callable[..., Any]:
    space: dict[str, Any] = {"np": np}
    source = f"def cost({', '.join(arguments)}):\n" + "".join(f"    {line}\n" for line in [*body, "return J"])
    exec(source, space)
    f: Callable[..., Any] = space["cost"]
    return f


def draw_recurrent(rng: np.random.Generator) -> Model:
    """An RNN over three steps."""
    n_x, n_h, n_y, m = (int(n) for n in rng.permutation(np.arange(2, 12))[:4])
    arguments = ("U", "W", "b", "V", "X1", "X2", "X3", "Y")
    forward = ["m = X1.shape[1]"]
    for t in (1, 2, 3):
        forward += [f"Z{t} = U @ X{t} + b" + (f" + W @ H{t - 1}" if t > 1 else ""), f"H{t} = np.tanh(Z{t})"]
    forward += ["S = V @ H3"]
    backward = {"dS": "(S - Y) / m", "dV": "dS @ H3.T", "dZ3": "V.T @ dS * (1 - H3**2)"}
    backward |= {f"dZ{t}": f"W.T @ dZ{t + 1} * (1 - H{t}**2)" for t in (2, 1)}
    backward["dU"] = "dZ3 @ X3.T + dZ2 @ X2.T + dZ1 @ X1.T"
    backward["dW"] = "dZ3 @ H2.T + dZ2 @ H1.T"
    backward["db"] = "np.sum(dZ3 + dZ2 + dZ1, axis=1, keepdims=True)"
    f = _define(arguments, [*forward, "J = np.sum((S - Y)**2) / (2 * m)"])

    def draw(rng: np.random.Generator) -> Arrays:
        shapes = [(n_h, n_x), (n_h, n_h), (n_h, 1), (n_y, n_h), *3 * [(n_x, m)], (n_y, m)]
        return tuple(rng.normal(size=shape) for shape in shapes)

    return Model("RNN", f, arguments, draw, "\n".join(forward), backward)


def draw_attention(rng: np.random.Generator) -> Model:
    """One head of attention."""
    n, d, k, v = (int(n) for n in rng.permutation(np.arange(2, 12))[:4])
    arguments = ("Wq", "Wk", "Wv", "X", "Y")
    forward = ["n = X.shape[0]", "Q = X @ Wq", "K = X @ Wk", "V = X @ Wv", "S = Q @ K.T / np.sqrt(Wq.shape[1])"]
    forward += ["E = np.exp(S)", "P = E / np.sum(E, axis=1, keepdims=True)", "O = P @ V"]
    backward = {
        "dO": "(O - Y) / n",
        "dV": "P.T @ dO",
        "dP": "dO @ V.T",
        "dS": "P * (dP - np.sum(dP * P, axis=1, keepdims=True))",
        "dQ": "dS @ K / np.sqrt(Wq.shape[1])",
        "dK": "dS.T @ Q / np.sqrt(Wq.shape[1])",
        "dWq": "X.T @ dQ",
        "dWk": "X.T @ dK",
        "dWv": "X.T @ dV",
    }
    f = _define(arguments, [*forward, "J = np.sum((O - Y)**2) / (2 * n)"])

    def draw(rng: np.random.Generator) -> Arrays:
        return tuple(rng.normal(size=shape) for shape in [(d, k), (d, k), (d, v), (n, d), (n, v)])

    return Model("attention", f, arguments, draw, "\n".join(forward), backward)


def draw_normalised(rng: np.random.Generator) -> Model:
    """A layer with batch normalisation."""
    n_x, n_h, n_y, m = (int(n) for n in rng.permutation(np.arange(3, 14))[:4])
    arguments = ("W1", "gamma", "beta", "W2", "X", "Y")
    forward = ["m = X.shape[1]", "Z1 = W1 @ X", "mu = np.mean(Z1, axis=1, keepdims=True)"]
    forward += ["sigma = np.sqrt(np.mean((Z1 - mu)**2, axis=1, keepdims=True) + 0.001)", "N1 = (Z1 - mu) / sigma"]
    forward += ["B1 = gamma * N1 + beta", "A1 = np.tanh(B1)", "Z2 = W2 @ A1"]
    total = "np.sum({}, axis=1, keepdims=True)"
    backward = {
        "dZ2": "(Z2 - Y) / m",
        "dW2": "dZ2 @ A1.T",
        "dB1": "W2.T @ dZ2 * (1 - A1**2)",
        "dgamma": total.format("dB1 * N1"),
        "dbeta": total.format("dB1"),
        "dN1": "dB1 * gamma",
        "dZ1": f"(dN1 - {total.format('dN1')} / m - N1 * {total.format('dN1 * N1')} / m) / sigma",
        "dW1": "dZ1 @ X.T",
    }
    f = _define(arguments, [*forward, "J = np.sum((Z2 - Y)**2) / (2 * m)"])

    def draw(rng: np.random.Generator) -> Arrays:
        shapes = [(n_h, n_x), (n_h, 1), (n_h, 1), (n_y, n_h), (n_x, m), (n_y, m)]
        return tuple(rng.normal(size=shape) for shape in shapes)

    return Model("batch normalisation", f, arguments, draw, "\n".join(forward), backward)


def draw_model(rng: np.random.Generator) -> Model:
    """Two layers, more often than not."""
    others = (draw_recurrent, draw_attention, draw_normalised)
    return draw_dense(rng) if rng.random() < 0.8 else others[rng.integers(len(others))](rng)


def run(model: Model, args: Arrays, lines: dict[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The gradients by these lines, and all that has a name."""
    space: dict[str, Any] = {"np": np, **dict(zip(model.arguments, args, strict=True))}
    with np.errstate(all="ignore"):
        exec(model.forward, space)
        for name, line in lines.items():
            space[name] = eval(line, space)
    return {name: space[name] for name in lines}, space


# -- mistakes ----------------------------------------------------------------------------------------------------------


def change(tree: ast.expr, names: list[str], rng: random.Random) -> tuple[str, ast.expr] | None:
    """One mistake put into an expression: its kind, and the expression; None where this choice fits nowhere."""
    kinds: list[tuple[str, Callable[[Any], ast.expr | None]]] = [
        ("a factor is missing", lambda x: rng.choice([x.left, x.right]) if _is(x, ast.Mult) else None),
        ("a division is missing", lambda x: x.left if _is(x, ast.Div) else None),
        ("a division is done twice", lambda x: ast.BinOp(x, ast.Div(), x.right) if _is(x, ast.Div) else None),
        ("a term is missing", lambda x: x.left if _is(x, ast.Add, ast.Sub) else None),
        ("a sign inside", lambda x: _with_op(x, ast.Add()) if _is(x, ast.Sub) else None),
        ("a sign inside", lambda x: _with_op(x, ast.Sub()) if _is(x, ast.Add) else None),
        ("the sides are exchanged", lambda x: ast.BinOp(x.right, x.op, x.left) if _is(x, ast.Sub) else None),
        ("a sum for a product", lambda x: _with_op(x, ast.Add()) if _is(x, ast.Mult) else None),
        ("a factor is there twice", lambda x: ast.BinOp(x, ast.Mult(), x.right) if _is(x, ast.Mult) else None),
        ("elementwise", lambda x: _with_op(x, ast.Mult()) if _is(x, ast.MatMult) else None),
        ("a transpose is missing", lambda x: x.value if isinstance(x, ast.Attribute) and x.attr == "T" else None),
        ("the exponent", lambda x: _with_op(x, ast.Pow(), rng.choice([1, 3])) if _is(x, ast.Pow) else None),
        ("a number", lambda x: ast.Constant(rng.choice([2, 0.5, 0])) if _is_one(x) else None),
        ("another variable", lambda x: _rename(x, names, rng)),
        ("the axis", lambda x: _without(x, "axis", rng.choice([0, None]))),
        ("keepdims is missing", lambda x: _without(x, "keepdims", None)),
        ("a mean for a sum", _as_mean),
        ("m - 1", lambda x: ast.BinOp(x, ast.Sub(), ast.Constant(1)) if _is_name(x, "m") else None),
        (
            "the comparison",
            lambda x: ast.Compare(x.left, [ast.Lt()], x.comparators) if type(x) is ast.Compare else None,
        ),
        ("after the update", lambda x: _update(x, names, rng)),
    ]
    whole = {
        "the sign": "-({})",
        "twice": "2 * ({})",
        "half": "0.5 * ({})",
        "1/m too many": "({}) / m",
        "m times": "({}) * m",
    }
    number = rng.randrange(len(kinds) + len(whole))
    if number >= len(kinds):
        kind = list(whole)[number - len(kinds)]
        return kind, ast.parse(whole[kind].format(ast.unparse(tree)), mode="eval").body
    kind, rule = kinds[number]
    places = [x for x in ast.walk(tree) if isinstance(x, ast.expr) and rule(x) is not None]
    if not places:
        return None
    place = rng.choice(places)

    class Put(ast.NodeTransformer):
        def visit(self, x: ast.AST) -> Any:
            return copy.deepcopy(rule(x)) if x is place else self.generic_visit(x)

    return kind, ast.fix_missing_locations(Put().visit(tree))


def _is(x: Any, *ops: type[ast.operator]) -> bool:
    return isinstance(x, ast.BinOp) and isinstance(x.op, ops)


def _is_name(x: Any, name: str) -> bool:
    return isinstance(x, ast.Name) and x.id == name


def _is_one(x: Any) -> bool:
    return isinstance(x, ast.Constant) and x.value == 1


def _with_op(x: Any, op: ast.operator, right: int | None = None) -> ast.expr:
    return ast.BinOp(x.left, op, x.right if right is None else ast.Constant(right))


def _rename(x: Any, names: list[str], rng: random.Random) -> ast.expr | None:
    return ast.Name(rng.choice(names)) if isinstance(x, ast.Name) and x.id in names else None


def _without(x: Any, keyword: str, value: Any) -> ast.expr | None:
    if not isinstance(x, ast.Call) or all(k.arg != keyword for k in x.keywords):
        return None
    new = [ast.keyword(keyword, ast.Constant(value))] if value is not None else []
    return ast.Call(x.func, x.args, [k for k in x.keywords if k.arg != keyword] + new)


def _as_mean(x: Any) -> ast.expr | None:
    if not isinstance(x, ast.Call) or not isinstance(x.func, ast.Attribute) or x.func.attr != "sum":
        return None
    return ast.Call(ast.Attribute(x.func.value, "mean"), x.args, x.keywords)


def _update(x: Any, names: list[str], rng: random.Random) -> ast.expr | None:
    if not isinstance(x, ast.Name) or not x.id.startswith("W") or "d" + x.id not in names:
        return None
    step = ast.BinOp(ast.Constant(round(rng.uniform(0.01, 1.2), 3)), ast.Mult(), ast.Name("d" + x.id))
    return ast.BinOp(ast.Name(x.id), ast.Sub(), step)


def plant(model: Model, args: Arrays, rng: random.Random) -> tuple[str, str, dict[str, str]]:
    """One mistake: the line's name, the kind, and all lines. It changes numbers that can be seen."""
    right, space = run(model, args, model.backward)
    while True:
        name = rng.choice(list(model.backward))
        known = list(model.backward)[: list(model.backward).index(name)]
        names = [n for n, v in space.items() if isinstance(v, np.ndarray) and (not n.startswith("d") or n in known)]
        changed = change(ast.parse(model.backward[name], mode="eval").body, names, rng)
        if changed is None:
            continue
        lines = {**model.backward, name: ast.unparse(changed[1])}
        try:
            wrong, _ = run(model, args, lines)
        except (ValueError, TypeError, NameError, IndexError):
            continue
        a, b = np.asarray(wrong[name], float), np.asarray(right[name], float)
        if not np.all(np.isfinite(a)) or not np.any(b):
            continue
        limit = 1e-6 if args[0].dtype == np.float64 else 3e-3
        if a.shape == b.shape and np.max(np.abs(a - b)) <= limit * np.max(np.abs(b)):
            continue
        return name, changed[0], lines


# -- trials ------------------------------------------------------------------------------------------------------------


def try_mistake(seed: int) -> Outcome:
    """Plant a mistake, and ask."""
    rng = np.random.default_rng(seed)
    model = draw_model(rng)
    args = model.draw(rng)
    name, kind, lines = plant(model, args, random.Random(seed))
    grads, _ = run(model, args, lines)
    result = tg.compare(grads, model.f, *args)
    located = [f.name for f in result.findings] == [name]
    named = undecided = False
    if located:
        truth: dict[str, Any] = {name: np.nan}
        while not np.all(np.isfinite(truth[name])):
            truth, space = run(model, model.draw(rng), lines)
        (finding,) = result.findings
        same = [_is_same(line, space, truth[name]) for line in (finding.written, *finding.alternatives)]
        named, undecided = same[0], any(same[1:]) and not same[0]
    return Outcome(model.name, kind, f"{name} = {lines[name]}", located, named, undecided)


def _is_same(line: str | None, space: dict[str, Any], expected: Any) -> bool:
    if line is None:
        return False
    try:
        found = np.asarray(eval(line, dict(space)), float)
    except Exception:
        return False
    rtol = 1e-6 if np.asarray(expected).dtype == np.float64 else 1e-2
    largest = np.max(np.abs(expected), initial=0)
    return found.shape == np.shape(expected) and bool(np.allclose(found, expected, rtol=0, atol=rtol * largest))


def try_correct(seed: int) -> str | None:
    """What a right backward pass is accused of."""
    rng = np.random.default_rng(1_000_000 + seed)
    model = draw_model(rng)
    args = model.draw(rng)
    factor = rng.choice([1, 1, 10]) if args[0].dtype == np.float64 else 1
    args = tuple(x * factor if name[0] in "WU" else x for name, x in zip(model.arguments, args, strict=True))
    grads, _ = run(model, args, model.backward)
    result = tg.compare(grads, model.f, *args)
    return None if result.ok and not result.findings else f"{model.name} (seed {seed}):\n{result}"


def run_trials(trial: Callable[[int], Result], seeds: range, processes: int, what: str) -> list[Result]:
    """A trial for each seed; meanwhile a line on standard error says how many are done, and how long it will take."""
    start = shown = time.monotonic()
    results: list[Result] = []
    with ProcessPoolExecutor(processes) as pool:
        for result in pool.map(trial, seeds, chunksize=4):
            results.append(result)
            now, done = time.monotonic(), len(results)
            if now - shown > 1:
                shown = now
                left = (now - start) / done * (len(seeds) - done) / 60
                print(f"\r{what}: {done} of {len(seeds)}, {left:.1f} min left ", end="", file=sys.stderr, flush=True)
    print(f"\r{what}: {len(seeds)} in {(time.monotonic() - start) / 60:.1f} min   ", file=sys.stderr)
    return results


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:5.1f} %" if whole else "      –"


def tabulate(outcomes: list[Outcome], by: Callable[[Outcome], str]) -> Iterator[str]:
    """A table in Markdown: how many of each were located, and named where the data could tell."""
    groups = Counter(map(by, outcomes))
    for group, count in groups.most_common():
        own = [o for o in outcomes if by(o) == group]
        located = sum(o.located for o in own)
        told = [o for o in own if not o.undecided]
        named = sum(o.named for o in told)
        yield f"| {group} | {count} | {_percent(located, count)} | {_percent(named, len(told))} | {count - len(told)} |"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.diagnosis", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--trials", type=int, default=200, help="mistakes to plant (default %(default)s)")
    parser.add_argument("--correct", type=int, default=500, help="right backward passes to try (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="the first of the seeds (default %(default)s)")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="at a time (default: one a core)")
    parser.add_argument("--write", action="store_true", help=f"put the tables into {PAGE.name}")
    options = parser.parse_args()
    seeds = range(options.seed, options.seed + options.trials)
    outcomes = run_trials(try_mistake, seeds, options.processes, "mistakes")
    tried = range(options.seed, options.seed + options.correct)
    found = run_trials(try_correct, tried, options.processes, "right ones")
    accused = [accusation for accusation in found if accusation is not None]
    table = "\n".join(write_tables(outcomes, options.correct, len(accused)))
    print(table)
    missed = [(o, seed) for o, seed in zip(outcomes, seeds, strict=True) if not (o.named or o.undecided)]
    for o, seed in missed[:_SHOWN]:
        print(f"\nnot named (seed {seed}): {o.kind}, {o.model}: {o.line}{'' if o.located else ' (not located)'}")
    print(*accused[:_SHOWN], sep="\n\n")
    if options.write:
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(_START)
        PAGE.write_text(f"{before}{_START}\n{table}\n{_END}{rest.partition(_END)[2]}", encoding="utf-8")


def write_tables(outcomes: list[Outcome], correct: int, accused: int) -> Iterator[str]:
    """What was measured, in Markdown."""
    head = "| {} | planted | located | named | undecided |\n|---|---|---|---|---|"
    yield head.format("mistake")
    yield from tabulate(outcomes, lambda o: o.kind)
    yield from tabulate(outcomes, lambda o: "**all**")
    yield ""
    yield head.format("model")
    yield from tabulate(outcomes, lambda o: o.model)
    yield ""
    yield f"Right backward passes tried: {correct}. Accused: {accused}."


if __name__ == "__main__":
    main()
