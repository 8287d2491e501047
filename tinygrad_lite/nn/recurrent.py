"""Recurrent layers: one step after another, layer upon layer.

Gates are stacked in PyTorch's order: LSTM input, forget, cell, output; GRU reset, update, new.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..alike import make_alike
from ..messages import refuse_list
from . import functional as F
from .initialise import generator, positive, uniform
from .module import Module


class _Recurrent(Module):
    _gates: int
    weight_ih_l0: Any

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        dtype: Any = None,
        *,
        rng: Any = None,
    ) -> None:
        what = type(self).__name__
        positive(what, input_size=input_size, hidden_size=hidden_size, num_layers=num_layers)
        F.check_probability(what, dropout)
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.has_bias, self.batch_first, self.dropout, self.bidirectional = bias, batch_first, dropout, bidirectional
        self.rng = generator(rng)
        bound = 1 / math.sqrt(hidden_size)
        rows = self._gates * hidden_size
        for layer in range(num_layers):
            width = input_size if layer == 0 else hidden_size * self._directions
            for suffix in self._suffixes(layer):
                setattr(self, f"weight_ih_{suffix}", uniform(self.rng, (rows, width), bound, dtype))
                setattr(self, f"weight_hh_{suffix}", uniform(self.rng, (rows, hidden_size), bound, dtype))
                if bias:
                    setattr(self, f"bias_ih_{suffix}", uniform(self.rng, (rows,), bound, dtype))
                    setattr(self, f"bias_hh_{suffix}", uniform(self.rng, (rows,), bound, dtype))

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    def _suffixes(self, layer: int) -> list[str]:
        return [f"l{layer}", f"l{layer}_reverse"][: self._directions]

    def _step(self, x: Any, state: tuple[Any, ...], weight: Any, bias: Any) -> tuple[Any, ...]:
        """The next state, of which the first part is the output. x: the input's part of the gates (N, rows)."""
        raise NotImplementedError

    def forward(self, x: Any, hx: Any = None) -> Any:
        """(outputs, last state). See the class."""
        what = type(self).__name__
        refuse_list(what, x)
        alone = x.ndim == 2
        if x.ndim not in (2, 3) or x.shape[-1] != self.input_size:
            order = "(N, L, input_size)" if self.batch_first else "(L, N, input_size)"
            raise ValueError(f"{what}: x {x.shape} must be {order} or (L, input_size), input_size={self.input_size}")
        if alone:
            x = np.expand_dims(x, 1)
        elif self.batch_first:
            x = np.swapaxes(x, 0, 1)
        if not len(x):
            raise ValueError(f"{what}: a sequence of no steps has no last state")
        states = self._first_states(x, hx, alone)
        last = []
        for layer in range(self.num_layers):
            if layer and self.dropout:
                x = F.dropout(x, self.dropout, self.training, rng=self.rng)
            outputs = []
            for direction, suffix in enumerate(self._suffixes(layer)):
                state = tuple(part[layer * self._directions + direction] for part in states)
                ys, state = self._run(x, state, suffix, reverse=direction == 1)
                outputs.append(ys)
                last.append(state)
            x = outputs[0] if len(outputs) == 1 else np.concatenate(outputs, axis=-1)
        final = tuple(np.stack(parts) for parts in zip(*last, strict=True))
        if alone:
            x, final = x[:, 0], tuple(part[:, 0] for part in final)
        elif self.batch_first:
            x = np.swapaxes(x, 0, 1)
        return x, final if len(final) > 1 else final[0]

    def _run(self, x: Any, state: tuple[Any, ...], suffix: str, reverse: bool) -> tuple[Any, tuple[Any, ...]]:
        """One layer in one direction: (outputs (L, N, hidden_size), last state)."""
        biases = [getattr(self, f"bias_{part}_{suffix}") if self.has_bias else None for part in ("ih", "hh")]
        inputs = F.linear(x, getattr(self, f"weight_ih_{suffix}"), biases[0])  # of all steps in one product
        weight = getattr(self, f"weight_hh_{suffix}")
        steps = range(len(x) - 1, -1, -1) if reverse else range(len(x))
        ys = []
        for t in steps:
            state = self._step(inputs[t], state, weight, biases[1])
            ys.append(state[0])
        return np.stack(ys[::-1] if reverse else ys), state

    _parts = 1  # of the state

    def _first_states(self, x: Any, hx: Any, alone: bool) -> tuple[Any, ...]:
        shape = (self.num_layers * self._directions, x.shape[1], self.hidden_size)
        if hx is None:
            nothing = np.zeros(shape, np.result_type(x.dtype, self.weight_ih_l0.dtype))
            return (make_alike(nothing, x),) * self._parts
        states = tuple(hx) if self._parts > 1 else (hx,)
        expected = (shape[0], shape[2]) if alone else shape
        if len(states) != self._parts:
            raise ValueError(f"{type(self).__name__}: the first state has {self._parts} parts, not {len(states)}")
        for state in states:
            refuse_list(f"{type(self).__name__}, first state", state)
            if state.shape != expected:
                raise ValueError(f"{type(self).__name__}: the first state {state.shape} must be {expected}")
        return tuple(np.expand_dims(state, 1) for state in states) if alone else states

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        text += f", num_layers={self.num_layers}" if self.num_layers > 1 else ""
        text += ", batch_first=True" if self.batch_first else ""
        return text + (", bidirectional=True" if self.bidirectional else "")


class RNN(_Recurrent):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh); returns (outputs, last h).

    x: (L, N, input_size), with batch_first (N, L, input_size), or (L, input_size). The first state and the last:
    (num_layers · directions, N, hidden_size), with two directions if bidirectional. nonlinearity: "tanh" or "relu".
    settings: bias (True: there are b_ih and b_hh), batch_first, dropout (between layers, in training), bidirectional,
    dtype, rng. All parameters start uniform between ±1/√hidden_size. ValueError if x has another shape.

    >>> import numpy as np, tinygrad_lite as tg
    >>> y, h = tg.nn.RNN(3, 4, batch_first=True)(np.zeros((2, 5, 3)))
    >>> y.shape, h.shape
    ((2, 5, 4), (1, 2, 4))
    """

    _gates = 1

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, nonlinearity: str = "tanh", **settings: Any
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f'RNN: nonlinearity is "tanh" or "relu", not {nonlinearity!r}')
        super().__init__(input_size, hidden_size, num_layers, **settings)
        self.nonlinearity = nonlinearity

    def _step(self, x: Any, state: tuple[Any, ...], weight: Any, bias: Any) -> tuple[Any, ...]:
        z = x + F.linear(state[0], weight, bias)
        return (np.tanh(z) if self.nonlinearity == "tanh" else F.relu(z),)


class GRU(_Recurrent):
    """Gated recurrent units (Cho et al., 2014), with the reset gate after the product, as in PyTorch; see `RNN`.

    >>> import numpy as np, tinygrad_lite as tg
    >>> y, h = tg.nn.GRU(3, 4, num_layers=2)(np.zeros((5, 2, 3)))
    >>> y.shape, h.shape
    ((5, 2, 4), (2, 2, 4))
    """

    _gates = 3

    def _step(self, x: Any, state: tuple[Any, ...], weight: Any, bias: Any) -> tuple[Any, ...]:
        (h,), n = state, self.hidden_size
        z = F.linear(h, weight, bias)
        both = F.sigmoid(x[:, : 2 * n] + z[:, : 2 * n])
        reset, update = both[:, :n], both[:, n:]
        new = np.tanh(x[:, 2 * n :] + reset * z[:, 2 * n :])
        return (new + update * (h - new),)


class LSTM(_Recurrent):
    """Long short-term memory (Hochreiter and Schmidhuber, 1997); returns (outputs, (last h, last c)); see `RNN`.

    >>> import numpy as np, tinygrad_lite as tg
    >>> y, (h, c) = tg.nn.LSTM(3, 4)(np.zeros((5, 2, 3)))
    >>> y.shape, h.shape, c.shape
    ((5, 2, 4), (1, 2, 4), (1, 2, 4))
    """

    _gates = 4
    _parts = 2

    def _step(self, x: Any, state: tuple[Any, ...], weight: Any, bias: Any) -> tuple[Any, ...]:
        (h, c), n = state, self.hidden_size
        z = x + F.linear(h, weight, bias)
        gates = F.sigmoid(z[:, : 2 * n])
        c = gates[:, n:] * c + gates[:, :n] * np.tanh(z[:, 2 * n : 3 * n])
        return F.sigmoid(z[:, 3 * n :]) * np.tanh(c), c
