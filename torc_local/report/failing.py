"""Why jobs did not succeed, on a screen: a line for each cause, with examples, and what helps against it."""

from collections.abc import Iterator, Sequence

from torc_local.ground.reasons import first_line
from torc_local.report import causes
from torc_local.report.causes import Cause
from torc_local.report.paint import BAD, STRONG, WARNING, Line
from torc_local.report.text import cells, padded, printable, shortened, shortened_inside
from torc_local.store.reading import FailureRow

_MOST = 5
_DETAIL_WIDTH = 120
_NAME_WIDTH = 20
_NARROW = 60


def by_cause(rows: Sequence[FailureRow]) -> list[tuple[Cause, list[FailureRow]]]:
    """The reasons of each cause: the most frequent cause first, what could not run because of others last."""
    found: dict[Cause, list[FailureRow]] = {}
    for row in rows:
        upstream = row.reason is None  # of a canceled job; who else was canceled has a reason
        cause = causes.cause_of(row.status, row.reason, blocked_by_failure=upstream, outcome=row.outcome)
        found.setdefault(cause, []).append(row)
    return sorted(found.items(), key=lambda pair: (pair[0] is causes.UPSTREAM, -_jobs(pair[1])))


def failure_lines(
    rows: Sequence[FailureRow], *, cures: bool, command: str, workflow_id: int, width: int | None = None
) -> list[Line]:
    """The lines, after an empty one; none without failures. ``cures``: also what helps, whole whatever the width is."""
    found = by_cause(rows)
    shown = found[:_MOST]
    lines: list[Line] = [""] if shown else []
    digits = max((len(f"{_jobs(some):,}") for _, some in shown), default=0)
    aligned = width is None or width >= _NARROW
    titles = max((len(title(cause)) for cause, _ in shown), default=0) if aligned else 0
    for cause, some in shown:
        colour = WARNING if cause in (causes.UPSTREAM, causes.PERSON) else BAD
        words = title(cause)
        head = f"  {_jobs(some):>{digits},} x {padded(words, max(titles, cells(words)))}"
        about = _about(cause, some, None if width is None else width - cells(head))
        lines.append([(head, colour), about])
        if cures and cause is not causes.UPSTREAM:
            cure = causes.cure(cause, some[0].example, command=command, workflow_id=workflow_id)
            lines.append([" " * (digits + 5), "-> ", (printable(cure), STRONG)])
    if len(found) > len(shown):
        rest = sum(_jobs(some) for _, some in found[_MOST:])
        lines.append(f"  ... and {rest:,} for {len(found) - len(shown):,} more causes")
    return lines


def _about(cause: Cause, rows: Sequence[FailureRow], room: int | None) -> str:
    """Examples and what more there is to say, as far as there is room."""
    detail = _detail(cause, rows)
    said = f"   {detail}" if detail else ""
    texts = [f"   {_examples(rows, names, width)}{said}" for names, width in ((2, None), (1, None), (1, _NAME_WIDTH))]
    fitting = next((text for text in texts if room is None or cells(text) <= room), texts[-1])
    return fitting if room is None else shortened(fitting, max(room, 1))


def title(cause: Cause) -> str:
    """A cause in a few words."""
    words = {causes.OOM: "out of memory", causes.TIMEOUT: "out of time", causes.LOST: "lost with its runner",
             causes.UPSTREAM: "could not run"}  # fmt: skip
    if (known := words.get(cause)) is not None:
        return known
    code, _, said = cause.title.partition(": ")
    return printable(said if said and code.startswith("exit code") else cause.title)


def _jobs(rows: Sequence[FailureRow]) -> int:
    return sum(row.jobs for row in rows)


def _examples(rows: Sequence[FailureRow], most: int, width: int | None) -> str:
    names = list(dict.fromkeys(_names(rows)))[:most]
    more = _jobs(rows) - len(names)
    listed = ", ".join(map(printable, names if width is None else (shortened_inside(name, width) for name in names)))
    return f"{listed} and {more:,} more" if more > 0 else listed


def _names(rows: Sequence[FailureRow]) -> Iterator[str]:
    for row in rows:
        yield row.example
        yield row.last_example


def _detail(cause: Cause, rows: Sequence[FailureRow]) -> str:
    """What the reason says beyond the cause."""
    if cause is causes.UPSTREAM:
        return "something before them did not succeed"
    if len(rows) > 1 and len({row.reason for row in rows}) > 1:
        return f"{len({row.reason for row in rows}):,} different reasons"
    sentence = first_line(rows[0].reason or "")
    _, colon, said = sentence.partition(": ")
    if not colon or said in cause.title:
        return ""
    return printable(shortened(said, _DETAIL_WIDTH))
