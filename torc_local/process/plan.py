"""How a run works on this node: how many slots, how many runners share them, and what each of those is told."""

import os
import resource
from pathlib import Path
from typing import NamedTuple

from torc_local.engine import limits
from torc_local.engine.begin import Beginning
from torc_local.engine.fit import EVERYTHING, Counts
from torc_local.ground import clock
from torc_local.ground.durability import Durability
from torc_local.ground.errors import InputError
from torc_local.ground.states import finished_jobs
from torc_local.process import machine
from torc_local.process.gpus import Devices
from torc_local.process.runner import Setup
from torc_local.process.time_limit import time_limit
from torc_local.process.watching import RunInfo
from torc_local.store import meta, runners, workflows
from torc_local.store.database import Database

#: More runner processes than this share no work faster, however many processors there are.
MOST_RUNNERS = 64

#: Files that a process of ours may have open besides two for each slot (a runner) or one for each runner (supervisor).
_OTHER_FILES = 64


class Options(NamedTuple):
    """How `run` was asked to work on this node; None means: find out."""

    jobs: int | None  # -j: how many jobs at once, whatever they ask for
    runners: int | None
    cpus: int | None
    memory_bytes: int | None
    gpus: int | tuple[str, ...] | None  # so many, or these
    output_dir: Path
    grace_s: float
    turnstile: bool
    retry_failed: bool
    queue_only: bool = False  # claim and settle, run nothing: for measuring the queue itself
    most_at_once: int | None = None  # jobs that a slot may claim
    durability: Durability = Durability.NORMAL
    refresh: bool = True  # also run completed jobs again whose files or user data have changed
    company: tuple[int, ...] = ()  # processes of ours that live as long as the run
    force: bool = False  # begin although input files are missing
    time_limit_s: float | None = None  # after so long this run must be over
    limit_memory: bool = True  # end jobs that use more memory than they ask for
    monitor: bool = True  # measure jobs and node, as the workflow says
    sample_interval_s: float | None = None  # how often; None: as the workflow says
    time_series: bool = False  # keep all samples, of jobs and node, whatever the workflow says
    limit_runtime: bool = True  # end jobs that run for longer than they ask for


def plan(
    db: Database,
    db_path: Path,
    workflow_id: int,
    options: Options,
    here: machine.Machine,
    devices: Devices,
    beginning: Beginning,
) -> tuple[list[Setup], RunInfo]:
    """Register this node; what each runner is told, and what the watcher is told. Raises InputError."""
    budget = counted(options)
    # Whether a job fits the time that is left is asked of each kind of job, too.
    by_resources = any(budget) or options.time_limit_s is not None
    rules = limits.rules(db, workflow_id, memory=options.limit_memory, runtime=options.limit_runtime)
    slots = number_of_slots(options, here)
    count = number_of_runners(slots, options.runners, processors())
    with db.write("register node"):
        node_id = runners.register_node(db, **here._asdict())
    workflow = workflows.get(db, workflow_id)
    if workflow is None:
        raise InputError(f"there is no workflow {workflow_id}")
    base = Setup(
        workflow_id=workflow_id,
        run_id=beginning.run_id,
        node_id=node_id,
        by_resources=by_resources,
        counts=budget,
        devices=devices,
        hostname=here.hostname,
        db_path=db_path,
        output_dir=options.output_dir,
        token=meta.token(db),
        slots=0,
        grace_s=options.grace_s,
        turnstile=options.turnstile,
        durability=options.durability,
        queue_only=options.queue_only,
        most_at_once=options.most_at_once,
        rules=rules,
        time=None if options.time_limit_s is None else time_limit(options.time_limit_s, rules, now=clock.monotonic()),
    )
    # Slots are dealt out evenly: 100 over 64 runners are 36 with two and 28 with one.
    setups = [base._replace(slots=slots // count + (i < slots % count)) for i in range(count)]
    counts = workflows.counts(db, workflow_id)
    info = RunInfo(
        workflow_id=workflow_id,
        workflow_name=workflow.name,
        run_id=beginning.run_id,
        how=beginning.how.value,
        total=sum(counts.values()),
        finished=finished_jobs(counts),
        again=beginning.again,
        changed=beginning.changed,
        runners=count,
        slots=slots,
        hostname=here.hostname,
        db_path=db_path,
        cpus=here.num_cpus,
        memory_bytes=here.memory_bytes,
        gpus=here.num_gpus,
        by_resources=any(budget),
        budget=budget,
    )
    return setups, info


def counted(options: Options) -> Counts:
    """What jobs must fit in: everything, or with -j (which counts jobs) only what was named beside it."""
    if options.jobs is None:
        return EVERYTHING
    return Counts(
        cpus=options.cpus is not None,
        memory=options.memory_bytes is not None,
        gpus=options.gpus is not None,
        nodes=False,
    )


def number_of_slots(options: Options, here: machine.Machine) -> int:
    """How many jobs may run at once on this node."""
    return max(here.num_cpus, 1) if options.jobs is None else options.jobs


def processors() -> int:
    """Processors that this process may run on."""
    return len(os.sched_getaffinity(0))


def number_of_runners(slots: int, asked: int | None, processors: int) -> int:
    """How many runners share the slots: one per processor, and enough that each can open its files.

    A runner works only between the end of one child and the start of the next, so more runners than processors start
    no job sooner. They only share the write lock and the caches among more of them.
    """
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = max((allowed - _OTHER_FILES) // 2, 1)
    usual = max(min(processors, MOST_RUNNERS), -(-slots // most))
    count = min(asked or usual, slots, max(allowed - _OTHER_FILES, 1))
    each = -(-slots // count)
    if each > most:
        raise InputError(
            f"{count} runner{'' if count == 1 else 's'} cannot run {slots:,} jobs at once: each would need "
            f"{2 * each:,} open files for their output, and may have {allowed:,}",
            hint=f"--runners {-(-slots // most)}, or a higher limit (ulimit -n)",
        )
    return count
