"""A small database with a known past, filled through the engine's own functions: no process, no waiting.

Workflow 1 "small": four jobs in two rounds with a barrier between, one that fails, one that never runs because of it.

    one_1, one_2 -> barrier -> two_1, two_2        bad (exit 3) -> after_bad
"""

from pathlib import Path

from torc_local.engine import admit, begin, close, turn, unblock
from torc_local.ground import clock
from torc_local.spec.model import Job, Resources, Spec
from torc_local.store import opening, runners, unblocking
from torc_local.store.database import Database
from torc_local.store.jobs import Claim, Result
from torc_local.store.runners import Metrics

RESOURCES = (Resources("default", 1, 0, 1, 1 << 20, 60.0),)
WRITES = '{"transactions":{"turn":[9,0.5,0.125]},"checkpoints":[2,0.25,0.1875],"wal_pages":1500}'
WAITS = (4, 0, 0, 0, 10, 5)  # counts per bucket of lock waits


def job(name, *waits_for, command=None, cancel=True):
    return Job(name, command or f"echo {name}", 0, 0, cancel, waits_for)


def spec(name, jobs, sets=(), **fields):
    given = {"dependency_count": 0, "job_count_before_expansion": len(jobs), "digest": f"digest of {name}", **fields}
    return Spec(
        name=name,
        description=None,
        user=None,
        sort_method="none",
        resources=RESOURCES,
        jobs=tuple(jobs),
        sets=tuple(sets),
        file_count=0,
        user_data_count=0,
        **given,
    )


SMALL = spec(
    "small",
    [
        job("one_1"),
        job("one_2"),
        job("barrier", 0),
        job("two_1", 1),
        job("two_2", 1),
        job("bad", command="echo oops >&2; exit 3"),
        job("after_bad", 2),
    ],
    [(0, 1), (2,), (5,)],
    dependency_count=5,
)

GATED = spec(
    "gated", [job("a_1"), job("a_2"), job("b_1", 0), job("b_2", 0), job("b_3", 0)], [(0, 1)], dependency_count=6
)


def store(db: Database, made: Spec) -> int:
    return admit.admit(db, made, admit.Origin("ann", "/home/ann/small.yaml", clock.monotonic()))


class Worked:
    """Plays one runner and the coordinator over a stored workflow. Each job takes a second on a clock of its own."""

    def __init__(self, db: Database, workflow_id: int, *, now: float = 1_700_000_000.0, pid: int = 1) -> None:
        self.db = db
        self.workflow_id = workflow_id
        self.now = now
        unblocking.prepare(db)
        beginning = begin.begin(db, workflow_id, retry_failed=True, at=now)
        self.run_id = beginning.run_id
        with db.write("test"):
            node = runners.register_node(
                db, hostname="node01", boot_id="m:b", num_cpus=2, memory_bytes=1 << 33, num_gpus=0
            )
            self.runner_id = runners.insert(
                db, workflow_id=workflow_id, run_id=self.run_id, node_id=node, pid=pid, pid_start=1, slots=1, at=now
            )
            self.epoch = runners.take_lease(db, workflow_id, node_id=node, pid=pid, pid_start=1)
            self.segment = runners.add_segment(db, self.runner_id, "stdio/node01.000")
        self.me = turn.Me(workflow_id, self.run_id, self.runner_id, node, by_resources=False)

    def claim(self, *results: Result) -> list[Claim]:
        wish = turn.Wish(results=results, slots=1)
        claims = [claim for batch, _ in turn.turn(self.db, self.me, wish, at=self.now).batches for claim in batch]
        while unblock.unblock(self.db, self.workflow_id, self.epoch).more:
            pass
        return claims

    def result(self, claim: Claim) -> Result:
        code = 3 if claim.name == "bad" else 0
        began, self.now = self.now + 0.25, self.now + 1.25
        status, reason = ("completed", None) if code == 0 else ("failed", f"exit {code}")
        return Result(
            claim.id, self.run_id, claim.attempt_id, self.runner_id, status, reason, code, began, self.now, 0.5,
            4 << 20, self.segment, 10 * claim.id, 5, 100 * claim.id, 7 if code else 0,
        )  # fmt: skip

    def to_the_end(self) -> None:
        results: list[Result] = []
        while True:
            claims = self.claim(*results)
            if not claims and close.close(self.db, self.workflow_id, self.run_id, at=self.now):
                break
            results = [self.result(claim) for claim in claims]
        with self.db.write("test"):
            waits = str(list(WAITS) + [0] * (112 - len(WAITS)))
            runners.note_metrics(
                self.db, self.runner_id, Metrics(6, 6, 5, 9, 0.5, 0.75, 1.5, 0.25, 0.125, waits, 3, 0, WRITES)
            )
            runners.end(self.db, self.runner_id, at=self.now, reason="finished")


def small_database(path: Path) -> Path:
    """Workflow 1, run to its end."""
    with opening.open_or_create(path) as db:
        Worked(db, store(db, SMALL)).to_the_end()
    return path
