"""Checking a file: the functions in the order in which a network runs, the forward pass before the backward one."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from .deep import (
    judge_activation_backward,
    judge_deep_backward,
    judge_deep_forward,
    judge_linear_activation_backward,
    judge_linear_activation_forward,
    judge_linear_backward,
    judge_linear_forward,
)
from .exam import IN_ROWS, Exam, Paper
from .logistic import judge_propagate
from .passes import (
    judge_backward,
    judge_cost,
    judge_elementwise,
    judge_forward,
    judge_initialisation,
    judge_predict,
    judge_update,
)
from .recognising import find_network
from .source import UnreadableFile, read
from .student import Student
from .verdict import FileReport, FunctionVerdict, Judgement

JUDGES: Final[dict[str, Callable[[Exam], None]]] = {
    "sigmoid": judge_elementwise,
    "relu": judge_elementwise,
    "initialize_parameters": judge_initialisation,
    "initialize_parameters_deep": judge_initialisation,
    "forward_propagation": judge_forward,
    "linear_forward": judge_linear_forward,
    "linear_activation_forward": judge_linear_activation_forward,
    "L_model_forward": judge_deep_forward,
    "compute_cost": judge_cost,
    "compute_cost_with_regularization": judge_cost,
    "propagate": judge_propagate,
    "backward_propagation": judge_backward,
    "backward_propagation_with_regularization": judge_backward,
    "sigmoid_backward": judge_activation_backward,
    "relu_backward": judge_activation_backward,
    "linear_backward": judge_linear_backward,
    "linear_activation_backward": judge_linear_activation_backward,
    "L_model_backward": judge_deep_backward,
    "update_parameters": judge_update,
    "predict": judge_predict,
}
"""Who judges which of the course's functions, in this order: what is called by others comes before them."""


def check_file(path: str | Path, seconds: float = 10.0) -> FileReport:
    """Check every function of the course that the file defines.

    path: a .py or .ipynb file; its code is executed, in a process of its own. seconds: how long each call may take (and
    twice as long for executing the file).

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "student.py")
    ...     _ = path.write_text("import numpy as np\\ndef sigmoid(z):\\n    return 1 / (1 + np.exp(z))\\n")
    ...     report = check_file(path)
    >>> report.status, report.verdicts[0].mistakes[0].text
    (1, 'The numbers are those of 1 / (1 + np.exp(z)).')
    """
    report = FileReport(str(path))
    try:
        source = read(Path(path))
    except UnreadableFile as error:
        report.problem = str(error)
        return report
    with Student(source, seconds) as student:
        report.problem = student.unloadable
        if report.problem is None:
            paper = Paper(student)
            report.verdicts = _judge_all(paper)
            if report.verdicts:
                report.verdicts += _list_unjudged(paper)
            else:
                report.problem = _say_that_none_was_found(student)
            if report.judgement is Judgement.UNCHECKED:
                report.advice = ADVICE
        report.warnings = student.warnings
    return report


def _judge_all(paper: Paper) -> list[FunctionVerdict]:
    paper.network = find_network(paper)
    for name, judge in JUDGES.items():
        function = paper.find(name)
        if function is not None:
            paper.verdicts.append(Exam(paper, name, function).run(judge))
    initial = paper.verdict_on("initialize_parameters")
    if paper.is_in_rows and initial is not None and initial.judgement is Judgement.WRONG:
        initial.judgement, initial.mistakes, initial.text = Judgement.UNCHECKED, [], IN_ROWS
    return paper.verdicts


_PASS: Final = re.compile(r"back_?prop|backward|back_?pass|forward_?prop|forward_?pass", re.IGNORECASE)


def _list_unjudged(paper: Paper) -> list[FunctionVerdict]:
    """What looks like a pass of a network and was not judged: a file is not right because the rest of it is."""
    judged = [paper.find(name) for name in JUDGES]
    source = paper.student.source
    known = {f.name for f in judged if f is not None}
    known |= {name for f in judged if f is not None for name in source.find_calls(f.cell, f.line)}
    found = []
    for function in paper.student.functions.values():
        if _PASS.search(function.name) and function.name not in known:
            quote = source.quote(function.cell, function.line)
            text = "it is none of the functions that this command knows"
            found.append(FunctionVerdict(function.name, Judgement.UNCHECKED, text, where=quote.where if quote else ""))
    for name, methods in paper.student.classes.items():
        passes = [method for method in methods if _PASS.search(method) or method == "forward"]
        if passes:
            text = f"methods are not called (it has {', '.join(passes)})"
            found.append(FunctionVerdict(f"class {name}", Judgement.UNCHECKED, text))
    return found


ADVICE: Final = """\
tg.compare judges gradients of any network, whatever its functions or methods are called: write the forward pass and the
cost as one function of the parameters and the data, and give it your gradients by name:
    import tinygrad_lite as tg
    print(tg.compare({"dW1": dW1, "db1": db1, "dW2": dW2, "db2": db2}, cost, W1, b1, W2, b2, X, Y))"""
"""For what this command cannot judge."""


def _say_that_none_was_found(student: Student) -> str:
    found = ", ".join(student.functions) or "none"
    looked_for = ", ".join(JUDGES)
    classes = [
        f"the class {name} with {', '.join(m for m in methods if m != '__init__')}"
        for name, methods in student.classes.items()
        if methods
    ]
    methods = f". Methods are not called; it has {'; '.join(classes)}" if classes else ""
    return (
        f"no function of the course was found in it (functions that it defines: {found}). Looked for: {looked_for}"
        f"{methods}"
    )
