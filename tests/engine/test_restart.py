"""Putting jobs back: which run again, what the others become, and what stays on record."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.test_random_graphs import Run, graphs, lost_thrice, work_off
from tests.support.workflows import NOW, Stage, spec_of
from torc_local.engine.begin import How
from torc_local.engine.close import close
from torc_local.engine.restart import put_back
from torc_local.ground.errors import InputError
from torc_local.ground.states import ENDED
from torc_local.store import invariants, opening, restarting, workflows

BAD = ("failed", "canceled", "terminated")


def finished(db, waits, failing=(), **options):
    """A workflow whose run has ended."""
    stage = Stage(db, spec_of(waits, **options))
    stage.begin()
    stage.run_all(failing)
    close(db, stage.workflow_id, stage.run_id, at=NOW)
    return stage


def ids(stage, names):
    rows = stage.db.connection.execute("SELECT id, name FROM job WHERE workflow_id = ?", (stage.workflow_id,))
    return [number for number, name in rows if name in names]


def back(stage, names=None, *, completed=True, dry_run=False):
    """Put back the named jobs, or all that did not succeed."""

    def seeds(db, workflow_id):
        if names is None:
            restarting.seed_unsuccessful(db, workflow_id, undecided=True)
        else:
            restarting.seed_these(db, workflow_id, ids(stage, names), completed=completed)

    return put_back(stage.db, stage.workflow_id, seeds, at=NOW, what="test", dry_run=dry_run)


def test_a_retry_takes_what_failed_and_everything_after_it_and_leaves_siblings(db):
    waits = {"a": [], "b": [], "c": ["a"], "d": ["b"], "e": ["c", "d"], "f": []}
    stage = finished(db, waits, failing=["a"], keep_going=["e"])
    assert stage.statuses()["e"] == "completed"
    done = back(stage)
    assert stage.statuses() == {
        "a": "ready", "b": "completed", "c": "blocked", "d": "completed", "e": "blocked", "f": "completed"
    }  # fmt: skip
    assert [(g.why, g.status, g.jobs, g.names) for g in done.groups] == [
        ("failed: exit 1", "failed", 1, ["a"]),
        ("canceled", "canceled", 1, ["c"]),
        (restarting.AFTER, "completed", 1, ["e"]),
    ]
    assert (done.jobs, done.rest, done.left) == (3, 0, 3)


def test_jobs_that_were_put_back_belong_to_the_next_run(db):
    stage = finished(db, {"a": [], "b": []}, failing=["a"])
    for _ in range(2):  # the second time it is ready, and nothing more happens to it
        back(stage)
        found = workflows.get(db, stage.workflow_id)
        assert found is not None
        assert found.run_id == 2
    assert stage.begin() == (2, How.RETRIED, 0, 0)
    stage.run_all()
    rows = db.connection.execute("SELECT run_id, attempt_id, status FROM attempt WHERE job_id = 1").fetchall()
    assert rows == [(1, 1, "failed"), (2, 2, "completed")]


def test_a_dry_run_says_the_same_and_changes_nothing(db):
    stage = finished(db, {"a": [], "b": ["a"]}, failing=["a"])
    before = db.connection.execute("SELECT * FROM job").fetchall(), workflows.list_all(db)
    tried = back(stage, dry_run=True)
    assert (db.connection.execute("SELECT * FROM job").fetchall(), workflows.list_all(db)) == before
    assert back(stage) == tried


def test_what_a_job_cannot_run_without_comes_along(db):
    stage = finished(db, {"a": [], "b": ["a"], "c": ["b"], "x": [], "y": ["x", "b"]}, failing=["a", "x"])
    done = back(stage, ["c"], completed=False)
    assert stage.statuses() == {"a": "ready", "b": "blocked", "c": "blocked", "x": "failed", "y": "blocked"}
    assert {g.why for g in done.groups} == {
        "canceled", "before one of these, failed: exit 1", "before one of these, canceled", restarting.AFTER
    }  # fmt: skip
    stage.begin(retry_failed=False)
    stage.run_all()
    assert stage.statuses() == {"a": "completed", "b": "completed", "c": "completed", "x": "failed", "y": "canceled"}


def test_a_job_that_runs_in_spite_of_failures_runs_alone(db):
    stage = finished(db, {"a": [], "b": ["a"]}, failing=["a", "b"], keep_going=["b"])
    back(stage, ["b"], completed=False)
    assert stage.statuses() == {"a": "failed", "b": "ready"}


def test_a_reset_takes_completed_jobs_a_retry_does_not(db):
    stage = finished(db, {"a": [], "b": ["a"]})
    assert back(stage, ["a"], completed=False).jobs == 0
    assert back(stage, ["a"]).jobs == 2
    assert stage.statuses() == {"a": "ready", "b": "blocked"}


def test_consequences_that_nobody_has_drawn_yet_are_drawn_first(db):
    """The coordinator died before it counted a down."""
    stage = Stage(db, spec_of({"a": [], "b": ["a"], "c": ["b"], "x": []}))
    stage.begin()
    me = stage.runner()
    claims = stage.claim(me, 2)
    stage.settle(me, claims[:1], "failed")
    stage.settle(me, claims[1:], "failed")
    stage.end(me)
    back(stage, ["x"], completed=False)
    assert stage.statuses() == {"a": "failed", "b": "canceled", "c": "canceled", "x": "ready"}


def test_it_is_refused_while_somebody_works_and_for_archived_workflows(db):
    stage = Stage(db, spec_of({"a": [], "b": []}))
    stage.begin()
    me = stage.runner()
    stage.settle(me, stage.claim(me), "failed")
    with pytest.raises(InputError, match="a run works on workflow 1 now, on here"):
        back(stage)
    stage.end(me)
    db.connection.execute("UPDATE workflow SET is_archived = 1")
    with pytest.raises(InputError, match="is archived"):
        back(stage)


def test_a_reset_clears_the_canceled_flag(db):
    stage = finished(db, {"a": []}, failing=["a"])
    db.connection.execute("UPDATE workflow SET is_canceled = 1")
    back(stage)
    found = workflows.get(db, stage.workflow_id)
    assert found is not None
    assert not found.is_canceled


class Careful(Run):
    """As Run; from some moment on, what did not succeed stays so."""

    retries = True

    def begin(self, *, retry_failed):
        super().begin(retry_failed=retry_failed and self.retries)


def after_a_reset(groups, keep_going, states, picked):
    """A small model: the states after everything in ``picked`` that has ended was put back, and how many that were."""
    before = {name: {one for group in sets for one in group} for name, sets in groups.items()}
    now: dict[str, str] = {}
    for name in groups:  # in an order in which they can run
        now[name] = states[name]
        if states[name] == "blocked" and all(now[one] in ENDED for one in before[name]):
            bad = any(now[one] in BAD for one in before[name])
            now[name] = "canceled" if bad and name not in keep_going else "ready"
    seeds = {name for name in picked if now[name] in ENDED}
    for name in reversed(groups):
        if name in seeds and name not in keep_going:
            seeds |= {one for one in before[name] if now[one] in BAD}
    hit = set(seeds)
    after: dict[str, str] = {}
    for name in groups:
        if before[name] & hit:
            hit.add(name)
        waits = any(after[one] not in ENDED for one in before[name])
        after[name] = ("blocked" if waits else "ready") if name in hit else now[name]
    return after, sum(now[name] in ENDED for name in hit)


@settings(max_examples=25, deadline=None)
@given(graphs(), st.integers(0, 2**32), st.integers(0, 120), st.data())
def test_any_reset_of_any_state_is_what_the_model_says_and_the_rest_runs_in_order(
    tmp_path_factory, graph, seed, steps, data
):
    rnd = random.Random(seed)
    with opening.open_or_create(tmp_path_factory.mktemp("reset") / "torc.db", turnstile=False) as db:
        spec = spec_of({name: [] for name in graph[0]}, shared=graph[0], keep_going=graph[1])
        run = Careful(Stage(db, spec), graph, rnd)
        for _ in range(steps):
            if not run.done():
                run.step()
        run.stop()
        if run.done():
            close(db, run.stage.workflow_id, run.stage.run_id, at=NOW)
        picked = data.draw(st.sets(st.sampled_from(list(graph[0])), min_size=1))
        expected, again = after_a_reset(graph[0], graph[1], run.stage.statuses(), picked)
        tried = back(run.stage, picked, dry_run=True)
        assert back(run.stage, picked) == tried
        assert tried.jobs == again
        assert run.stage.statuses() == expected
        assert invariants.violations(db, at_rest=True) == []
        run.failing, run.retries = set(), False
        run.begin(retry_failed=False)
        work_off(db, [run], rnd)  # asks that nothing starts before what it waits for
        left = {name: status for name, status in expected.items() if status in ENDED}
        if not lost_thrice(db, run.stage.workflow_id):
            assert {name: run.stage.statuses()[name] for name in left} == left
        run.stop()
        assert invariants.violations(db, at_rest=True) == []
