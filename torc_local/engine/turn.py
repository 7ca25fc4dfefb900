"""A runner's one transaction: settle what ended, give back what it will not start, claim what comes next.

Doing all three at once is what makes a busy runner cost one write transaction per batch instead of two per job.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from torc_local.engine import fit
from torc_local.engine.failing import (
    OF_RECOVERIES,
    RECOVERED,
    RECOVERY_CANCELED,
    UNRECOVERED,
    Judge,
    Next,
    status_after_recovery,
)
from torc_local.engine.needs import Seen
from torc_local.ground import clock, faults
from torc_local.ground.errors import TorcLocalError
from torc_local.ground.reasons import first_line, with_more
from torc_local.ground.states import JobStatus
from torc_local.store import events, failing, gpus, io, jobs, runners, unblocking, workflows
from torc_local.store.database import Database
from torc_local.store.jobs import Claim, Mark, Result, Shape
from torc_local.store.runners import Held, Metrics

#: Status of an attempt that ended because we were told to stop: its job is ready again, not terminated.
INTERRUPTED = "interrupted"

#: Why a job was canceled that nothing stood in the way of.
BY_A_PERSON = "canceled by a person"

_NOT_DONE = OF_RECOVERIES | {INTERRUPTED}


class Fenced(TorcLocalError):  # noqa: N818 - named after what happened to the runner
    """Others have declared this runner dead and taken its work; whatever it still holds is not its own."""


class Me(NamedTuple):
    """Who asks: ids of workflow, run, runner and node; ``by_resources`` when jobs must fit the node's budget.

    ``counts`` says which parts of it, ``gpus`` which GPUs of the node may be given to jobs (None: they are not told).
    """

    workflow_id: int
    run_id: int
    runner_id: int
    node_id: int
    by_resources: bool
    counts: fit.Counts = fit.EVERYTHING
    gpus: tuple[str, ...] | None = None
    ends_at: float | None = None  # when jobs must be over (monotonic), as far as they say how long they take
    judge: Judge | None = None  # of what failed; None: it has failed


def _one(_ready: int) -> int:
    return 1


class Wish(NamedTuple):
    """What a runner wants from this turn."""

    results: Sequence[Result] = ()  # status may be INTERRUPTED, or one of OF_RECOVERIES
    marked: frozenset[int] = frozenset()  # those of the results that were marked running
    marks: Sequence[Mark] = ()  # jobs that turned out long
    give_back: Sequence[int] = ()  # claims that will not be started
    cancel: Sequence[int] = ()  # claims that will not be started because a person canceled the jobs
    held: Held = fit.NOTHING  # what the slots hold before claiming
    free_gpus: Sequence[str] = ()  # GPUs that they do not hold any more
    slots: int = 0  # free slots to claim for
    per_slot: Callable[[int], int] = _one  # jobs for each of them, asked with the number of ready jobs
    metrics: Metrics | None = None
    seen: Seen | None = None  # of those of the results that completed and read or write files or user data


#: Jobs for one slot, and what that slot then holds.
Batch = tuple[list[Claim], Held]


class Turn(NamedTuple):
    """What came of it. ``batches`` has one list of jobs per slot that got some, with what that slot then holds.

    ``gpus`` are those of each of these slots, when they are given to jobs. ``began``: when the lock was ours
    (monotonic), before which nobody counts the runner as heard.
    """

    settled: int
    batches: list[Batch]
    gpus: list[tuple[str, ...]]
    began: float


def turn(db: Database, me: Me, wish: Wish, *, at: float) -> Turn:
    """Record the past and take the next work, in one transaction.

    Process: the runner ``me``, nobody else. Raises Fenced, having changed nothing, when it was declared dead.
    Crash:   before COMMIT nothing happened: the jobs that ended are still claimed, and run again after reclaim.
             After COMMIT everything is on record, and the new claims are reclaimed like any others.
    Cost:    a few index probes per job; nothing grows with the workflow.
    """
    moves: Counter[str] = Counter()
    with db.write("turn"):
        began = clock.monotonic()
        if not runners.beat(db, me.runner_id, wish.held, at=at):
            raise Fenced(f"runner {me.runner_id} was declared dead; its jobs were given to others")
        settled = _settle(db, me, wish, moves, at)
        faults.reach("runner.writing")
        if wish.marks:
            n = jobs.mark_running(db, me.runner_id, wish.marks)
            moves.update({JobStatus.PENDING: -n, JobStatus.RUNNING: n})
        if wish.give_back:
            n = jobs.give_back(db, me.runner_id, wish.give_back)
            moves.update({JobStatus.PENDING: -n, JobStatus.READY: n})
        if wish.cancel:
            _cancel(db, me, wish.cancel, moves, at)
        if wish.free_gpus:
            gpus.give_back(db, me.node_id, me.runner_id, wish.free_gpus)
        if moves[JobStatus.READY] > 0:
            # What came back may be claimed at once: our own commit will not tell us that there is something.
            workflows.add_counts(db, me.workflow_id, moves)
            moves.clear()
        batches, taken = _claim(db, me, wish, at) if wish.slots else ([], [])
        claimed = sum(len(batch) for batch, _ in batches)
        if claimed:
            moves.update({JobStatus.READY: -claimed, JobStatus.PENDING: claimed})
        workflows.add_counts(db, me.workflow_id, moves)
        if wish.metrics is not None:
            runners.note_metrics(db, me.runner_id, wish.metrics)
    return Turn(settled, batches, taken, began)


def _cancel(db: Database, me: Me, job_ids: Sequence[int], moves: Counter[str], at: float) -> None:
    ours = jobs.cancel_unstarted(db, me.runner_id, job_ids)
    moves.update({JobStatus.PENDING: -len(ours), JobStatus.CANCELED: len(ours)})
    jobs.queue_ended(db, me.workflow_id, ours, failed=True)
    for job_id in ours:
        events.record(db, me.workflow_id, at=at, kind="job_canceled", job_id=job_id, message=BY_A_PERSON)


def _settle(db: Database, me: Me, wish: Wish, moves: Counter[str], at: float) -> int:
    if not wish.results:
        return 0
    others = [result for result in wish.results if result.status in _NOT_DONE]
    done = [result for result in wish.results if result.status not in _NOT_DONE] if others else wish.results
    bad = [result for result in done if result.status != "completed"]
    again: list[Result] = []
    if bad and me.judge is not None:
        done, again = _judge(db, me, me.judge, done, at)
    ours = jobs.settle(db, done)
    if len(ours) < len(done):
        done = [result for result in done if result.job_id in ours]
    if others:
        again += _interrupt(db, [result for result in others if result.status == INTERRUPTED])
    jobs.insert_attempts(db, [*map(_as_attempt, done), *again] if bad or again else done)
    bad = [result for result in done if result.status != "completed"]
    good = done if not bad else [result for result in done if result.status == "completed"]
    if wish.seen is not None:
        _note(db, wish.seen, {result.job_id for result in good})
    jobs.queue_ended(db, me.workflow_id, [result.job_id for result in good], failed=False)
    # What waits for a job in doubt goes on waiting.
    ended_badly = [result.job_id for result in bad if result.status != JobStatus.PENDING_FAILED]
    jobs.queue_ended(db, me.workflow_id, ended_badly, failed=True)
    for result in bad:
        kind, why = f"job_{result.status}", first_line(result.reason or "")
        events.record(db, me.workflow_id, at=at, kind=kind, job_id=result.job_id, message=why)
    recovered = _leave_recoveries(db, me, others, moves, at) if others else []
    settled = [*done, *again, *recovered]
    from_running = [result.job_id for result in settled if result.job_id in wish.marked] if wish.marked else []
    jobs.forget_running(db, from_running)
    moves[JobStatus.RUNNING] -= len(from_running)
    moves[JobStatus.PENDING] -= len(settled) - len(from_running)
    moves.update(result.status for result in done)
    moves[JobStatus.READY] += len(again)
    return len(settled)


def _as_attempt(result: Result) -> Result:
    """A job may be in doubt; its attempt has failed."""
    return result._replace(status="failed") if result.status == JobStatus.PENDING_FAILED else result


def _interrupt(db: Database, stopped: list[Result]) -> list[Result]:
    """Put jobs back to ready that we stopped; their attempts."""
    back = jobs.settle_to_ready(db, stopped)
    return [result._replace(status="terminated") for result in stopped if result.job_id in back]


def _judge(db: Database, me: Me, judge: Judge, done: Sequence[Result], at: float) -> tuple[list[Result], list[Result]]:
    """Those that have ended, with the state that they end in; and the attempts of those that are tried again."""
    ended: list[Result] = []
    to_retry: list[Result] = []
    to_recover: list[Result] = []
    said: dict[int, str] = {}
    for result in done:
        if result.status != "failed":
            ended.append(result)
            continue
        verdict = judge.judge(db, result)
        if verdict.what is Next.IN_DOUBT:
            ended.append(result._replace(status=JobStatus.PENDING_FAILED.value))
        elif verdict.what is Next.FAILED:
            ended.append(result._replace(reason=with_more(result.reason or "", verdict.said)))
        else:
            (to_retry if verdict.what is Next.RETRY else to_recover).append(result)
            said[result.job_id] = verdict.said
    retried, recovering = jobs.settle_to_ready(db, to_retry), jobs.settle_to_recovery(db, to_recover)
    again = [result for result in to_retry if result.job_id in retried]
    for result in again:
        message = f"{first_line(result.reason or '')}; {said[result.job_id]} follows"
        events.record(db, me.workflow_id, at=at, kind="job_retried", job_id=result.job_id, message=message)
    for result in to_recover:
        if result.job_id in recovering:
            again.append(result)
            why = first_line(result.reason or "")
            message = f"{why}; its recovery script comes before {said[result.job_id]}"
            events.record(db, me.workflow_id, at=at, kind="job_recovering", job_id=result.job_id, message=message)
    return ended, again


def _leave_recoveries(db: Database, me: Me, others: list[Result], moves: Counter[str], at: float) -> list[Result]:
    """Record how recovery scripts ended, and move their jobs on; those that were still ours."""
    found = []
    for result in others:
        if result.status not in OF_RECOVERIES:
            continue
        after, next_attempt, once_more = status_after_recovery(result.status)
        if not failing.leave_recovery(db, result, after, next_attempt=next_attempt, again=once_more):
            continue
        found.append(result)
        moves[after] += 1
        why = "its recovery script has ended"
        if result.status == UNRECOVERED:
            why = f"its recovery script failed: {first_line(result.reason or '')}"
            failing.explain(db, result.job_id, result.attempt_id, f"; {why}")
        kind = "job_retried" if next_attempt else f"job_{after}"
        if not once_more:
            events.record(db, me.workflow_id, at=at, kind=kind, job_id=result.job_id, message=why)
    failing.insert_recoveries(db, [result for result in found if result.status in (RECOVERED, UNRECOVERED)])
    ended = [result.job_id for result in found if result.status in (UNRECOVERED, RECOVERY_CANCELED)]
    jobs.queue_ended(db, me.workflow_id, ended, failed=True)
    return found


def _note(db: Database, seen: Seen, completed: set[int]) -> None:
    """Record what completed jobs read and wrote, as far as they were still ours."""
    io.note_files(db, [row for row in seen.files if row[1] in completed])
    io.note_versions(db, [(got.version, got.job_id, got.user_data_id) for got in seen.got if got.job_id in completed])


def _claim(db: Database, me: Me, wish: Wish, at: float) -> tuple[list[Batch], list[tuple[str, ...]]]:
    canceled, ready, newest_run, _ = jobs.standing(db, me.workflow_id)
    if canceled or not ready or newest_run != me.run_id:
        return [], []
    per_slot = wish.per_slot(ready)
    if me.by_resources:
        return _claim_by_resources(db, me, wish, per_slot, at)
    claims = jobs.claim(db, me.workflow_id, me.runner_id, wish.slots * per_slot)
    # Dealt out like cards, so that with few jobs every slot gets one before any gets two.
    return [(claims[slot :: wish.slots], fit.NOTHING) for slot in range(min(wish.slots, len(claims)))], []


def _claim_by_resources(
    db: Database, me: Me, wish: Wish, per_slot: int, at: float
) -> tuple[list[Batch], list[tuple[str, ...]]]:
    """For each free slot the first shape that fits; its batch runs one by one, so it holds that shape once."""
    free, names = _free(db, me)
    batches: list[Batch] = []
    taken: list[tuple[str, ...]] = []
    held = wish.held
    shape = jobs.next_shape(db, me.workflow_id, None)
    while shape is not None and len(batches) < wish.slots:
        if _fits(me, shape, free):
            claims = jobs.claim_shape(db, me.workflow_id, me.runner_id, per_slot, shape)
            if claims:
                needed = fit.need(shape)
                free, held = fit.minus(free, needed), fit.plus(held, needed)
                batches.append((claims, needed))
                taken.append(tuple(names[: needed.gpus]))
                del names[: needed.gpus]
                continue
        shape = jobs.next_shape(db, me.workflow_id, shape)
    if batches:
        runners.beat(db, me.runner_id, held, at=at)
        gpus.take(db, me.node_id, me.runner_id, [name for some in taken for name in some])
    return batches, taken


def _free(db: Database, me: Me) -> tuple[Held, list[str]]:
    """What jobs may have now of what is counted, and which GPUs that is, in the order of their list."""
    free = fit.only(me.counts, runners.free_on_node(db, me.node_id))
    if me.gpus is None:
        return free, []
    held = gpus.held(db, me.node_id)
    names = [name for name in me.gpus if name not in held]
    return free._replace(gpus=len(names)), names


def may_claim(db: Database, me: Me) -> bool:
    """Whether asking for work may bring any: a look without the lock.

    For resource mode, where much may be ready and nothing fit; counting jobs only, what is ready can be had.
    """
    if not me.by_resources:
        return True
    free, _ = _free(db, me)
    return any(_fits(me, shape, free) for shape in _shapes(db, me.workflow_id))


def stuck(db: Database, me: Me) -> bool:
    """Whether no ready job would fit this node even if it were empty, or the time left; and none will become ready."""
    whole = whole_node(db, me)
    return not unblocking.waiting(db, me.workflow_id) and not any(
        _fits(me, shape, whole) for shape in _shapes(db, me.workflow_id)
    )


def _fits(me: Me, shape: Shape, free: Held) -> bool:
    if me.ends_at is not None and clock.monotonic() + shape.runtime_s > me.ends_at:
        return False
    return fit.fits(shape if me.counts.nodes else shape._replace(num_nodes=1), free)


def whole_node(db: Database, me: Me) -> Held:
    """What an empty node has for jobs, of what is counted."""
    node = runners.node(db, me.node_id)
    has_gpus = node.num_gpus if me.gpus is None else len(me.gpus)
    return fit.only(me.counts, Held(node.num_cpus, node.memory_bytes, has_gpus))


def _shapes(db: Database, workflow_id: int) -> Iterator[Shape]:
    shape = jobs.next_shape(db, workflow_id, None)
    while shape is not None:
        yield shape
        shape = jobs.next_shape(db, workflow_id, shape)
