"""python -m tinygrad_lite.check FILE"""

from __future__ import annotations

import argparse
import json
import sys

from .judging import check_file

DESCRIPTION = """\
Check the backpropagation in a student's file, a .py or an .ipynb: the functions of the course "Neural Networks and Deep
Learning" (sigmoid, initialize_parameters, forward_propagation, compute_cost, backward_propagation, update_parameters,
propagate, L_model_forward, L_model_backward, linear_forward, …), whichever of them it defines.

The file's code IS EXECUTED, in a process of its own, with your rights: check only files that you would run. That
process is given arguments and hands back numbers; it is ended when it takes too long. What the file prints, plots or
asks for is ignored, and of a notebook the magics and shell lines are skipped.

Exit status: 0 if every function found is right, 1 if one is wrong, 2 if something could not be checked.
"""


def main(arguments: list[str] | None = None) -> int:
    """Print the verdict about each file; the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tinygrad_lite.check",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE", help="a .py or .ipynb file")
    parser.add_argument("--json", action="store_true", help="print the verdict as JSON, for programs")
    parser.add_argument(
        "--seconds", type=float, default=10.0, help="how long each call may take, twice that for the file (default: 10)"
    )
    options = parser.parse_args(arguments)
    if not options.seconds > 0:
        parser.error(f"--seconds {options.seconds:g}: it must be more than 0")
    report = check_file(options.file, options.seconds)
    print(json.dumps(report.as_json(), indent=2) if options.json else report)
    return report.status


if __name__ == "__main__":
    sys.exit(main())
