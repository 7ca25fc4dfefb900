"""``jobs`` and ``results``: lists that are chosen from, sorted, cut, and told column by column."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from torc_local.cli import answer, place, selecting
from torc_local.cli.looking import open_workflow
from torc_local.cli.selecting import Asked
from torc_local.cli.words import did_you_mean
from torc_local.ground import clock
from torc_local.ground.errors import ExitCode, InputError
from torc_local.ground.reasons import first_line
from torc_local.ground.states import JobStatus
from torc_local.report import listing
from torc_local.report.fitting import Column, Table
from torc_local.report.text import duration, plural, shortened, size
from torc_local.store import overview, reading
from torc_local.store.database import Database

_WIDEST = 60  # of a cell in a table whose columns were chosen


class View(NamedTuple):
    """How a list is to be shown."""

    limit: int | None
    sort: str | None
    columns: str | None
    as_items: bool


class Extremes(NamedTuple):
    """The jobs that took longest, that needed most, or that run now."""

    slowest: int | None = None
    largest: int | None = None
    running: bool = False


def show_jobs(option: Path | None, workflow_id: int | None, asked: Asked, extremes: Extremes, view: View) -> int:
    """``jobs``. What was measured is looked up only when it is asked for."""
    states = selecting.states(asked.states, failed=asked.failed)
    if extremes.running:
        states = [*(states or ()), JobStatus.RUNNING]
    view = _with_extremes(view, extremes)
    measured = view.sort is not None or view.columns is not None or extremes.running
    columns = _columns(view.columns, listing.MEASURED_COLUMNS)
    if view.sort is not None:
        _check_column(view.sort.removeprefix("-"), listing.MEASURED_COLUMNS, "--sort")
    with _chosen(option, workflow_id, asked) as (db, workflow_id_, chosen):
        if not measured:
            rows = reading.jobs(db, workflow_id_, states, None if chosen is not None else view.limit)
            rows = [row for row in rows if chosen is None or row.id in chosen][: view.limit]
            if view.as_items and not answer.is_markdown():
                answer.items(map(listing.job_item, rows))
            else:
                answer.table(listing.job_table(rows))
                _say_cut(len(rows), view.limit)
            return ExitCode.OK
        with db.read():
            rows = [row for row in reading.jobs(db, workflow_id_, states, None) if chosen is None or row.id in chosen]
            tries = reading.results(db, workflow_id_, all_runs=False)
            found = listing.measured_items(rows, tries, overview.running(db, workflow_id_), at=clock.now())
    if extremes.slowest is not None:
        found = [item for item in found if item["exec_time_seconds"] is not None]
    return _show(found, view, columns, listing.MEASURED_SHOWN)


def show_results(option: Path | None, workflow_id: int | None, asked: Asked, view: View, *, all_runs: bool) -> int:
    """``results``."""
    columns = _columns(view.columns, listing.RESULT_COLUMNS)
    if view.sort is not None:
        _check_column(view.sort.removeprefix("-"), listing.RESULT_COLUMNS, "--sort")
    failed, asked = asked.failed, asked._replace(failed=False)
    with _chosen(option, workflow_id, asked) as (db, workflow_id_, chosen):
        cut = None if chosen is not None or view.sort is not None else view.limit
        rows = reading.results(db, workflow_id_, all_runs=all_runs, failed=failed, limit=cut)
        rows = [row for row in rows if chosen is None or row.job_id in chosen]
        if view.sort is None and view.columns is None:
            rows = rows[: view.limit]
            if view.as_items and not answer.is_markdown():
                answer.items(map(listing.result_item, rows))
            else:
                answer.table(listing.result_table(rows))
                _say_cut(len(rows), view.limit)
            return ExitCode.OK
        found = [listing.result_item(row) for row in rows]
    return _show(found, view, columns, listing.RESULT_SHOWN)


@contextmanager
def _chosen(
    option: Path | None, workflow_id: int | None, asked: Asked
) -> Iterator[tuple[Database, int, set[int] | None]]:
    """The workflow, and the jobs of SELECT: None for all. A lone number or database is the workflow, as in Torc."""
    word = asked.words[0] if len(asked.words) == 1 else None
    target = None
    if word is not None and workflow_id is None and place.names_workflow(word):
        target, asked = word, asked._replace(words=())
    with open_workflow(option, target if workflow_id is None else str(workflow_id)) as (db, workflow):
        # States narrow the list down; that there is none in one of them is no mistake.
        narrow = asked._replace(states=None, failed=False)
        yield db, workflow.id, set(selecting.choose(db, workflow.id, narrow)) if narrow.anything else None


def _with_extremes(view: View, extremes: Extremes) -> View:
    if extremes.slowest is not None and extremes.largest is not None:
        raise InputError("--slowest and --largest cannot both come first", hint="leave one out")
    if extremes.slowest is not None:
        return view._replace(sort="-exec_time_seconds", limit=extremes.slowest)
    if extremes.largest is not None:
        return view._replace(sort="-peak_memory_bytes", limit=extremes.largest)
    return view


def _columns(listed: str | None, known: Sequence[str]) -> list[str]:
    wanted = [] if listed is None else [word.strip() for word in listed.split(",") if word.strip()]
    for word in wanted:
        _check_column(word, known, "--columns")
    if listed is not None and not wanted:
        raise InputError("--columns names no column", hint=f"there are: {', '.join(known)}")
    return list(dict.fromkeys(wanted))


def _check_column(word: str, known: Sequence[str], option: str) -> None:
    if word not in known:
        near = did_you_mean(word, list(known))
        listed = f"there are: {', '.join(known)}"
        raise InputError(f"{option}: there is no column '{word}'", hint=f"{near} {listed}" if near else listed)


def _show(found: list[dict[str, Any]], view: View, columns: list[str], shown: Sequence[str]) -> int:
    if view.sort is not None:
        found = _sorted(found, view.sort)
    cut = found[: view.limit]
    if view.as_items and not answer.is_markdown():
        answer.items(cut, columns)
        return ExitCode.OK
    heads = columns or list(shown)
    rows = [[_cell(key, item) for key in heads] for item in cut]
    answer.table(Table([_column(key, asked=bool(columns)) for key in heads], rows))
    if len(found) > len(cut) and view.sort is None:
        _say_cut(len(cut), view.limit)
    return ExitCode.OK


#: What is left out first where the terminal is narrow, unless it was asked for.
_SPARE = {"run_id": 5, "attempt_id": 4, "job_id": 3, "id": 3, "node": 2, "cpu_time_seconds": 1}


def _column(key: str, *, asked: bool) -> Column:
    right = key.endswith(("_seconds", "_bytes", "id", "_code", "_percent")) or key == "priority"
    name = key in ("name", "job_name")
    least = 12 if name else 8 if key in ("command", "reason") else None
    return Column(listing.head_of(key), right=right, least=least, inside=name, spare=0 if asked else _SPARE.get(key, 0))


def _sorted(found: list[dict[str, Any]], sort: str) -> list[dict[str, Any]]:
    """By a column, backwards when a minus sign stands before it. What has no value comes last either way."""
    key = sort.removeprefix("-")
    with_value = [item for item in found if item[key] is not None]
    with_value.sort(key=lambda item: item[key], reverse=sort.startswith("-"))
    return with_value + [item for item in found if item[key] is None]


def _cell(key: str, item: dict[str, Any]) -> str:
    value = item[key]
    if value is None:
        bound = item["peak_memory_at_most_bytes"] if key == "peak_memory_bytes" else None
        return "-" if bound is None else f"<{size(bound)}"
    if key.endswith("_seconds"):
        return duration(value)
    if key.endswith("_bytes"):
        return size(value)
    if key.endswith("_percent"):
        return f"{value:.0f}%"
    return shortened(first_line(answer.cell(value)), _WIDEST)


def _say_cut(shown: int, limit: int | None) -> None:
    if limit is not None and shown == limit:
        answer.note(f"the first {plural(shown, 'line')}; --limit allows more")
