"""The C of a region: steps that share a long axis, the lane, in loops over blocks of it.

`q` points to what the region sums up over its lane. `local` holds a block of what only this region needs: its rows lie
one after the other, lanes side by side.
"""

from __future__ import annotations

import re

import numpy as np

from ..gaps import round_up
from ..program import Node
from .expressions import (
    combine,
    convert,
    spell_comment,
    spell_fma,
    spell_name,
    spell_number,
    spell_offset,
    spell_sum,
    spell_times,
    strides_of,
    whole_strides,
)
from .forms import SUFFIXES, TYPES, Map, Product, Reduction
from .memory import Memory
from .schedule import FULL_VECTOR, Group, Region, Scheduler, is_pointwise, kind_of, others_of
from .steps import Kernel, Step, size
from .threads import count_worthwhile

CACHE = 32_768  # bytes of the first-level cache that a block may fill
LEAST_BLOCK, LARGEST_BLOCK = 16, 512
MOST_PIECES = 24  # nests of loops in one function
FUNCTION = "static __attribute__((noinline)) void"


class RegionPrinter:
    """threads: how many there may be."""

    def __init__(
        self, kernel: Kernel, scheduler: Scheduler, memory: Memory, threads: int, region: Region, name: str
    ) -> None:
        self.kernel, self.scheduler, self.memory, self.threads = kernel, scheduler, memory, threads
        self.region = region
        self.name = name
        self.summed = [step for step in region.steps if region.lane[step] is not None and region.is_summed(step)]
        self.local: dict[Step, str] = {}
        self.names = {step: f"v{i}" for i, step in enumerate(region.steps)}
        self.pointers: dict[str, str] = {}  # the declarations at the top
        self.readers: dict[Node, list[Step]] = {}  # the steps of the region that read a value
        for step in region.steps:
            for node in {self.kernel.resolve(x)[0] for x in step.operands if type(x) is Node}:
                self.readers.setdefault(node, []).append(step)
        self._find_locals()
        per_lane = sum(self._rows(step) * step.node.dtype.itemsize for step in self.local)
        self.block = self._choose_block(per_lane)
        self.local_bytes = sum(self._local_bytes(step) for step in self.local)
        self.loops = len(region.groups)

    # -- what lies where

    def _rows(self, step: Step) -> int:
        return size(step.node.shape) // self.region.extent

    def _local_bytes(self, step: Step) -> int:
        return round_up(self._rows(step) * self.block * step.node.dtype.itemsize)

    def _choose_block(self, per_lane: int) -> int:
        extent = self.region.extent
        if extent * per_lane <= CACHE and extent <= 4 * LARGEST_BLOCK:
            piece = -(-extent // count_worthwhile(self.region.steps, self.threads))  # a block for each thread
            return min(extent, -(-piece // LEAST_BLOCK) * LEAST_BLOCK)
        block = LARGEST_BLOCK
        while block > LEAST_BLOCK and block * per_lane > CACHE:
            block //= 2
        return min(block, extent)

    def _find_locals(self) -> None:
        """The steps whose block is kept because another group reads it, or because the whole has its lanes apart."""
        region = self.region
        for step in region.steps:
            if step in self.summed:
                continue
            made_by_rows = region.groups[region.place[step]].kind != "loop" or step in region.added_up
            if made_by_rows or (step.node in self.memory.index and not self._is_stored_at_once(step)):
                self.local[step] = f"l{len(self.local)}"
                continue
            for reader in self.readers.get(step.node, ()):
                if region.place[reader] != region.place[step] and not self._is_stored_at_once(step):
                    self.local[step] = f"l{len(self.local)}"
                    break

    def _is_stored_at_once(self, step: Step) -> bool:
        """Whether the whole result is in memory with its lanes side by side, so that nothing else is needed."""
        if step.node not in self.memory.index:
            return False
        lane = self.region.lane[step]
        if lane is None:
            return True
        inner = [a for a in range(len(step.space)) if step.space[a] > 1 and a in step.result_axes]
        return bool(inner) and inner[-1] == lane

    # -- the function

    def print(self) -> list[str]:
        """The function of the region; where it is long, several, since compilers take more than twice the time for
        twice the text."""
        pieces = [self._print_group(group) for group in self.region.groups]
        pieces += [self._print_copy_out(step) for step in self.local if step.node in self.memory.index]
        functions = []
        if len(pieces) > MOST_PIECES:
            calls = []
            for k, start in enumerate(range(0, len(pieces), MOST_PIECES)):
                part = f"{self.name}_{k}"
                text = [line for piece in pieces[start : start + MOST_PIECES] for line in piece]
                head = f"{FUNCTION} {part}(char *const *p, char *const *q, char *local, long lo, long n)\n{{"
                unused = "    (void)p; (void)q; (void)local; (void)lo; (void)n;"
                functions += [head, *self._declare(text), unused, "    {", *text, "    }", "}", ""]
                calls.append([f"        {part}(p, q, local, lo, n);"])
            pieces = calls
        text = [line for piece in pieces for line in piece]
        extent, block = self.region.extent, self.block
        head = f"{FUNCTION} {self.name}(char *const *p, char *const *q, char *local, long from, long to)\n{{"
        unused = "    (void)p; (void)q; (void)local; (void)from; (void)to;"
        if block == extent:
            loop = [f"    const long lo = 0, n = {extent};", "    (void)lo; (void)n;", "    {"]
        else:
            n = str(block) if extent % block == 0 else f"to - lo < {block} ? to - lo : {block}"
            loop = [f"    for (long lo = from; lo < to; lo += {block}) {{", f"        const long n = {n};"]
        return [*functions, head, *self._declare(text), unused, *loop, *text, "    }", "}", ""]

    def _declare(self, text: list[str]) -> list[str]:
        """The declarations of the pointers that occur in a text."""
        used = set(re.findall(r"\b[xql]\d+\b", " ".join(line.split("/*")[0] for line in text)))
        lines = [declaration for name, declaration in self.pointers.items() if name in used]
        offset = 0
        for step, name in self.local.items():
            if name in used:
                ctype = TYPES[step.node.dtype]
                lines.append(f"    {ctype} *const restrict {name} = ({ctype} *)(local + {offset});")
            offset += self._local_bytes(step)
        return lines

    def count_parts(self) -> int:
        """Into how many parts the region is divided, each done by a thread: more than one only where that pays."""
        return min(count_worthwhile(self.region.steps, self.threads), -(-self.region.extent // self.block))

    def print_call(self, at: int) -> tuple[list[str], int]:
        """The lines by which the kernel runs the region, and how many bytes they need from offset `at` on."""
        parts = self.count_parts()
        own = at + parts * self.local_bytes
        lines: list[str] = []
        rows: list[str] = []
        places: list[list[str]] = []
        for i in range(parts):
            places.append([])
            for step in self.summed:
                place = f"p[{self.memory.index[step.node]}]"
                if i > 0 or self._is_wide(step):
                    place = f"(scratch + {own})"
                    own += round_up(2 * step.node.nbytes if self._is_wide(step) else step.node.nbytes)
                places[-1].append(place)
                lines.append(self._spell_start(step, place))
        extent = self.region.extent
        if parts == 1:
            lines.insert(0, f"    {{ char *q[] = {{{', '.join(places[0]) or '0'}}};")
            lines.append(f"      {self.name}(p, q, scratch + {at}, 0, {extent});")
            return [*lines, *self._print_narrow(places[0]), "    }"], own - at
        unit = self.block if extent % self.block == 0 else FULL_VECTOR
        piece = -(-extent // (parts * unit)) * unit
        for i in range(parts):
            end = min((i + 1) * piece, extent)
            rows.append(
                f"          {{{self.name}, p, q[{i}], scratch + {at + i * self.local_bytes}, {i * piece}, {end}}},"
            )
        table = ", ".join(f"{{{', '.join(row) or '0'}}}" for row in places)
        lines.insert(0, f"    {{ char *q[{parts}][{max(len(self.summed), 1)}] = {{{table}}};")
        lines += ["      tg_part parts[] = {", *rows, "      };", f"      tg_run_parts(parts, {parts});"]
        for k, step in enumerate(self.summed):
            ctype = self._sum_type(step)
            total, part = f"(({ctype} *)q[0][{k}])[i]", f"(({ctype} *)q[t][{k}])[i]"
            text = combine(step, total, part)
            lines.append(f"      for (int t = 1; t < {parts}; t++)")
            lines.append(f"          for (long i = 0; i < {size(step.node.shape)}; i++) {total} = {text};")
        return [*lines, *self._print_narrow(places[0]), "    }"], own - at

    def _is_wide(self, step: Step) -> bool:
        """Whether it is a sum of so many blocks that float32 would lose what the last ones add. (Its total is a double;
        NumPy adds halves to halves.)"""
        is_sum = isinstance(step.form, Reduction) and step.form.ufunc is np.add
        return is_sum and step.node.dtype == np.float32 and self.block < self.region.extent

    def _sum_type(self, step: Step) -> str:
        return "double" if self._is_wide(step) else TYPES[step.node.dtype]

    def _print_narrow(self, places: list[str]) -> list[str]:
        """The totals that are doubles, as the results that they are."""
        return [
            f"      for (long i = 0; i < {size(step.node.shape)}; i++) "
            f"((float *)p[{self.memory.index[step.node]}])[i] = ((double *){place})[i];"
            for step, place in zip(self.summed, places, strict=True)
            if self._is_wide(step)
        ]

    def _spell_start(self, step: Step, pointer: str) -> str:
        count = size(step.node.shape)
        ctype = self._sum_type(step)
        start = self._identity(step)
        if start == "0":
            return f"      memset({pointer}, 0, {count} * sizeof({ctype}));"
        return f"      for (long i = 0; i < {count}; i++) (({ctype} *){pointer})[i] = {start};"

    def _identity(self, step: Step) -> str:
        if isinstance(step.form, Reduction) and step.form.ufunc is not np.add:
            return "-INFINITY" if step.form.ufunc is np.maximum else "INFINITY"
        return "0"

    # -- groups

    def _print_group(self, group: Group) -> list[str]:
        if group.kind == "loop":
            return self._print_loop(group)
        (step,) = group.steps
        lane = self.region.lane[step]
        kind, axes = kind_of(step, lane)
        index = {a: f"i{at}" for at, a in enumerate(axes)}
        lines = [f"        /* {spell_comment(step)} */"]
        indent = "        "
        for at, a in enumerate(axes):
            lines.append(f"{indent}for (long i{at} = 0; i{at} < {step.space[a]}; i{at}++) {{")
            indent += "    "
        inner = {
            "row": self._print_row,
            "reduce": self._print_reduce,
            "extreme": self._print_extreme,
            "rows": self._print_rows,
            "dots": self._print_dots,
            "lanes": self._print_lanes,
        }[kind](step, index, indent)
        lines += inner
        for at in reversed(range(len(axes))):
            lines.append("        " + "    " * at + "}")
        return lines

    def _print_loop(self, group: Group) -> list[str]:
        indent = "        "
        lines = [
            line for step in group.steps if step in self.region.added_up for line in self._print_start(step, indent)
        ]
        for at, extent in enumerate(group.others):
            lines.append(f"{indent}for (long i{at} = 0; i{at} < {extent}; i{at}++) {{")
            indent += "    "
        sums, after, body = [], [], []
        for step in group.steps:
            lane = self.region.lane[step]
            axes = kind_of(step, lane)[1] if step not in self.region.added_up else others_of(step, lane)
            index = {a: f"i{at}" for at, a in enumerate(axes)}
            name, ctype = self.names[step], TYPES[step.node.dtype]
            if step in self.region.added_up:
                (place,) = self._local_places(step, index)
                value = self._spell_operand(step, 0, index, group)
                body.append((f"{place} = {combine(step, place, value)};", spell_comment(step)))
                continue
            value = self._spell_value(step, index, group)
            if step in self.summed:
                assert lane is not None
                sums.append(name)
                lines.append(f"{indent}{ctype} {name} = 0;")
                body.append((f"{name} += {value};", spell_comment(step)))
                after.append(f"{indent}{self._sum_place(step, index)} += {name};")
                continue
            body.append((f"const {ctype} {name} = {value};", spell_comment(step)))
            for place in self._places_of(step, index):
                body.append((f"{place} = {name};", ""))
        reductions = f" reduction(+:{', '.join(sums)})" if sums else ""
        if self.region.extent > 1:
            lines += [f"#pragma omp simd{reductions}", f"{indent}for (long j = 0; j < n; j++) {{"]
        else:
            lines += [f"{indent}{{ const long j = 0; (void)j;"]
        lines += [f"{indent}    {text}" + (f"  /* {comment} */" if comment else "") for text, comment in body]
        lines += [f"{indent}}}", *after]
        for at in reversed(range(len(group.others))):
            lines.append("        " + "    " * at + "}")
        return lines

    def _print_start(self, step: Step, indent: str) -> list[str]:
        """What is added up starts from nothing."""
        entries = self._rows(step) * self.block
        return [f"{indent}for (long j = 0; j < {entries}; j++) {self.local[step]}[j] = {self._identity(step)};"]

    def _print_row(self, step: Step, index: dict[int, str], indent: str) -> list[str]:
        """A function that takes a row of lanes."""
        assert isinstance(step.form, Map)
        start, _ = self._pointer(step, 0, index)
        out, _ = self._local_pointer(step, index)
        return [f"{indent}{step.form.row}({start}, {out}, n);"]

    def _print_reduce(self, step: Step, index: dict[int, str], indent: str) -> list[str]:
        """Over axes other than the lane."""
        form = step.form
        assert isinstance(form, Reduction)
        (place,) = self._local_places(step, index)
        lines = ["#pragma omp simd", f"{indent}for (long j = 0; j < n; j++) {place} = {self._identity(step)};"]
        inner = sorted(step.summed)
        index = {**index, **{a: f"k{at}" for at, a in enumerate(inner)}}
        for at, a in enumerate(inner):
            lines.append(f"{indent}{'    ' * at}for (long k{at} = 0; k{at} < {step.space[a]}; k{at}++)")
        value = self._spell_operand(step, 0, index, None)
        lines += ["#pragma omp simd", f"{indent}{'    ' * len(inner)}for (long j = 0; j < n; j++)"]
        lines.append(f"{indent}{'    ' * (len(inner) + 1)}{place} = {combine(step, place, value)};")
        return lines

    def _print_extreme(self, step: Step, index: dict[int, str], indent: str) -> list[str]:
        """The largest or smallest over the lane."""
        assert isinstance(step.form, Reduction)
        place = self._sum_place(step, index)
        start, _ = self._pointer(step, 0, index)
        name = "max" if step.form.ufunc is np.maximum else "min"
        return [f"{indent}{place} = tg_{name}_of_row_{SUFFIXES[TYPES[step.node.dtype]]}({start}, n, {place});"]

    def _print_lanes(self, step: Step, index: dict[int, str], indent: str) -> list[str]:
        """A product of two stacks whose matrices are the lanes."""
        (place,) = self._local_places(step, index)
        k = len(step.space) - 1
        a, b = (self._spell_operand(step, at, {**index, k: "k"}, None) for at in (0, 1))
        return [
            "#pragma omp simd",
            f"{indent}for (long j = 0; j < n; j++) {place} = 0;",
            f"{indent}for (long k = 0; k < {step.space[k]}; k++)",
            "#pragma omp simd",
            f"{indent}    for (long j = 0; j < n; j++) {place} = {spell_fma(step)}({a}, {b}, {place});",
        ]

    def _print_rows(self, step: Step, index: dict[int, str], indent: str) -> list[str]:
        """Rows of numbers times a matrix of lanes."""
        n = len(step.space)
        i, j, k = n - 3, n - 2, n - 1
        lane = self.region.lane[step]
        row_axis, row, lanes = (i, 0, 1) if lane == j else (j, 1, 0)
        start_row, along_row = self._pointer(step, row, index)
        start_lanes, along_lanes = self._pointer(step, lanes, index)
        start, along = self._local_pointer(step, index)
        suffix = SUFFIXES[TYPES[step.node.dtype]]
        return [
            f"{indent}tg_rows_{suffix}({start}, {along.get(row_axis, 0)}, "
            f"{start_row}, {along_row.get(row_axis, 0)}, {along_row.get(k, 0)}, "
            f"{start_lanes}, {along_lanes.get(k, 0)}, {step.space[row_axis]}, {step.space[k]}, n);"
        ]

    def _print_dots(self, step: Step, index: dict[int, str], indent: str) -> list[str]:
        """Products of lanes with lanes, added up."""
        n = len(step.space)
        i, j = n - 3, n - 2
        start_a, along_a = self._pointer(step, 0, index)
        start_b, along_b = self._pointer(step, 1, index)
        strides = whole_strides(step)
        at = spell_offset(0, {a: s for a, s in strides.items() if a in index}, (), index)
        suffix = SUFFIXES[TYPES[step.node.dtype]]
        return [
            f"{indent}tg_dots_{suffix}({self._sum_pointer(step)}{at}, {strides.get(i, 0)}, {strides.get(j, 0)}, "
            f"{start_a}, {along_a.get(i, 0)}, {start_b}, {along_b.get(j, 0)}, {step.space[i]}, {step.space[j]}, n);"
        ]

    def _print_copy_out(self, step: Step) -> list[str]:
        """Lanes into the whole array, where they lie apart."""
        lane = self.region.lane[step]
        axes = others_of(step, lane, step.summed)
        index = {a: f"i{at}" for at, a in enumerate(axes)}
        indent, lines = "        ", []
        for at, a in enumerate(axes):
            lines.append(f"{indent}for (long i{at} = 0; i{at} < {step.space[a]}; i{at}++)")
            indent += "    "
        (place,) = self._local_places(step, index)
        whole = self._whole_place(step, index)
        return [*lines, f"{indent}for (long j = 0; j < n; j++) {whole} = {place};"]

    # -- values and places

    def _spell_value(self, step: Step, index: dict[int, str], group: Group) -> str:
        form = step.form
        if isinstance(form, Map):
            texts = []
            for at, wanted in enumerate(form.types):
                texts.append(self._spell_operand(step, at, index, group, TYPES[np.dtype(wanted)]))
            return form.text.format(*texts)
        if isinstance(form, Reduction):
            if step in self.summed:
                return self._spell_operand(step, 0, index, group, TYPES[step.node.dtype])
            inner = sorted(step.summed)
            terms = [
                self._spell_operand(step, 0, {**index, **dict(zip(inner, map(str, at), strict=True))}, None)
                for at in np.ndindex(*[step.space[a] for a in inner])
            ]
            if form.ufunc is np.add:  # from zero on: a sum of nothing but -0 is 0
                terms.insert(0, "0")
            text = terms[0]
            for term in terms[1:]:
                text = combine(step, text, term)
            return text
        assert isinstance(form, Product)
        k = len(step.space) - 1
        pairs = [
            [self._spell_operand(step, at, {**index, k: str(number)}, None) for at in (0, 1)]
            for number in range(step.space[k])
        ]
        text = "0"
        for a, b in pairs:
            text = f"{spell_fma(step)}({a}, {b}, {text})"
        return text

    def _spell_operand(
        self, step: Step, at: int, index: dict[int, str], group: Group | None, ctype: str | None = None
    ) -> str:
        """One operand's entry, converted to a type; from the variable that has it, if it was made in this very turn."""
        x = step.operands[at]
        ctype = ctype or TYPES[step.node.dtype]
        if type(x) is not Node:
            return spell_number(x, ctype)
        base, _ = self.kernel.resolve(x)
        maker = self.scheduler.maker.get(base)
        text = None
        if maker in self.region.lane and group is not None and maker in group.steps:
            assert maker is not None
            if is_pointwise(x, maker, step, self.region, self.scheduler):
                text = self.names[maker]
        if text is None:
            start, along = self._pointer(step, at, index, True)
            text = start
        return convert(text, TYPES[x.dtype], ctype)

    def _pointer(self, step: Step, at: int, index: dict[int, str], entry: bool = False) -> tuple[str, dict[int, int]]:
        """The start of an operand's lanes (or the entry of lane j), and the strides along the step's axes."""
        x = step.operands[at]
        assert type(x) is Node
        axes = step.axes[at]
        lane = self.region.lane[step]
        base, chain = self.kernel.resolve(x)
        maker = self.scheduler.maker.get(base)
        if maker is not None and maker in self.local:
            place = self.region.lane[maker]
            if place is None:
                offset, strides, name = 0, tuple(0 for _ in x.shape), self.local[maker]
            else:
                layout = self.scheduler.layout(x, maker.result_axes.index(place))
                assert layout is not None
                extent, block = self.region.extent, self.block
                offset = layout[0] // extent * block
                strides = tuple(
                    1 if s == 1 and x.shape[a] == extent else s // extent * block for a, s in enumerate(layout[1])
                )
                name = self.local[maker]
            from_start = ""
        else:
            layout = self.scheduler.layout(x)
            assert layout is not None
            offset, strides = layout
            name = self._whole_pointer(base)
            from_start = "lo + "
        along = {axis: s for axis, s, extent in zip(axes, strides, x.shape, strict=True) if extent > 1}
        terms = [spell_times(index[a], s) for a, s in along.items() if a in index and s and index[a] != "0"]
        fixed = offset
        moving = []
        for term in terms:
            if term.lstrip("-").isdigit():
                fixed += int(term)
            else:
                moving.append(term)
        if lane is not None and along.get(lane):
            assert along[lane] == 1 or step.node.op is None, (step.node, along, lane)
            inner = f"{from_start}j" if entry else from_start.removesuffix(" + ")
            if along[lane] != 1:
                inner = f"({inner}) * {along[lane]}"
            if inner:
                moving.append(inner)
        if fixed or not moving:
            moving.append(str(fixed))
        text = " + ".join(moving)
        if entry:
            return f"{name}[{text}]", along
        return (name if text == "0" else f"{name} + {text}"), along

    def _whole_pointer(self, node: Node) -> str:
        index = self.memory.index[node]
        name = f"x{index}"
        if name not in self.pointers:
            ctype = TYPES[node.dtype]
            made_here = any(step.node is node for step in self.region.lane)
            const = "" if made_here else "const "
            what = f"  /* {spell_name(node)}{node.shape} */"
            self.pointers[name] = f"    {const}{ctype} *const restrict {name} = ({const}{ctype} *)p[{index}];{what}"
        return name

    def _sum_pointer(self, step: Step) -> str:
        at = self.summed.index(step)
        ctype = self._sum_type(step)
        self.pointers[f"q{at}"] = (
            f"    {ctype} *const restrict q{at} = ({ctype} *)q[{at}];  /* {spell_comment(step)} */"
        )
        return f"q{at}"

    def _sum_place(self, step: Step, index: dict[int, str]) -> str:
        strides = {a: s for a, s in whole_strides(step).items() if a in index}
        return f"{self._sum_pointer(step)}[{spell_sum(strides, index) or '0'}]"

    def _whole_place(self, step: Step, index: dict[int, str]) -> str:
        strides = whole_strides(step)
        lane = self.region.lane[step]
        text = spell_sum({a: s for a, s in strides.items() if a in index}, index)
        if lane is not None:
            inner = "lo + j" if strides[lane] == 1 else f"(lo + j) * {strides[lane]}"
            text = f"{text} + {inner}" if text else inner
        return f"{self._whole_pointer(step.node)}[{text or '0'}]"

    def _local_strides(self, step: Step) -> dict[int, int]:
        return strides_of(step, self.region.lane[step], self.block)

    def _local_places(self, step: Step, index: dict[int, str]) -> list[str]:
        strides = {a: s for a, s in self._local_strides(step).items() if a in index}
        text = spell_sum(strides, index)
        return [f"{self.local[step]}[{f'{text} + j' if text else 'j'}]"]

    def _local_pointer(self, step: Step, index: dict[int, str]) -> tuple[str, dict[int, int]]:
        strides = self._local_strides(step)
        text = spell_sum({a: s for a, s in strides.items() if a in index}, index)
        return (f"{self.local[step]} + {text}" if text else self.local[step]), strides

    def _places_of(self, step: Step, index: dict[int, str]) -> list[str]:
        """Where a value goes as soon as it is there."""
        places = []
        if step in self.local:
            places += self._local_places(step, index)
        if step.node in self.memory.index and step not in self.local:
            places.append(self._whole_place(step, index))
        return places
