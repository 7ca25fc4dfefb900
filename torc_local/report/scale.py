"""The scale report: what a run cost, and where the time went, as numbers with units in their names.

docs/report-scale.md explains each of them.
"""

import json
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from torc_local.ground import clock
from torc_local.ground.histogram import Histogram
from torc_local.report.text import duration, iso, printable, size, table
from torc_local.store import reading, runners, workflows
from torc_local.store.database import Database, Times
from torc_local.store.reading import RunnerFigures
from torc_local.store.workflows import WorkflowRow

#: A dense graph has thousands of places where many jobs meet; the largest ones are reported.
_MOST_TRANSITIONS = 100

#: Fewer jobs than this on either side are a chain or a fork, not a round.
_FEWEST = 2


class _Transition(NamedTuple):
    name: str
    jobs_before: int
    jobs_after: int
    last_end: float
    first_start: float

    @property
    def seconds(self) -> float:
        return self.first_start - self.last_end


def document(db: Database, workflow: WorkflowRow) -> dict[str, Any]:
    """All figures of a workflow's newest run as one flat object; a few passes over jobs and dependencies."""
    with db.read():
        run = workflows.newest_run(db, workflow.id)
        run_id = workflow.run_id
        counts = workflows.counts(db, workflow.id)
        activity = reading.activity(db, workflow.id, run_id)
        figures = reading.runner_figures(db, workflow.id, run_id)
        lease = runners.lease(db, workflow.id)
        transitions = _transitions(db, workflow.id, run_id)
        database_bytes = workflows.database_bytes(db)
        page_bytes = int(db.connection.pragma("page_size"))
    writes = _Writes.of([one.write_figures for one in figures] + ([] if lease is None else [lease.write_figures]))
    waits = Histogram.merged([_histogram(one) for one in figures])
    shown = sorted(transitions, key=lambda t: t.jobs_before + t.jobs_after, reverse=True)[:_MOST_TRANSITIONS]
    shown.sort(key=lambda t: t.last_end)
    ended = None if run is None else run.ended_at or activity.last_end
    busy_s = None
    if activity.first_start is not None and activity.last_end is not None:
        busy_s = activity.last_end - activity.first_start
    lived_s = sum((clock.now() if one.ended_at is None else one.ended_at) - one.started_at for one in figures)
    idle_s = sum(one.idle_s for one in figures)
    jobs_run = sorted(one.jobs_run for one in figures)
    return {
        "workflow_id": workflow.id,
        "workflow_name": workflow.name,
        "run_id": run_id,
        "total_jobs": sum(counts.values()),
        "jobs_by_status": counts,
        "dependency_count": workflow.dependency_count,
        "creation_seconds": workflow.creation_s,
        "database_bytes_after_creation": workflow.creation_bytes,
        "database_bytes_now": database_bytes,
        "total_wall_seconds": None if run is None or ended is None else ended - run.started_at,
        "throughput_jobs_per_second": activity.ended / busy_s if busy_s else None,
        "jobs_ended": activity.ended,
        "job_cpu_seconds": activity.cpu_s,
        "round_transitions": [
            {
                "name": one.name,
                "jobs_before": one.jobs_before,
                "jobs_after": one.jobs_after,
                "last_end": iso(one.last_end),
                "first_start": iso(one.first_start),
                "seconds": one.seconds,
            }
            for one in shown
        ],
        "round_transition_count": len(transitions),
        "round_transition_seconds_median": statistics.median(t.seconds for t in transitions) if transitions else None,
        "coordinator_cpu_seconds": 0.0 if lease is None else lease.cpu_s,
        "coordinator_transactions": 0 if lease is None else lease.transactions,
        "runner_count": len(figures),
        "runner_cpu_seconds": sum(one.cpu_s for one in figures),
        "runner_idle_seconds": idle_s,
        "runner_idle_fraction": idle_s / lived_s if lived_s > 0 else None,
        "claim_transactions": sum(one.claim_transactions for one in figures),
        "settle_transactions": sum(one.settle_transactions for one in figures),
        "write_transactions": sum(one.write_transactions for one in figures),
        "write_seconds": sum(one.write_s for one in figures),
        "lock_wait_seconds_total": sum(one.lock_wait_s for one in figures),
        "lock_wait_seconds_p50": waits.quantile(0.5),
        "lock_wait_seconds_p99": waits.quantile(0.99),
        "lock_wait_seconds_longest": waits.longest_s,
        "lock_retries": sum(one.lock_retries for one in figures),
        "lock_errors": sum(one.lock_errors for one in figures),
        "transactions": [
            {
                "name": name,
                "count": times.count,
                "seconds_total": times.total_s,
                "seconds_mean": times.total_s / times.count,
                "seconds_longest": times.longest_s,
            }
            for name, times in sorted(writes.by_name.items(), key=lambda item: -item[1].total_s)
        ],
        "wal_bytes_most": writes.wal_pages * page_bytes,
        "checkpoints": writes.checkpoints.count,
        "checkpoint_seconds_total": writes.checkpoints.total_s,
        "checkpoint_seconds_longest": writes.checkpoints.longest_s,
        "jobs_per_runner": {
            "min": jobs_run[0] if jobs_run else None,
            "median": statistics.median(jobs_run) if jobs_run else None,
            "max": jobs_run[-1] if jobs_run else None,
        },
        "runners": [_runner(one) for one in figures],
    }


class _Writes:
    """What writing cost several processes together; processes that died early may have said nothing."""

    def __init__(self) -> None:
        self.by_name: defaultdict[str, Times] = defaultdict(Times)
        self.checkpoints = Times()
        self.wal_pages = 0

    @classmethod
    def of(cls, figures: Iterable[str]) -> "_Writes":
        whole = cls()
        for found in map(json.loads, figures):
            for name, times in found.get("transactions", {}).items():
                whole.by_name[name].merge(Times(*times))
            whole.checkpoints.merge(Times(*found.get("checkpoints", ())))
            whole.wal_pages = max(whole.wal_pages, found.get("wal_pages", 0))
        return whole


def _runner(one: RunnerFigures) -> dict[str, Any]:
    waits = _histogram(one)
    return {
        "runner_id": one.id,
        "node": one.node,
        "slots": one.slots,
        "started_at": iso(one.started_at),
        "ended_at": None if one.ended_at is None else iso(one.ended_at),
        "end_reason": one.end_reason,
        "jobs_run": one.jobs_run,
        "claim_transactions": one.claim_transactions,
        "settle_transactions": one.settle_transactions,
        "write_transactions": one.write_transactions,
        "write_seconds": one.write_s,
        "lock_wait_seconds": one.lock_wait_s,
        "lock_wait_seconds_p50": waits.quantile(0.5),
        "lock_wait_seconds_p99": waits.quantile(0.99),
        "lock_wait_seconds_longest": one.lock_wait_max_s,
        "lock_retries": one.lock_retries,
        "lock_errors": one.lock_errors,
        "idle_seconds": one.idle_s,
        "cpu_seconds": one.cpu_s,
    }


def _histogram(one: RunnerFigures) -> Histogram:
    return Histogram(json.loads(one.lock_wait_histogram), total_s=one.lock_wait_s, longest_s=one.lock_wait_max_s)


class _Side(NamedTuple):
    """The jobs on one side of a meeting: how many, their first and last name in order, and the moment that counts."""

    jobs: int
    low: str
    high: str
    moment: float | None

    def with_(self, other: "_Side | None", pick: Callable[[Iterable[float]], float]) -> "_Side":
        if other is None:
            return self
        moments = [one.moment for one in (self, other) if one.moment is not None]
        return _Side(
            self.jobs + other.jobs,
            min(self.low, other.low),
            max(self.high, other.high),
            pick(moments) if moments else None,
        )

    def __str__(self) -> str:
        return self.low if self.jobs == 1 else f"{_common_start(self.low, self.high)}*"


def _common_start(a: str, b: str) -> str:
    same = 0
    while same < min(len(a), len(b)) and a[same] == b[same]:
        same += 1
    return a[:same]


def _transitions(db: Database, workflow_id: int, run_id: int) -> list[_Transition]:
    """Every place where several jobs meet before several others, as far as both sides ran in this run.

    That is every gate, and every job with several jobs before it and several that wait for it directly.
    """
    edges = list(reading.edges(db, workflow_id))
    incoming = Counter(after for before, after in edges if before > 0)
    outgoing = Counter(before for before, after in edges if after > 0)
    behind_gate = {after for before, after in edges if before < 0}
    meetings = {node for _, node in edges if node < 0} | {
        node
        for node, jobs in outgoing.items()
        if node > 0 and jobs >= _FEWEST and (incoming[node] >= _FEWEST or node in behind_gate)
    }
    before_of: defaultdict[int, list[int]] = defaultdict(list)
    after_of: defaultdict[int, list[int]] = defaultdict(list)
    for before, after in edges:
        if after in meetings:
            before_of[after].append(before)
        if before in meetings and after > 0:
            after_of[before].append(after)
    spans = {span.id: span for span in reading.spans(db, workflow_id, run_id)}

    def side(ids: list[int], *, ends: bool) -> _Side | None:
        found = [spans[job] for job in ids if job > 0]
        if not found:
            return None
        names = [span.name for span in found]
        moments = [span.last_end if ends else span.first_start for span in found]
        known = [moment for moment in moments if moment is not None]
        moment = (max(known) if ends else min(known)) if known else None
        return _Side(len(found), min(names), max(names), moment)

    # Gates first, once each: a job behind a gate of thousands takes the gate's sum.
    sums = {gate: side(before_of[gate], ends=True) for gate in meetings if gate < 0}
    transitions = []
    for node in sorted(meetings):
        first = sums[node] if node < 0 else side(before_of[node], ends=True)
        for gate in before_of[node]:
            if gate < 0 and (behind := sums[gate]) is not None:
                first = behind.with_(first, max)
        then = side(after_of[node], ends=False)
        if first is None or then is None or first.moment is None or then.moment is None or first.jobs < _FEWEST:
            continue
        name = f"{first} -> {then}" if node < 0 else spans[node].name
        transitions.append(_Transition(name, first.jobs, then.jobs, first.moment, then.moment))
    return transitions


def screen(document: dict[str, Any]) -> list[str]:
    """The figures as lines for people."""
    rows = [
        ("jobs", f"{document['total_jobs']:,} with {document['dependency_count']:,} dependencies"),
        ("created in", duration(document["creation_seconds"])),
        ("database", _database(document)),
        ("wall time", duration(document["total_wall_seconds"])),
        ("throughput", _throughput(document["throughput_jobs_per_second"])),
        ("cpu time", _cpu(document)),
        ("idle", _idle(document)),
        ("transactions", _transactions(document)),
        ("lock waits", _lock_waits(document)),
        ("longest", _longest(document)),
        ("checkpoints", _checkpoints(document)),
        ("lock trouble", f"{document['lock_retries']:,} retries, {document['lock_errors']:,} errors"),
        ("jobs per runner", _spread(document["jobs_per_runner"])),
    ]
    heading = f"{document['workflow_name']}: workflow {document['workflow_id']}, run {document['run_id']}"
    width = max(len(label) for label, _ in rows)
    lines = [printable(heading), *(f"  {label:<{width}}  {value}" for label, value in rows)]
    if document["round_transitions"]:
        cells = [
            [one["name"], f"{one['jobs_before']:,}", f"{one['jobs_after']:,}", _ms(one["seconds"])]
            for one in document["round_transitions"]
        ]
        lines += ["", *table(["TRANSITION", "JOBS BEFORE", "JOBS AFTER", "TIME"], cells, right=(1, 2, 3))]
    if document["runners"]:
        lines += ["", *_runner_table(document["runners"])]
    return lines


def _database(document: dict[str, Any]) -> str:
    return f"{size(document['database_bytes_after_creation'])} then, {size(document['database_bytes_now'])} now"


def _throughput(rate: float | None) -> str:
    return "-" if rate is None else f"{rate:,.0f} jobs/s"


def _cpu(document: dict[str, Any]) -> str:
    runners, coordinator = duration(document["runner_cpu_seconds"]), duration(document["coordinator_cpu_seconds"])
    return f"runners {runners}, coordinator {coordinator}, jobs {duration(document['job_cpu_seconds'])}"


def _idle(document: dict[str, Any]) -> str:
    fraction = document["runner_idle_fraction"]
    share = "" if fraction is None else f" ({fraction:.1%})"
    return f"{duration(document['runner_idle_seconds'])} of all runners together{share}"


def _transactions(document: dict[str, Any]) -> str:
    kinds = f"{document['claim_transactions']:,} claimed, {document['settle_transactions']:,} settled"
    coordinator = f"{document['coordinator_transactions']:,} by the coordinator"
    return f"{document['write_transactions']:,} by runners ({kinds}), {coordinator}"


def _lock_waits(document: dict[str, Any]) -> str:
    parts = [f"{_ms(document[f'lock_wait_seconds_{which}'])} {which}" for which in ("p50", "p99", "longest")]
    return f"{', '.join(parts)}, {duration(document['lock_wait_seconds_total'])} in all"


def _longest(document: dict[str, Any]) -> str:
    """The kinds of transaction that held the lock longest, once each."""
    found = sorted(document["transactions"], key=lambda one: -one["seconds_longest"])[:3]
    return ", ".join(f"{one['name']} {_ms(one['seconds_longest'])}" for one in found) or "-"


def _checkpoints(document: dict[str, Any]) -> str:
    count, longest = document["checkpoints"], document["checkpoint_seconds_longest"]
    log = size(document["wal_bytes_most"])
    return f"{count:,}, longest {_ms(longest)}; write-ahead log up to {log}"


def _spread(jobs: dict[str, float | None]) -> str:
    if jobs["median"] is None:
        return "-"
    return f"{jobs['min']:,} to {jobs['max']:,}, median {jobs['median']:,}"


def _runner_table(runners: list[dict[str, Any]]) -> list[str]:
    heads = ["RUNNER", "NODE", "JOBS", "CLAIMS", "SETTLES", "LOCK WAIT", "P50", "P99", "LONGEST", "IDLE", "CPU"]
    cells = [
        [
            str(one["runner_id"]),
            one["node"],
            f"{one['jobs_run']:,}",
            f"{one['claim_transactions']:,}",
            f"{one['settle_transactions']:,}",
            duration(one["lock_wait_seconds"]),
            _ms(one["lock_wait_seconds_p50"]),
            _ms(one["lock_wait_seconds_p99"]),
            _ms(one["lock_wait_seconds_longest"]),
            duration(one["idle_seconds"]),
            duration(one["cpu_seconds"]),
        ]
        for one in runners
    ]
    return table(heads, cells, right=(0, 2, 3, 4, 5, 6, 7, 8, 9, 10))


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"
