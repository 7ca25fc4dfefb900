"""Commands that only look."""

import platform
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from torc_local import __version__
from torc_local.cli import answer, place, terminal
from torc_local.ground.errors import ExitCode
from torc_local.report import groups, health, listing, scale, status, status_screen, utilization
from torc_local.report.text import printable, table
from torc_local.store import opening
from torc_local.store.database import Database
from torc_local.store.runners import RunnerRow
from torc_local.store.workflows import WorkflowRow


@contextmanager
def _open(option: Path | None) -> Iterator[Database]:
    with opening.open_read_only(place.database(option)) as db:
        yield db


@contextmanager
def open_workflow(option: Path | None, word: str | None) -> Iterator[tuple[Database, WorkflowRow]]:
    """Open for looking what TARGET and ``--db`` name."""
    target = place.existing(word, option)
    with opening.open_read_only(place.database(target.database)) as db:
        yield db, place.workflow(db, target.workflow_id)


def dead_runners(runners: Sequence[RunnerRow]) -> set[int]:
    """Ids of those that certainly died."""
    if not runners:
        return set()
    from torc_local.process import machine  # noqa: PLC0415 - needs psutil

    return machine.dead(runners)


def show_list(option: Path | None, archived: set[bool], *, as_json: bool) -> int:
    """``list``."""
    with _open(option) as db:
        if as_json and not answer.is_markdown():
            answer.items(listing.workflow_items(db, archived))
        else:
            answer.table(listing.workflow_table(db, archived))
    return ExitCode.OK


def show_status(
    option: Path | None, word: str | None, *, as_json: bool, exit_status: bool = False, all_groups: bool = False
) -> int:
    """``status``; with ``exit_status`` the exit code says how the workflow stands: 0, 1, or 3 when work remains."""
    with open_workflow(option, word) as (db, workflow):
        found = status.gather(db, workflow)
        quick = all_groups or found.total <= groups.QUICK
        gathered = groups.gather(db, workflow.id) if quick else []
        dead = dead_runners(found.runners)
        if as_json:
            answer.document(status.document(found, dead, gathered if quick else None))
        else:
            command = place.command(db.path)
            looks = terminal.looks(sys.stdout)
            answer.screen(
                status_screen.screen(found, gathered, dead=dead, command=command, looks=looks, all_groups=all_groups)
            )
    if not exit_status:
        return ExitCode.OK
    code = status.outcome(found.workflow, found.run, found.counts)
    return ExitCode.INCOMPLETE if code is None else code


def show_job(option: Path | None, name: str, workflow_id: int | None, *, as_json: bool) -> int:
    """``job``."""
    with _open(option) as db:
        job_id = place.job(db, name, workflow_id)
        with db.read():
            if as_json:
                answer.document(listing.job_document(db, job_id))
            else:
                answer.lines(listing.job_screen(db, job_id, terminal.width_of(sys.stdout)))
    return ExitCode.OK


def show_scale(option: Path | None, word: str | None, *, as_json: bool) -> int:
    """``report scale``."""
    with open_workflow(option, word) as (db, workflow):
        figures = scale.document(db, workflow)
    if as_json:
        answer.document(figures)
    else:
        answer.lines(scale.screen(figures))
    return ExitCode.OK


def show_utilization(option: Path | None, word: str | None, wanted: utilization.Wanted, *, as_json: bool) -> int:
    """``reports check-resource-utilization``."""
    with open_workflow(option, word) as (db, workflow):
        found = utilization.document(db, workflow, wanted)
    if as_json:
        answer.document(found)
    else:
        answer.lines(utilization.screen(found))
    return ExitCode.OK


def show_health(option: Path | None, *, repair: bool, benchmark: bool, nodes: bool = False, as_json: bool) -> int:
    """``doctor``."""
    path = place.database(option)
    repairs = []
    if repair:
        from torc_local.cli.healing import heal  # noqa: PLC0415 - loaded when needed

        repairs = heal(path)
    if nodes and not path.exists():
        from torc_local.cli.contention import near  # noqa: PLC0415 - loaded when needed

        findings = health.environment(near(path) / path.name)
    else:
        with opening.open_read_only(path) as db:
            findings = [*health.environment(path), *health.database(db)]
            listed = health.open_runners(db)
            findings += health.of_runners(listed, dead_runners(listed))
            findings += health.promises(db, at_rest=not listed)
    if benchmark:
        from torc_local.cli.contention import fitness  # noqa: PLC0415 - loaded when needed

        findings.append(fitness(path))
    if nodes:
        from torc_local.cli.together import examine  # noqa: PLC0415 - loaded when needed

        findings.append(examine(path))
    bad = any(finding.level == "bad" for finding in findings)
    if as_json:
        answer.document(
            {
                "healthy": not bad,
                "database": str(path),
                "findings": [finding._asdict() for finding in findings],
                "repairs": repairs,
            }
        )
    else:
        answer.lines(f"repair: {printable(sentence)}" for sentence in repairs)
        answer.lines(finding_lines(findings))
    return ExitCode.STATE if bad else ExitCode.OK


def finding_lines(findings: Iterable[health.Finding]) -> list[str]:
    """An aligned line for each finding."""
    marks = {"ok": "ok", "note": "note", "bad": "BAD"}
    listed = list(findings)
    _, *rows = table(["", "", ""], [[marks[one.level], one.check, one.detail] for one in listed])
    cures = dict.fromkeys(one.cure for one in listed if one.cure)
    return [*rows, *(f"to do: {printable(cure)}" for cure in cures)]


def show_version(*, verbose: bool, as_json: bool) -> int:
    """``version``."""
    figures = {"version": __version__}
    if verbose:
        import apsw  # noqa: PLC0415 - loaded when needed

        from torc_local.store.migrations import NEWEST  # noqa: PLC0415 - loaded when needed

        figures |= {
            "python": platform.python_version(),
            "sqlite": apsw.sqlite_lib_version(),
            "apsw": apsw.apsw_version(),
            "database_version": str(NEWEST),
            "system": platform.platform(),
        }
    if as_json:
        answer.document(figures)
    elif verbose:
        answer.lines(f"{name.replace('_', ' '):<16}  {printable(value)}" for name, value in figures.items())
    else:
        answer.lines([f"torc-local {__version__}"])
    return ExitCode.OK
