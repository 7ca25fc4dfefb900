"""``plot`` and ``plot-resources``: curves of what jobs and nodes used, from the time series of a run."""

import io
import os
import shutil
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import NamedTuple

from torc_local.cli import answer, place
from torc_local.cli.converting import write_file
from torc_local.cli.looking import open_workflow
from torc_local.cli.selecting import Asked, choose
from torc_local.engine.options import settings_of
from torc_local.ground.errors import ExitCode, InputError
from torc_local.report import curve_page, curves
from torc_local.report.curves import JOB, Curve
from torc_local.report.text import plural, printable
from torc_local.store import samples
from torc_local.store.database import Database
from torc_local.store.workflows import WorkflowRow

#: Where nobody knows how wide the screen is.
_WIDTH = 80

#: Jobs that are drawn when nobody says how many.
_ON_SCREEN = 10
_ON_PAGE = 100

_SUFFIXES = {".html": "html", ".htm": "html", ".csv": "csv", ".json": "json"}

_METHOD = (
    "Memory of one process is what is resident; of several, pages that they share count once. Processors are compared"
    " over half a second or more, 100 % being one of them for jobs and all of them for nodes."
)


class Wish(NamedTuple):
    """What is to be made: ``output`` a file, whose name says of which kind; otherwise lines, or rows for programs."""

    output: Path | None
    force: bool
    as_items: bool
    limit: int | None
    run_id: int | None


def plot(option: Path | None, workflow_id: int | None, asked: Asked, wish: Wish) -> int:
    """``plot``. A lone number, or a database, is the workflow, as in Torc."""
    form = _form(wish)
    word = asked.words[0] if len(asked.words) == 1 else None
    target = None
    if word is not None and workflow_id is None and place.names_workflow(word):
        target, asked = word, asked._replace(words=())
    with open_workflow(option, target if workflow_id is None else str(workflow_id)) as (db, workflow):
        chosen = set(choose(db, workflow.id, asked)) if asked.anything else None
        found = _of_workflow(db, workflow, wish.run_id)
        if chosen is not None:
            found = [one for one in found if one.kind == JOB and one.job_id in chosen]
            if not found:
                raise _nothing_of_these(len(chosen))
        title = f"{printable(workflow.name)}: workflow {workflow.id}, run {found[0].run_id}"
    _answer(found, wish, form, title)
    return ExitCode.OK


def plot_files(paths: Sequence[Path], job_ids: Sequence[int], directory: Path, prefix: str, form: str) -> int:
    """``plot-resources``: one file with the curves of time series that are named, ours or Torc's."""
    found: list[Curve] = []
    for path in paths:
        host, _, run_id = _parts(path)
        found += curves.curves(_read(path), node=host, run_id=run_id)
    if job_ids:
        missing = sorted(set(job_ids) - {one.job_id for one in found})
        if missing:
            raise InputError(f"there is no sample of job {missing[0]}", hint="torc-local plot-resources DB plots all")
        found = [one for one in found if one.job_id in set(job_ids)]
    if not found:
        raise InputError(f"{printable(str(paths[0]))} has no samples")
    output = directory / f"{prefix}.{form}"
    title = ", ".join(printable(path.name) for path in paths)
    _answer(found, Wish(output, force=True, as_items=False, limit=None, run_id=None), form, title)
    return ExitCode.OK


def _form(wish: Wish) -> str | None:
    """Which kind of file; None: standard output. Refuses before anything is read."""
    if wish.output is None:
        return None
    form = _SUFFIXES.get(wish.output.suffix.lower())
    if form is None:
        raise InputError(
            f"cannot tell what to write from the name {printable(str(wish.output))}",
            hint="let it end with .html, .csv or .json",
        )
    if wish.as_items:
        raise InputError("the name of the file says what is written", hint="leave out -f")
    if not wish.force and os.path.lexists(wish.output):
        raise InputError(f"{wish.output} exists", hint="choose another name, or replace it with --force")
    return form


def _of_workflow(db: Database, workflow: WorkflowRow, run_id: int | None) -> list[Curve]:
    """The curves of a run, of all nodes: of the newest run that has any, when none is named."""
    found: dict[int, list[Curve]] = {}
    for directory in samples.directories(db, workflow.id):
        for path in sorted(directory.glob(f"resource_metrics_*_{workflow.id}_*.db")):
            host, of, run = _parts(path)
            if of == workflow.id:
                # A database that was removed, and made again, begins to count anew: its files are older.
                since = int(workflow.created_at)
                found.setdefault(run, []).extend(curves.curves(_read(path), node=host, run_id=run, since=since))
    there = sorted(run for run, listed in found.items() if listed)
    wanted = run_id if run_id is not None else there[-1] if there else None
    if wanted not in there:
        raise _nothing(db, workflow, wanted, there)
    return found[wanted]


def _nothing(db: Database, workflow: WorkflowRow, run_id: int | None, there: Sequence[int]) -> InputError:
    """Why there is nothing to plot, and what would change that. ``there``: runs that have samples."""
    if there:
        hint = f"there are some of run {', '.join(map(str, there))}"
        return InputError(f"there are no samples of run {run_id} of workflow {workflow.id}", hint=hint)
    settings = settings_of(db, workflow.id)
    which = f"workflow {workflow.id}" if run_id is None else f"run {run_id} of workflow {workflow.id}"
    again = "torc-local run --time-series keeps samples, as does  granularity: time_series  in 'resource_monitor'"
    if "time_series" in (settings.monitor_jobs, settings.monitor_node):
        return InputError(
            f"there are no samples of {which}",
            hint=f"they are written every {settings.flush_interval_s:g} s (flush_interval) and at the end of a run,"
            " beside its output (-o); jobs of less than 0.05 s are not sampled",
        )
    if settings.monitor_jobs is None and settings.monitor_node is None:
        return InputError(f"nothing was measured of {which}: 'resource_monitor' is not enabled", hint=again)
    return InputError(
        f"no samples were kept of {which}, only peaks and averages: torc-local results shows them", hint=again
    )


def _nothing_of_these(count: int) -> InputError:
    return InputError(
        f"there are no samples of {'this job' if count == 1 else f'these {count:,} jobs'}",
        hint="jobs of less than 0.05 s, and jobs of other runs (--run-id), have none; torc-local results shows peaks",
    )


def _parts(path: Path) -> tuple[str, int, int]:
    """Host, workflow and run in the name of a file; zeros when it is called otherwise."""
    host, *numbers = path.stem.removeprefix("resource_metrics_").rsplit("_", 2)
    if len(numbers) == 2 and all(number.isascii() and number.isdigit() for number in numbers):  # noqa: PLR2004
        return host, int(numbers[0]), int(numbers[1])
    return path.stem, 0, 0


def _read(path: Path) -> samples.Series:
    try:
        return samples.read(path)
    except samples.NoSeriesError as error:
        hint = "torc-local plot finds those of a workflow; they are in resource_utilization beside the output of jobs"
        raise InputError(f"{printable(str(path))} is no time series: {error}", hint=hint) from None


def _answer(found: list[Curve], wish: Wish, form: str | None, title: str) -> None:
    jobs = sum(one.kind == JOB for one in found)
    if form in ("csv", "json") or (form is None and wish.as_items):
        rows = curves.items(curves.largest(found, wish.limit))
        if wish.output is None:
            answer.items(rows, curves.COLUMNS)
            return
        answer.use(str(form))
        with redirect_stdout(io.StringIO()) as text:
            answer.items(rows, curves.COLUMNS)
        write_file(wish.output, text.getvalue(), force=wish.force)
    else:
        by_file: dict[tuple[str, int], list[Curve]] = {}
        for one in found:
            by_file.setdefault((one.node, one.run_id), []).append(one)
        sums = [whole for listed in by_file.values() if (whole := curves.together(listed)) is not None]
        limit = wish.limit if wish.limit is not None else _ON_SCREEN if form is None else _ON_PAGE
        shown = curves.largest([*found, *sums], limit)
        if jobs > limit:
            answer.note(f"the {limit} jobs with the most memory, of {jobs:,}; name others, or --limit {jobs}")
        if form is None or wish.output is None:
            answer.lines(_screen(shown, title))
            return
        write_file(wish.output, curve_page.page(title, shown, [_METHOD]), force=wish.force)
    answer.note(f"the curves of {plural(jobs, 'job')} are in {printable(str(wish.output))}")


def _screen(found: list[Curve], title: str) -> list[str]:
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _WIDTH
    plain = "utf" not in (sys.stdout.encoding or "").lower()
    return [title, "", *curves.screen(found, width=width, plain=plain)]
