"""How errors look: a sentence, where it is, and one next step."""

from collections.abc import Iterable, Sequence

from torc_local.ground.errors import MissingInputs, Problem, SpecError, TorcLocalError
from torc_local.report.text import printable

#: Nobody mends more mistakes than these before looking again.
MOST = 20


def error_lines(error: TorcLocalError) -> list[str]:
    """An error as lines for standard error."""
    if isinstance(error, SpecError):
        return problem_lines(error.problems)
    lines = [f"error: {printable(error.message)}"]
    if isinstance(error, MissingInputs):
        lines += [f"  {printable(item)}" for item in error.items]
    if error.hint:
        lines.append(f"  hint: {printable(error.hint)}")
    return lines


def problem_lines(problems: Sequence[Problem], kind: str = "error") -> list[str]:
    """Problems with their places: ``file:line:column: error: text``, which editors understand, and the source line."""
    lines: list[str] = []
    for problem in problems[:MOST]:
        lines += [*_problem(problem, kind), ""]
    if len(problems) > MOST:
        lines += [f"... and {len(problems) - MOST:,} more", ""]
    return lines[:-1]


def problem_documents(problems: Iterable[Problem]) -> list[dict[str, object]]:
    """Problems as JSON items; line and column are null when the file as a whole is meant."""
    return [
        {
            "file": problem.file,
            "line": problem.line or None,
            "column": problem.column or None,
            "message": problem.message,
            "hint": problem.hint,
        }
        for problem in problems
    ]


def _problem(problem: Problem, kind: str) -> list[str]:
    file = printable(problem.file)
    place = f"{file}:{problem.line}:{problem.column}" if problem.line else file
    lines = [f"{place}: {kind}: {printable(problem.message)}"]
    if problem.excerpt is None:
        return [*lines, f"  hint: {printable(problem.hint)}"] if problem.hint else lines
    number = str(problem.line)
    margin = " " * len(number)
    caret = " " * (problem.column - 1) + "^" * problem.width
    lines += [f"{margin} |", f"{number} | {problem.excerpt}", f"{margin} | {caret}"]
    if problem.hint:
        # Beside the caret while it is short, below it when it would run off the screen.
        if len(lines[-1]) + len(problem.hint) < MOST_COLUMNS:
            lines[-1] += f" {printable(problem.hint)}"
        else:
            lines.append(f"{margin} = hint: {printable(problem.hint)}")
    return lines


#: A hint that would end beyond this column goes on its own line.
MOST_COLUMNS = 110
