"""``doctor --nodes``: whether a file system carries several machines, asked by two of them at the same time.

They find each other by files beside the database and ask what a node asks that joins (process/neighbours.py). When they
agree, the one whose key comes first stores two small workflows in a scratch database each, and all of them claim and
settle those: once job by job, once in batches of their own choice. The database itself is not touched, nor needed.

    <dir>/.torc-local-doctor.nodes/   the machines that are here, KEY.here: has asked, KEY.ready: databases are there
    <dir>/.torc-local-doctor.KEY/     the databases of the machine KEY, removed by it
"""

import shutil
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from torc_local.cli import changing, contention, progress
from torc_local.engine import admit
from torc_local.ground.errors import ExitCode, StateError
from torc_local.ground.units import format_duration
from torc_local.process import machine, neighbours
from torc_local.process.neighbours import Presence
from torc_local.process.plan import Options
from torc_local.process.supervisor import run as supervise
from torc_local.report import health, scale
from torc_local.report.health import Finding
from torc_local.store import invariants, mounts, opening, overview, workflows

#: How long another machine is waited for, and then what it has to do.
WAIT_S = 30.0
_STEP_S = 20.0

#: Runners on each machine; jobs in each of four rounds, one by one and in batches.
RUNNERS = 4
_SIZES = (30, 400)

_LOOK_S = 0.2
_CHECK = "nodes"


class Load(NamedTuple):
    """What one of the two scratch databases showed."""

    per_second: float
    wait_p99_s: float
    wrong: str | None
    nodes: int  # that ran any of it
    transaction_s: float  # mean, with the lock held


def examine(database: Path, *, wait_s: float | None = None) -> Finding:
    """Meet other machines that do the same now, and say as a sentence whether the file system is fit."""
    mount = mounts.mount_of(database)
    if mounts.use_of(database) is mounts.Use.LOCAL:
        return Finding(_CHECK, "note", f"{mount.kind} is this machine's own, so no other one can use the database")
    directory = contention.near(database)
    meeting = directory / ".torc-local-doctor"
    here = Presence(meeting, machine.boot_id(), socket.gethostname())
    try:
        return _meet(here, directory, mount.kind, WAIT_S if wait_s is None else wait_s)
    finally:
        here.leave()


def _meet(here: Presence, directory: Path, kind: str, wait_s: float) -> Finding:
    if not _until(lambda: bool(here.others()), wait_s):
        alone = contention.alone(directory)
        return Finding(
            _CHECK,
            "note",
            f"not known whether other machines see the locks and writes of this one: none came within "
            f"{format_duration(wait_s)}; alone it writes {alone:,.0f} transactions/s",
            "call torc-local doctor --nodes on two machines at the same time",
        )
    answers = here.ask()
    wrong = [answer for _, answer in answers if answer is not None]
    if wrong:
        return Finding(_CHECK, "bad", f"not fit for several machines, this {kind}: {wrong[0]}", neighbours.CURE)
    names = " and ".join([socket.gethostname(), *(host for host, _ in answers)])
    agreed = f"{names} see each other's locks and writes"
    keys = sorted([here.name, *(one.file.stem for one in here.others())])
    loads = _lead(here, directory, keys) if keys[0] == here.name else _follow(here, directory, keys[0])
    if loads is None:
        return Finding(_CHECK, "note", f"{agreed}; how fast it is is not known, since the other machine has left")
    return _verdict(agreed, *loads)


def _verdict(agreed: str, single: Load, batches: Load) -> Finding:
    wrong = single.wrong or batches.wrong
    if wrong is not None:
        return Finding(_CHECK, "bad", f"not fit for several machines: {agreed}, and still {wrong}", neighbours.CURE)
    measured = (
        f"{RUNNERS} runners on each claim and settle {single.per_second:,.0f} jobs/s one by one, "
        f"{batches.per_second:,.0f} jobs/s in batches, and wait for the lock for up to "
        f"{max(single.wait_p99_s, batches.wait_p99_s) * 1000:,.0f} ms (p99)"
    )
    if single.nodes < 2:  # noqa: PLR2004 - one machine alone
        measured += "; one machine was done before the other began"
    return Finding(_CHECK, "ok", f"fit for several machines: {agreed}; {measured}")


def _lead(here: Presence, directory: Path, keys: list[str]) -> tuple[Load, Load] | None:
    """Store what is to be done, let the others know, do it with them, and tidy up."""
    scratch, ready = directory / f".torc-local-doctor.{here.name}", here.place / f"{here.name}.ready"
    others = {f"{key}.here" for key in keys[1:]}
    if not _until(lambda: others <= {*neighbours.names(here.place, ".here")}, _STEP_S):
        return None
    try:
        scratch.mkdir(mode=0o700)
        for number, size in enumerate(_SIZES):
            loaded = changing.read_file(str(contention.generated(scratch, size)))
            with opening.open_or_create(scratch / f"{number}.db") as db:
                admit.admit(db, loaded.spec, loaded.origin)
        ready.touch(mode=0o600)
        loads = _work(here, scratch)
        _until(lambda: not others & {*neighbours.names(here.place, ".here")}, _STEP_S)
    finally:
        with suppress(OSError):
            ready.unlink()
        shutil.rmtree(scratch, ignore_errors=True)
    return loads


def _follow(here: Presence, directory: Path, leader: str) -> tuple[Load, Load] | None:
    ours = here.place / f"{here.name}.here"
    ours.touch(mode=0o600)
    try:
        if not _until(lambda: f"{leader}.ready" in neighbours.names(here.place, ".ready"), _STEP_S):
            return None
        return _work(here, directory / f".torc-local-doctor.{leader}")
    finally:
        with suppress(OSError):
            ours.unlink()


def _work(here: Presence, scratch: Path) -> tuple[Load, Load]:
    one_by_one = _load(scratch / "0.db", most=1, company=(here.pid,))
    # At its end a supervisor ends everything below it, also who answers for us: all have asked by now.
    return one_by_one, _load(scratch / "1.db", most=None, company=())


def _load(path: Path, *, most: int | None, company: tuple[int, ...]) -> Load:
    options = Options(
        jobs=RUNNERS,
        runners=RUNNERS,
        cpus=None,
        memory_bytes=None,
        gpus=None,
        output_dir=path.parent,
        grace_s=0.0,
        turnstile=True,
        retry_failed=False,
        queue_only=True,
        most_at_once=most,
        company=company,
        force=True,
    )
    code = supervise(path, 1, options, progress.watcher("none", sys.stderr))
    with opening.open_read_only(path) as db:
        workflow = workflows.get(db, 1)
        if workflow is None:
            raise StateError(f"the workflow of the test is gone: {path}")
        figures: dict[str, Any] = scale.document(db, workflow)
        broken = invariants.violations(db, at_rest=False) or health.integrity(db)[0].level == "bad"
        nodes = {row.node for row in overview.of_workflow(db, 1, all_runs=True) if row.jobs_run}
    mean_s = (figures["write_seconds"] or 0.0) / max(figures["write_transactions"] or 0, 1)
    wrong = "the test database broke" if broken else None if code is ExitCode.OK else "not every job was settled"
    if figures["lock_errors"]:
        wrong = wrong or f"there were {figures['lock_errors']} lock errors"
    return Load(
        figures["throughput_jobs_per_second"] or 0.0, figures["lock_wait_seconds_p99"] or 0.0, wrong, len(nodes), mean_s
    )


def _until(happened: Callable[[], bool], patience_s: float) -> bool:
    until = time.monotonic() + patience_s
    while not happened():
        if time.monotonic() > until:
            return False
        time.sleep(_LOOK_S)
    return True
