"""Random programs: compositions of the library's functions, as NumPy code that is run exactly as it is
printed.

A program is grown along with the value of every variable, for the arguments it will be given: whatever shape,
domain or kink would make a step illegal is seen at once, and the operand is bent (`0.1 + 4.9 *
tg.sigmoid(v1)`) or the step left out.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import tinygrad_lite as tg
from tinygrad_lite.dispatch import handlers
from tinygrad_lite.tensor import Tensor

from .calls import USUAL_DOMAIN, Function, Shape, accepts, attempt, calls, functions, keyword_choices

Choose = Callable[[Sequence[Any]], Any]
"""Picks one of several; the simplest come first."""

_INPUT_SHAPES: tuple[Shape, ...] = ((3,), (2, 3), (), (3, 2), (2, 1), (1, 3), (3, 3), (2, 3, 4))
_INFIX = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "matmul": "@", "power": "**"}
_INDICES = ("[0]", "[-1]", "[..., 0]", "[1:]", "[::-1]", "[..., ::2]", "[None]", "[..., None]", "[[0, 1, 0]]")
_NUMBERS = ("2.0", "0.5", "-1.5", "0.3")
_LARGEST = 1e3  # a value beyond it would drown everything else in rounding
_MOST = 64  # elements of a value
_ATTEMPTS = 3
_CLEARANCE = 0.02  # from a kink


@dataclass(frozen=True)
class Program:
    """A function of arrays or Tensors, made of a line of code for each step.

    >>> program = Program(("x0",), ("v0 = np.tanh(x0)",), "v0 * x0")
    >>> print(program)
    def program(x0):
        v0 = np.tanh(x0)
        return v0 * x0
    >>> float(program(0.0))
    0.0
    """

    inputs: tuple[str, ...]
    lines: tuple[str, ...]
    result: str

    def __str__(self) -> str:
        body = "".join(f"    {line}\n" for line in self.lines)
        return f"def program({', '.join(self.inputs)}):\n{body}    return {self.result}"

    __repr__ = __str__

    def __call__(self, *arguments: Any) -> Any:
        return self.function(*arguments)

    @functools.cached_property
    def function(self) -> Callable[..., Any]:
        """The program as an ordinary Python function."""
        namespace: dict[str, Any] = {"np": np, "tg": tg}
        exec(str(self), namespace)
        return namespace["program"]  # type: ignore[no-any-return]

    @property
    def called(self) -> list[str]:
        """The library's and NumPy's functions that it calls."""
        return re.findall(r"\b(?:np|tg)\.[a-z_.0-9]+", " ".join(self.lines))

    def reproducer(self, arguments: Sequence[NDArray[Any]]) -> str:
        """A script that runs this program on these arguments and checks its gradients."""
        values = "".join(
            f"{name} = np.array({value.tolist()!r}, np.{value.dtype})\n"
            for name, value in zip(self.inputs, arguments, strict=True)
        )
        return (
            f"import numpy as np\nimport tinygrad_lite as tg\n\n{values}\n\n{self}\n\n\n"
            f"print(tg.testing.check_gradients(program, {', '.join(self.inputs)}, order=2))\n"
        )


class ProgramBuilder:
    """Grows a program step by step; `choose` makes every decision, rng draws the numbers of the arguments."""

    def __init__(self, rng: np.random.Generator, choose: Choose) -> None:
        self.rng, self.choose = rng, choose
        self.arguments: list[NDArray[Any]] = []
        self.values: dict[str, NDArray[Any]] = {}  # of every variable, the arguments included
        self.lines: list[str] = []

    def add_input(self) -> None:
        """One more argument: no two of its entries are close."""
        shape = self.choose(_INPUT_SHAPES)
        count = int(np.prod(shape, dtype=int))
        low, high = USUAL_DOMAIN
        steps = self.rng.permutation(count) + self.rng.uniform(0.1, 0.9, count)
        array = (low + (high - low) * steps / count).reshape(shape)
        self.values[f"x{len(self.arguments)}"] = array
        self.arguments.append(array)

    def add_step(self) -> None:
        """One more line, unless what was chosen turns out not to be legal, several times."""
        any(self._try_step() for _ in range(_ATTEMPTS))

    def _try_step(self) -> bool:
        function = self.choose(public_functions())
        operands = self._operands(function)
        if operands is None:
            return False
        params = self._keywords(function, [value for _, value in operands])
        if params is None:
            return False
        code = self._call(function, [name for name, _ in operands], params)
        if self.choose((False, False, False, True)):
            code += self.choose(_INDICES)
        value = self._evaluate(code)
        if value is None:
            return False
        name = f"v{len(self.lines)}"
        self.lines.append(f"{name} = {code}")
        self.values[name] = value
        return True

    def finish(self) -> tuple[Program, list[NDArray[Any]]]:
        """The program and its arguments. It returns its last value, and perhaps others."""
        names = list(self.values)
        result = names[-1]
        if self.lines and self.choose((False, True)):
            result = f"{result}, {self.choose(names)}"
        needed = _variables(result)
        lines = []
        for line in reversed(self.lines):  # what the result does not depend on is left out
            name, _, code = line.partition(" = ")
            if name in needed:
                needed |= _variables(code)
                lines.append(line)
        inputs = [name for name in names[: len(self.arguments)] if name in needed]
        return Program(tuple(inputs), tuple(lines[::-1]), result), [self.values[name] for name in inputs]

    # -- operands --------------------------------------------------------------------------------------------------

    def _operands(self, function: Function) -> list[tuple[str, Any]] | None:
        """Code and value of each operand, bent into the function's domain; None if none will do."""
        latest_first = list(self.values)[::-1]
        name = self.choose(latest_first[:2] * 2 + latest_first)  # so that programs are deep rather than wide
        first = self._bend(function, 0, name, self.values[name])
        if function.name == "where":  # the one function whose first operand is a condition
            first = f"({name} > 0.1)", self.values[name] > 0.1
        operands = [first]
        for i in range(1, function.arity):
            partners = self._partners(function, i, operands)
            if not partners:
                return None
            operands.append(self.choose(partners))
        if function.kinks and not _is_clear_of_kinks(function, [value for _, value in operands]):
            return None
        return operands

    def _partners(self, function: Function, i: int, before: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
        """What may stand as operand number i beside those before it."""
        candidates: list[tuple[str, Any]] = list(self.values.items())[::-1]
        if function.kind == "elementwise":
            candidates += [(number, np.float64(number)) for number in _NUMBERS]
        else:
            candidates += [(f"{name}.T", value.T) for name, value in self.values.items() if value.ndim > 1]
        bent = [self._bend(function, i, name, value) for name, value in candidates]
        rest = [before[0][1]] * (function.arity - i - 1)  # stand-ins for the operands still to come
        return [
            (name, value)
            for name, value in bent
            if accepts(function, [*(value for _, value in before), value, *rest], {})
        ]

    def _bend(self, function: Function, i: int, name: str, value: Any) -> tuple[str, Any]:
        """The operand, squashed into the domain if it is not inside."""
        low, high = function.domain[min(i, len(function.domain) - 1)]
        if (low, high) == USUAL_DOMAIN or (np.all(value > low) and np.all(value < high)):
            return name, value
        middle, half = (low + high) / 2, (high - low) / 2
        code = f"({middle:.6g} + {half:.6g} * np.tanh({name}))" if middle else f"({half:.6g} * np.tanh({name}))"
        return code, self._evaluate(code)

    def _keywords(self, function: Function, operands: list[Any]) -> dict[str, Any] | None:
        legal = [params for params in keyword_choices(function) if accepts(function, operands, params)]
        return self.choose(legal) if legal else None

    # -- code ------------------------------------------------------------------------------------------------------

    def _call(self, function: Function, operands: list[str], params: dict[str, Any]) -> str:
        """The call, as function, operator or method."""
        keywords = [f"{name}={value!r}" for name, value in params.items()]
        styles = [f"{public_name(function)}({', '.join(operands + keywords)})"]
        if function.name in _INFIX and not params:
            styles.append(f"({operands[0]} {_INFIX[function.name]} {operands[1]})")
        if function.arity == 1 and hasattr(np.ndarray, function.name) and operands[0] in self.values:
            styles.append(f"{operands[0]}.{function.name}({', '.join(keywords)})")
        return str(self.choose(styles))

    def _evaluate(self, code: str) -> Any:
        """The value of an expression; None unless it is a float array of moderate size and numbers."""
        value = attempt(lambda: eval(code, {"np": np, "tg": tg}, dict(self.values)))
        if not isinstance(value, (np.ndarray, np.generic)):
            return None
        value = np.asarray(value)
        fits = value.dtype == np.float64 and 0 < value.size <= _MOST
        return value if fits and np.all(np.abs(value) <= _LARGEST) and not self._is_refused(code) else None

    def _is_refused(self, code: str) -> bool:
        """Whether the library says that it does not support this on Tensors. Other errors are the test's to find."""
        tensors = {name: Tensor(value) for name, value in self.values.items()}
        try:
            eval(code, {"np": np, "tg": tg}, tensors)
        except TypeError as error:
            return any(phrase in str(error) for phrase in ("on Tensors", "of a Tensor", "has no derivative rule"))
        except Exception:
            return False
        return False


def public_name(function: Function) -> str | None:
    """How a user writes it: 'np.tanh', 'tg.sigmoid'; None if it is not public."""
    for module, prefix in ((np, "np"), (np.linalg, "np.linalg"), (tg, "tg")):
        found = getattr(module, function.name, None)
        if found is not None and (
            found in (function.fn, function.call)
            or handlers.get(found) is function.call
            or getattr(found, "__module__", "") == "tinygrad_lite.activations"
        ):
            return f"{prefix}.{function.name}"
    return None


@functools.cache
def public_functions() -> tuple[Function, ...]:
    """What programs are made of: everything with a public name, arrays as operands and one float array as its result.

    Not linear algebra's decompositions and inverses, which of a random matrix are too often ill-conditioned; nor
    what asks more of its operands together than that their shapes fit (np.interp: that they increase).
    """
    return tuple(
        function
        for function in functions()
        if function.outputs == 1
        and (public_name(function) or "np.linalg.").partition("np.linalg.")[1] == ""
        and (function.examples is None or function.arity == 1 or function.name == "where")
        and any(_gives_floats(function, *call) for call in calls(function, np.random.default_rng(0))[:1])
    )


def _gives_floats(function: Function, operands: list[Any], params: dict[str, Any]) -> bool:
    result = function.fn(*operands, **params)
    return isinstance(result, (np.ndarray, np.generic)) and result.dtype == np.float64


def _variables(code: str) -> set[str]:
    return set(re.findall(r"\b[vx][0-9]+\b", code))


def _is_clear_of_kinks(function: Function, operands: list[Any]) -> bool:
    """Whether the operand (of a binary function: the difference of the two) keeps its distance from every
    kink.
    """
    place = operands[0] if len(operands) == 1 else operands[0] - operands[1]
    return all(bool(np.all(np.abs(place - kink) > _CLEARANCE)) for kink in function.kinks)
