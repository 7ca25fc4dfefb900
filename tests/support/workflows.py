"""Small workflows and a runner without processes, for tests of transactions."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from torc_local.engine import begin as beginning
from torc_local.engine.admit import Origin, admit
from torc_local.engine.turn import Me, Wish, turn
from torc_local.engine.unblock import unblock
from torc_local.spec.model import Job, Resources, Spec
from torc_local.store import runners, unblocking, workflows
from torc_local.store.database import Database
from torc_local.store.jobs import Claim, Result

DEFAULT = Resources("default", 1, 0, 1, 1 << 20, 60.0)
NOW = 1_000_000.0
FREE = runners.Held(0, 0, 0)

_moments = itertools.count(1_000_000)


def spec_of(
    waits: Mapping[str, Sequence[str]],
    *,
    keep_going: Iterable[str] = (),
    resources: Sequence[Resources] = (),
    uses: Mapping[str, int] | None = None,
    priorities: Mapping[str, int] | None = None,
    shared: Mapping[str, Sequence[Sequence[str]]] | None = None,
) -> Spec:
    """A workflow from ``{job: jobs it waits for}``; equal lists become one set, as the reader of files makes them.

    ``shared`` gives a job several sets; ``uses`` says which of ``resources`` (from 1) a job asks for.
    """
    names = list(waits)
    index = {name: number for number, name in enumerate(names)}
    sets: dict[tuple[int, ...], int] = {}

    def intern(members: Sequence[str]) -> int:
        return sets.setdefault(tuple(sorted({index[name] for name in members})), len(sets))

    jobs = []
    edges = 0
    for name in names:
        groups = [list(group) for group in (shared or {}).get(name, ())] or ([list(waits[name])] if waits[name] else [])
        edges += len({before for group in groups for before in group})
        jobs.append(
            Job(
                name,
                f"echo {name}",
                (uses or {}).get(name, 0),
                (priorities or {}).get(name, 0),
                name not in set(keep_going),
                tuple(sorted({intern(group) for group in groups})),
            )
        )
    return Spec(
        name="test", description=None, user=None,
        sort_method="gpus_runtime_memory", resources=(DEFAULT, *resources),
        jobs=tuple(jobs), sets=tuple(sets), job_count_before_expansion=len(jobs), dependency_count=edges,
        file_count=0, user_data_count=0, digest="d" * 64,
    )  # fmt: skip


class Stage:
    """A workflow in a database, with runners that are only rows, driven by hand."""

    def __init__(self, db: Database, spec: Spec, *, cpus: int = 4, earlier_id: int | None = None) -> None:
        self.db = db
        self.workflow_id = admit(db, spec, Origin("tester", None, 0.0), earlier_id=earlier_id)
        self.run_id = 0
        with db.write("test"):
            self.node_id = runners.register_node(
                db, hostname="here", boot_id="m:b", num_cpus=cpus, memory_bytes=1 << 33, num_gpus=0
            )
            self.epoch = runners.take_lease(db, self.workflow_id, node_id=self.node_id, pid=1, pid_start=1)
        unblocking.prepare(db)

    def begin(self, *, retry_failed: bool = True) -> beginning.Beginning:
        begun = beginning.begin(self.db, self.workflow_id, retry_failed=retry_failed, at=NOW)
        self.run_id = begun.run_id
        return begun

    def runner(self, *, by_resources: bool = False) -> Me:
        with self.db.write("test"):
            runner_id = runners.insert(
                self.db, workflow_id=self.workflow_id, run_id=self.run_id, node_id=self.node_id, pid=1, pid_start=1,
                slots=1, at=NOW,
            )  # fmt: skip
        return Me(self.workflow_id, self.run_id, runner_id, self.node_id, by_resources)

    def claim(self, me: Me, count: int = 1, *, slots: int = 1, held: runners.Held = FREE) -> list[Claim]:
        wish = Wish(slots=slots, per_slot=lambda _: count, held=held)
        return [claim for batch, _ in turn(self.db, me, wish, at=NOW).batches for claim in batch]

    def settle(self, me: Me, claims: Iterable[Claim], status: str = "completed") -> int:
        return turn(self.db, me, Wish(results=[result(me, claim, status) for claim in claims]), at=NOW).settled

    def unblock(self, limit: int = 1000) -> None:
        while unblock(self.db, self.workflow_id, self.epoch, limit=limit).more:
            pass

    def end(self, me: Me) -> None:
        with self.db.write("test"):
            runners.end(self.db, me.runner_id, at=NOW, reason="finished")

    def run_all(self, failing: Iterable[str] = (), *, limit: int = 1000) -> None:
        """Work until nothing is ready; jobs named in ``failing`` fail."""
        me = self.runner()
        bad = set(failing)
        while claims := self.claim(me, 3):
            for claim in claims:
                self.settle(me, [claim], "failed" if claim.name in bad else "completed")
            self.unblock(limit)
        self.end(me)

    def statuses(self) -> dict[str, str]:
        sql = "SELECT name, status FROM job WHERE workflow_id = ?"
        return dict(self.db.connection.execute(sql, (self.workflow_id,)))

    def counts(self) -> dict[str, int]:
        return workflows.counts(self.db, self.workflow_id)


class Outcome(NamedTuple):
    code: int
    reason: str | None


OUTCOMES = {
    "completed": Outcome(0, None),
    "failed": Outcome(1, "exit 1"),
    "canceled": Outcome(-15, "canceled"),
    "interrupted": Outcome(-15, "stopped"),
}


def moment() -> float:
    """Later than anything before it in the test."""
    return float(next(_moments))


def result(me: Me, claim: Claim, status: str = "completed") -> Result:
    """How a claimed job ended; each started after everything before it in the test had ended."""
    code, reason = OUTCOMES[status]
    at = moment()
    return Result(
        claim.id, me.run_id, claim.attempt_id, me.runner_id, status, reason, code, at, at + 0.5, 0.5, 1000, None,
        0, 0, 0, 0,
    )  # fmt: skip
