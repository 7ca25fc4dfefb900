"""``run``: from what was asked for to a supervisor at work, and what to say when it is done."""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from torc_local.cli import announcing, answer, changing, place, progress, terminal
from torc_local.cli.looking import dead_runners
from torc_local.ground.durability import Durability
from torc_local.ground.errors import ExitCode, InputError, StateError, TorcLocalError
from torc_local.ground.units import parse_duration, parse_memory
from torc_local.process import allocation, gpus, neighbours
from torc_local.process.plan import Options
from torc_local.process.supervisor import run as supervise
from torc_local.report import groups, status, summary
from torc_local.report.paint import painted
from torc_local.store import opening, reading

#: The time limit that is asked of Slurm, when the run begins.
_AUTO = "auto"


class Request(NamedTuple):
    """The command line of ``run``."""

    target: str | None
    jobs: int | None
    runners: int | None
    cpus: int | None
    memory: str | None
    memory_gb: float | None
    gpus: str | None
    output_dir: Path | None
    database: Path | None
    progress: str
    grace_s: float
    fresh: bool
    retry_failed: bool
    refresh: bool
    turnstile: bool
    durability: Durability
    force: bool
    as_json: bool
    limit_memory: bool
    limit_runtime: bool
    time_limit: str | None
    monitor: bool
    sample_interval_s: float | None
    time_series: bool
    junit: Path | None = None
    report: Path | None = None
    notify: str | None = None
    nodes: Path | None = None  # a list of machines that join


def join_target(request: Request) -> int:
    """``join``: as ``run`` of a workflow that is there; the exit code is this node's, not the workflow's."""
    found = place.target(request.target)
    if found.spec is not None:
        raise InputError(
            f"{found.spec} is a workflow file; join works on a workflow that is there",
            hint=f"torc-local run {found.spec}",
        )
    code = run_target(request)
    return ExitCode.OK if code in (ExitCode.FAILED, ExitCode.INCOMPLETE) else code


def run_target(request: Request) -> int:
    """Find or make the workflow, work on it until nothing is left, and say how it went."""
    hosts = None if request.nodes is None else _hosts(request.nodes)
    announcing.check(request.junit, request.report)
    if request.time_series and not request.monitor:
        raise InputError("--time-series needs what --no-resource-monitoring switches off", hint="leave one out")
    memory_bytes = _memory(request.memory, request.memory_gb)
    asked_gpus = _gpus(request.gpus)
    time_limit_s = _time_limit(request.time_limit)
    target = place.target(request.target)
    if request.fresh and target.spec is None:
        raise InputError(
            "--fresh makes a new workflow from a file, and none is named", hint="torc-local run FILE --fresh"
        )
    path = place.database(request.database, target.database, _home(request.output_dir, target))
    if request.output_dir is not None and place.readable(request.output_dir) != path.parent:
        _check_output(request.output_dir / "stdio")
    if hosts is not None:
        from torc_local.cli import far  # noqa: PLC0415 - loaded when needed

        far.check(path)
    # All that can be refused was, before anything is stored.
    with neighbours.present(path) as answering:
        workflow_id = _workflow_of(request, target, path)
        if request.time_limit == _AUTO:
            time_limit_s = allocation.seconds_left(os.environ)
        options = Options(
            jobs=request.jobs,
            runners=request.runners,
            cpus=request.cpus,
            memory_bytes=memory_bytes,
            gpus=asked_gpus,
            output_dir=request.output_dir or path.parent,
            grace_s=request.grace_s,
            turnstile=request.turnstile,
            retry_failed=request.retry_failed,
            durability=request.durability,
            refresh=request.refresh,
            company=() if answering is None else (answering,),
            force=request.force,
            time_limit_s=time_limit_s,
            limit_memory=request.limit_memory,
            limit_runtime=request.limit_runtime,
            monitor=request.monitor,
            sample_interval_s=request.sample_interval_s,
            time_series=request.time_series,
        )
        code = _supervise(path, workflow_id, options, request, hosts)
        if code is ExitCode.STATE and not request.as_json:
            with suppress(TorcLocalError):  # the database may be what is gone, and that was said
                _conclude(path, workflow_id, request, code)
        else:
            _conclude(path, workflow_id, request, code)
        if request.junit is not None or request.report is not None or request.notify is not None:
            announcing.announce(
                path, workflow_id, code, junit_file=request.junit, report_file=request.report, notify=request.notify
            )
    return code


def _hosts(file: Path) -> list[str]:
    from torc_local.cli import far  # noqa: PLC0415 - loaded when needed

    return far.hosts(file)


def _supervise(
    path: Path, workflow_id: int, options: Options, request: Request, hosts: Sequence[str] | None
) -> ExitCode:
    watcher = progress.watcher(request.progress, sys.stderr)
    if hosts is None:
        return supervise(path, workflow_id, options, watcher)
    from torc_local.cli import far  # noqa: PLC0415 - loaded when needed

    words = [] if request.jobs is None else ["-j", str(request.jobs)]
    dispatcher = far.Dispatcher(hosts, path, [*words, "--grace", f"{request.grace_s:g}"])
    try:
        options = options._replace(company=(*options.company, dispatcher.pid))
        return supervise(path, workflow_id, options, far.Begun(watcher, dispatcher.told))
    finally:
        dispatcher.end()


def _workflow_of(request: Request, target: place.Target, path: Path) -> int:
    """The id of the workflow that is meant; one that a file describes is made first."""
    if target.spec is None:
        with opening.open_read_only(path) as db:
            return place.workflow(db, target.workflow_id).id
    loaded = changing.read_file(target.spec)
    with opening.open_or_create(path, turnstile=request.turnstile, durability=request.durability) as db:
        return changing.find_or_create(db, loaded, fresh=request.fresh)


def _home(output_dir: Path | None, target: place.Target) -> Path | None:
    """Where the database is when it is not named: in ``-o``, unless an existing workflow is meant that is not there."""
    if output_dir is None or target.spec is not None or (output_dir / place.FILE_NAME).exists():
        return output_dir
    return None


def _check_output(directory: Path) -> None:
    """Raise StateError when job output cannot go there, before a workflow is stored that could not run."""
    with suppress(OSError):
        there = next(place for place in (directory, *directory.absolute().parents) if place.exists())
        if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
            return
        why = "permission denied" if there.is_dir() else "not a directory"
        raise StateError(f"cannot write job output to {directory}: {why}", hint="choose another directory with -o DIR")


def _conclude(path: Path, workflow_id: int, request: Request, code: int) -> None:
    """Say what failed and what to do next; give programs the final status."""
    if request.progress in ("json", "none") and not request.as_json:
        return
    talks = request.progress not in ("json", "none")
    with opening.open_read_only(path) as db:
        found = status.gather(db, place.workflow(db, workflow_id))
        cost = reading.core_time(db, workflow_id, found.workflow.run_id) if talks else None
        costly = cost is not None and cost.reserved_s >= summary.WORTH_S and found.total <= groups.QUICK
        gathered = groups.gather(db, workflow_id) if costly else []
    if talks:
        looks = terminal.looks(sys.stderr)
        lines = summary.lines(
            found, ExitCode(code), command=place.command(path), cost=cost, groups=gathered, width=looks.width
        )
        # Commands are not cut: they are for copying.
        for line in painted(lines, looks._replace(width=None)):
            answer.note(line)
    if request.as_json:
        answer.document({**status.document(found, dead_runners(found.runners)), "exit_code": int(code)})


def _memory(text: str | None, gigabytes: float | None) -> int | None:
    if text is not None and gigabytes is not None:
        raise InputError("--memory and --memory-gb say the same", hint="leave one out")
    try:
        if text is not None:
            size = parse_memory(text)
        elif gigabytes is not None:
            size = parse_memory(f"{gigabytes:f}g")
        else:
            return None
    except ValueError as error:
        raise InputError(f"--memory: {error}") from None
    if size == 0:
        raise InputError("--memory: no job can run in no memory", hint="write 512m or 64g")
    return size


def _time_limit(text: str | None) -> float | None:
    if text is None or text == _AUTO:
        return None
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise InputError(f"--time-limit: {error}") from None
    if seconds == 0:
        raise InputError("--time-limit: no job can run in no time", hint="write 90m or 2h, or auto")
    return seconds


def _gpus(text: str | None) -> int | tuple[str, ...] | None:
    """How many: a number; or which: a list such as ``0,1``, ``2,`` or ``GPU-8932f937``."""
    if text is None:
        return None
    asked = _devices(text)
    if asked is None:
        raise InputError(f"--gpus: '{text}' is neither a number nor a list of devices", hint="write 2, or 0,1")
    gpus.devices(asked, os.environ)  # refuses before anything is stored
    return asked


def _devices(text: str) -> int | tuple[str, ...] | None:
    number = text.strip()
    if number.isascii() and number.isdigit() and len(number) < 6:  # noqa: PLR2004 - plausible
        return int(number)
    words = [word.strip() for word in number.removesuffix(",").split(",")]
    by_name = "," in text or not number.isalpha()  # a single word without digits is a slip
    return tuple(dict.fromkeys(words)) if by_name and all(map(gpus.NAME.fullmatch, words)) else None
