"""``slurm``: allocations whose nodes work on a workflow."""

import os
from pathlib import Path
from typing import NamedTuple

from torc_local.cli import answer, place, writing
from torc_local.engine.options import settings_of
from torc_local.ground import clock
from torc_local.ground.errors import ExitCode, InputError
from torc_local.process import batch_script, slurm
from torc_local.report.text import iso, local, plural, table
from torc_local.store import allocations, events, meta, mounts, opening
from torc_local.store.allocations import Allocation
from torc_local.store.database import Database


class Request(NamedTuple):
    """The command line of ``slurm submit``."""

    target: str | None
    database: Path | None
    scheduler: str | None
    options: dict[str, str]
    extra: list[str]
    jobs: int | None
    output_dir: Path | None


class _Asked(NamedTuple):
    path: Path
    workflow_id: int
    scheduler: str | None
    nodes: int
    script: str


def generate(request: Request) -> int:
    """``slurm generate``: print the script."""
    answer.text(_asked(request).script)
    return ExitCode.OK


def submit(request: Request, *, as_json: bool) -> int:
    """``slurm submit``: ask Slurm for the allocation and keep its number."""
    asked = _asked(request)
    job_id = slurm.submit(asked.script)
    with writing.open_existing(asked.path) as db, db.write("record allocation"):
        at = clock.now()
        allocations.record(db, Allocation(asked.workflow_id, job_id, asked.nodes, asked.scheduler, at))
        message = f"asked Slurm for {plural(asked.nodes, 'node')}: job {job_id}"
        events.record(db, asked.workflow_id, at=at, kind="allocation_submitted", message=message)
    if asked.nodes > 1 and mounts.use_of(asked.path) is mounts.Use.LOCAL:
        answer.note(
            f"note: {asked.path} looks like a file system of this machine alone; other nodes must have it mounted\n"
            "  if they have: torc-local db share, and then torc-local --shared slurm submit"
        )
    if as_json:
        answer.document({"slurm_job_id": job_id, "workflow_id": asked.workflow_id, "nodes": asked.nodes})
    else:
        answer.lines([f"submitted Slurm job {job_id}: {plural(asked.nodes, 'node')} for workflow {asked.workflow_id}"])
    return ExitCode.OK


def show(database: Path | None, target: str | None, *, as_json: bool) -> int:
    """``slurm status``: what was asked for, and what has become of it."""
    found, name = _recorded(database, target)
    alive = {one.job_id: one for one in slurm.living(name)}
    rows = []
    for job_id in dict.fromkeys([*(one.slurm_job_id for one in found), *alive]):
        recorded = next((one for one in found if one.slurm_job_id == job_id), None)
        now = alive.get(job_id)
        rows.append(
            {
                "slurm_job_id": job_id,
                "state": "ENDED" if now is None else now.state,
                "nodes": int(now.nodes) if now is not None and now.nodes.isdecimal() else recorded and recorded.nodes,
                "scheduler": recorded and recorded.scheduler,
                "submitted_at": iso(recorded.submitted_at) if recorded else None,
                "time_left": now and now.left,
                "where": now and now.why,
            }
        )
    if as_json:
        answer.items(rows)
    else:
        submitted = {one.slurm_job_id: local(one.submitted_at) for one in found}
        heads = ["SLURM JOB", "STATE", "NODES", "LEFT", "SUBMITTED", "WHERE OR WHY"]
        keys = ("slurm_job_id", "state", "nodes", "time_left", "submitted_at", "where")
        lines = [[str(row[key] or "-") for key in keys] for row in rows]
        for line in lines:
            line[4] = submitted.get(int(line[0]), "-")
        answer.lines(table(heads, lines, right=(0, 2)) if rows else ["no allocation was asked for"])
    return ExitCode.OK


def cancel(database: Path | None, target: str | None, *, as_json: bool) -> int:
    """``slurm cancel``: end every allocation of a workflow that waits or runs."""
    _, name = _recorded(database, target)
    job_ids = [one.job_id for one in slurm.living(name)]
    slurm.cancel(job_ids)
    if as_json:
        answer.document({"canceled": job_ids})
    else:
        shown = ", ".join(map(str, job_ids))
        answer.lines([f"canceled Slurm job{'s' if len(job_ids) > 1 else ''} {shown}" if job_ids else "none is there"])
    return ExitCode.OK


def usage(database: Path | None, target: str | None, *, as_json: bool) -> int:
    """``slurm usage``: what Slurm has accounted for."""
    found, _ = _recorded(database, target)
    rows = slurm.accounting([one.slurm_job_id for one in found]) if found else []
    if rows is None:
        answer.note("Slurm keeps no accounting here; torc-local results shows what each job has used")
        rows = []
    keys = ("slurm_job_id", "state", "elapsed", "nodes", "cpus", "cpu_time")
    if as_json:
        answer.items(dict(zip(keys, row, strict=False)) for row in rows)
    elif rows:
        answer.lines(table([key.replace("_", " ").upper() for key in keys], rows))
    return ExitCode.OK


def _asked(request: Request) -> _Asked:
    """The script for a workflow that is there. Raises InputError."""
    target = place.existing(request.target, request.database)
    path = place.database(request.database, target.database)
    with opening.open_read_only(path) as db:
        workflow_id = place.workflow(db, target.workflow_id).id
        settings = settings_of(db, workflow_id)
        name = _name(db, workflow_id)
    known = {dict(one).get("name", ""): one for one in settings.slurm_schedulers}
    scheduler = request.scheduler
    if scheduler is not None and scheduler not in known:
        said = ", ".join(sorted(filter(None, known))) or "it has none"
        raise InputError(f"workflow {workflow_id} has no scheduler '{scheduler}'", hint=f"schedulers: {said}")
    if scheduler is None and len(known) > 1:
        hint = f"--scheduler NAME, one of: {', '.join(sorted(filter(None, known)))}"
        raise InputError(f"which scheduler? workflow {workflow_id} has {len(known)}", hint=hint)
    chosen = known[scheduler] if scheduler is not None else next(iter(known.values()), ())
    said_use = os.environ.get(mounts.VARIABLE, "")
    wish = batch_script.Wish(
        workflow_id=workflow_id,
        db_path=path.absolute(),
        name=name,
        directory=Path.cwd(),
        defaults=settings.slurm_defaults,
        scheduler=chosen,
        asked=request.options,
        extra=request.extra,
        jobs=request.jobs,
        output_dir=None if request.output_dir is None else request.output_dir.absolute(),
        shared=said_use if said_use in ("shared", "local") else None,
    )
    nodes = batch_script.options(wish)["nodes"]
    script = batch_script.write(wish)
    return _Asked(path, workflow_id, dict(chosen).get("name"), int(nodes) if nodes.isdecimal() else 1, script)


def _recorded(database: Path | None, target: str | None) -> tuple[list[Allocation], str]:
    """The allocations on record, and the name that all of them have in Slurm."""
    found = place.existing(target, database)
    with opening.open_read_only(place.database(database, found.database)) as db:
        workflow_id = place.workflow(db, found.workflow_id).id
        return allocations.of_workflow(db, workflow_id), _name(db, workflow_id)


def _name(db: Database, workflow_id: int) -> str:
    """The name of a workflow's allocations, which no other workflow's have."""
    return f"torc-{meta.token(db)[:10]}-{workflow_id}"
