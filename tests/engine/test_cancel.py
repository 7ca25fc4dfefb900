"""Canceling jobs one by one: at any moment, whoever holds them, and what waits for them."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.test_random_graphs import Run, graphs, lost_thrice, work_off
from tests.support.workflows import NOW, Stage, spec_of
from torc_local.engine.cancel import Canceled, cancel_jobs
from torc_local.engine.close import close
from torc_local.engine.turn import Wish, turn
from torc_local.ground.io import CANCEL
from torc_local.ground.states import ENDED
from torc_local.store import invariants, jobs, opening, reading


def ids(stage, *names):
    known = dict(stage.db.connection.execute("SELECT name, id FROM job WHERE workflow_id = ?", (stage.workflow_id,)))
    return [known[name] for name in names]


def cancel(stage, *names):
    return cancel_jobs(stage.db, stage.workflow_id, ids(stage, *names), at=NOW, who="tester")


def test_what_waits_for_a_canceled_job_is_canceled_unless_its_flag_says_otherwise(db):
    waits = {"a": [], "b": ["a"], "c": ["a"], "d": []}
    stage = Stage(db, spec_of(waits, keep_going=["c"]))
    stage.begin()
    assert cancel(stage, "a", "d") == Canceled(2, 0, 0)
    stage.unblock()
    assert stage.statuses() == {"a": "canceled", "b": "canceled", "c": "ready", "d": "canceled"}
    assert cancel(stage, "a", "b") == Canceled(0, 0, 2)


def test_a_blocked_job_that_was_canceled_is_counted_once_by_what_waits_for_it(db):
    """What stood before it ends later, and must not make it end again."""
    waits = {"a": [], "b": ["a"], "x": [], "c": ["b", "x"]}
    stage = Stage(db, spec_of(waits, keep_going=["c"]))
    stage.begin()
    assert cancel(stage, "b") == Canceled(1, 0, 0)
    stage.unblock()
    me = stage.runner()
    stage.settle(me, [claim for claim in stage.claim(me, 2) if claim.name == "a"])
    stage.unblock()
    assert stage.statuses()["c"] == "blocked", "x has not ended"
    assert invariants.violations(db) == []


def test_a_claimed_job_is_only_marked_and_whoever_gets_it_does_not_start_it(db):
    stage = Stage(db, spec_of({"a": [], "b": ["a"]}))
    stage.begin()
    me = stage.runner()
    (claim,) = stage.claim(me)
    assert not claim.io & CANCEL
    before = jobs.standing(db, stage.workflow_id).cancels
    assert cancel(stage, "a") == Canceled(0, 1, 0)
    assert jobs.standing(db, stage.workflow_id).cancels == before + 1
    assert cancel(stage, "a") == Canceled(0, 0, 1), "it was told already"
    turn(db, me, Wish(give_back=[claim.id]), at=NOW)
    (again,) = stage.claim(me)
    assert again.io & CANCEL
    turn(db, me, Wish(cancel=[again.id]), at=NOW)
    stage.unblock()
    assert stage.statuses() == {"a": "canceled", "b": "canceled"}


def test_a_retry_forgets_that_a_job_was_canceled(db):
    stage = Stage(db, spec_of({"a": []}))
    stage.begin()
    me = stage.runner()
    claims = stage.claim(me)
    cancel(stage, "a")
    stage.settle(me, claims, "canceled")
    stage.end(me)
    close(db, stage.workflow_id, stage.run_id, at=NOW)
    stage.begin()
    me = stage.runner()
    (claim,) = stage.claim(me)
    assert (claim.io, claim.attempt_id) == (0, 2)


def test_who_canceled_is_told_apart_from_what_stood_before(db):
    stage = Stage(db, spec_of({"a": [], "b": ["a"]}))
    stage.begin()
    cancel(stage, "a")
    stage.unblock()
    found = {(row.example, row.reason) for row in reading.failures(db, stage.workflow_id)}
    assert found == {("a", "canceled by a person"), ("b", None)}


class Canceling(Run):
    """As Run; some jobs are canceled at random moments, and runners notice late or never."""

    def __init__(self, stage, graph, rnd):
        self.stopped: set[str] = set()
        super().__init__(stage, graph, rnd)

    def begin(self, *, retry_failed):
        del retry_failed  # what was canceled would run again
        super().begin(retry_failed=False)

    def step(self):
        if self.rnd.random() < 0.08:
            chosen = self.rnd.sample(list(self.groups), self.rnd.randint(1, min(3, len(self.groups))))
            ends = self.stage.statuses()
            cancel(self.stage, *chosen)
            self.stopped |= {name for name in chosen if ends[name] not in ENDED}
        for me, claims in self.held.items():
            told = jobs.canceled_of(self.stage.db, me.runner_id)
            late = [claim for claim in claims if claim.id in told and self.rnd.random() < 0.5]
            for claim in dict.fromkeys([*late, *(claim for claim in claims if claim.io & CANCEL)]):
                assert claim.name in self.stopped
                claims.remove(claim)
                turn(self.stage.db, me, Wish(cancel=[claim.id]), at=NOW)
        super().step()

    def settle(self, me, claim):
        assert not claim.io & CANCEL, "what was canceled before it was claimed is not started"
        super().settle(me, claim)


@settings(max_examples=40, deadline=None)
@given(graphs(), st.integers(0, 2**32))
def test_with_cancels_at_any_moment_every_graph_ends_and_each_state_follows_from_those_before(
    tmp_path_factory, graph, seed
):
    rnd = random.Random(seed)
    with opening.open_or_create(tmp_path_factory.mktemp("cancel") / "torc.db", turnstile=False) as db:
        spec = spec_of({name: [] for name in graph[0]}, shared=graph[0], keep_going=graph[1])
        run = Canceling(Stage(db, spec), graph, rnd)
        work_off(db, [run], rnd)
        ends = run.stage.statuses()
        if lost_thrice(db, run.stage.workflow_id):
            return
        for name, sets in run.groups.items():
            bad = any(ends[one] != "completed" for group in sets for one in group)
            own = "failed" if name in run.failing else "completed"
            expected = "canceled" if bad and name not in run.keep_going else own
            assert ends[name] == expected or (name in run.stopped and ends[name] == "canceled"), name
        run.stop()
        assert close(db, run.stage.workflow_id, run.stage.run_id, at=NOW)
        assert invariants.violations(db, at_rest=True) == []
