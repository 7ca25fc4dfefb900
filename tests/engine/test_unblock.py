"""Counting down, releasing, canceling; taking back and starting over."""

import pytest

from tests.support.workflows import NOW, Stage, spec_of
from torc_local.engine.begin import How
from torc_local.engine.cancel import cancel
from torc_local.engine.close import close, finished
from torc_local.engine.reclaim import MOST_LOSSES, reclaim
from torc_local.engine.turn import Wish, turn
from torc_local.engine.unblock import Deposed, unblock
from torc_local.ground.errors import InputError
from torc_local.store import runners, workflows
from torc_local.store.jobs import Mark


def started(db, *args, **kwargs):
    stage = Stage(db, spec_of(*args, **kwargs))
    stage.begin()
    return stage


DIAMOND = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}


def test_a_job_is_released_when_the_last_one_before_it_has_ended(db):
    stage = started(db, DIAMOND)
    me = stage.runner()
    stage.settle(me, stage.claim(me))
    assert stage.statuses()["b"] == "blocked", "released by the coordinator, not by the runner"
    stage.unblock()
    assert stage.statuses() == {"a": "completed", "b": "ready", "c": "ready", "d": "blocked"}
    b, c = stage.claim(me, 2)
    stage.settle(me, [b])
    stage.unblock()
    assert stage.statuses()["d"] == "blocked"
    stage.settle(me, [c])
    stage.unblock()
    assert stage.statuses()["d"] == "ready"


def test_a_cancel_waits_until_everything_before_the_job_has_ended(db):
    stage = started(db, {"a": [], "b": [], "c": ["a", "b"]})
    me = stage.runner()
    a, b = stage.claim(me, 2)
    stage.settle(me, [a], "failed")
    stage.unblock()
    assert stage.statuses()["c"] == "blocked"
    stage.settle(me, [b])
    stage.unblock()
    assert stage.statuses()["c"] == "canceled"


def test_a_job_with_the_flag_off_runs_whatever_failed_before_it(db):
    stage = started(db, DIAMOND, keep_going=["b", "d"])
    stage.run_all(failing=["a"])
    assert stage.statuses() == {"a": "failed", "b": "completed", "c": "canceled", "d": "completed"}


@pytest.mark.parametrize("limit", [1, 2, 3, 1000])
def test_a_diamond_of_cancels_reaches_its_fixpoint_in_pieces_of_any_size(db, limit):
    layer = [f"m{i}" for i in range(5)]
    waits = {
        "a": [],
        **{name: ["a"] for name in layer},
        **{f"n{i}": layer for i in range(4)},
        "z": ["n0", "n1", "n2", "n3"],
    }
    stage = started(db, waits)
    stage.run_all(failing=["a"], limit=limit)
    assert stage.counts() == {"failed": 1, "canceled": 10}
    assert finished(db, stage.workflow_id)


@pytest.mark.parametrize("limit", [1, 2, 7, 50])
def test_a_large_fan_out_is_released_in_pieces_and_completely(db, limit):
    stage = started(db, {"a": [], **{f"b{i:02d}": ["a"] for i in range(50)}})
    me = stage.runner()
    stage.settle(me, stage.claim(me))
    first = unblock(db, stage.workflow_id, stage.epoch, limit=limit)
    assert first.released == limit
    assert first.more == (limit <= 50)
    assert stage.counts().get("ready") == limit, "the first are ready while the last still wait"
    stage.unblock(limit)
    assert stage.counts() == {"completed": 1, "ready": 50}


@pytest.mark.parametrize("limit", [1, 3, 1000])
def test_gates_open_when_the_last_member_has_ended_and_pass_failures_on(db, limit):
    layer = [f"a{i}" for i in range(6)]
    waits = {**{name: [] for name in layer}, **{f"b{i}": layer for i in range(6)}, "c": ["b0"]}
    stage = started(db, waits, keep_going=["b1"])
    stage.run_all(failing=["a3"], limit=limit)
    assert stage.statuses()["b1"] == "completed"
    assert stage.counts() == {"completed": 6, "failed": 1, "canceled": 6}


def test_a_deposed_coordinator_writes_nothing(db):
    stage = started(db, {"a": [], "b": ["a"]})
    me = stage.runner()
    stage.settle(me, stage.claim(me))
    with db.write("test"):
        newer = runners.take_lease(db, stage.workflow_id, node_id=stage.node_id, pid=2, pid_start=2)
    with pytest.raises(Deposed):
        unblock(db, stage.workflow_id, stage.epoch)
    assert stage.statuses()["b"] == "blocked"
    unblock(db, stage.workflow_id, newer)
    assert stage.statuses()["b"] == "ready"


def lost(stage, me):
    (row,) = [row for row in runners.alive(stage.db, stage.workflow_id) if row.id == me.runner_id]
    return reclaim(stage.db, row, why="died", at=NOW)


def mark(stage, me, claim):
    turn(stage.db, me, Wish(marks=[Mark(claim.id, claim.attempt_id, 1, NOW, None, 0, 0)]), at=NOW)


def test_a_dead_runners_jobs_are_ready_again_and_running_ones_leave_a_lost_attempt(db):
    stage = started(db, {"a": [], "b": []})
    me = stage.runner()
    a, _ = stage.claim(me, 2)
    mark(stage, me, a)
    assert lost(stage, me) == (1, 1, 0)
    assert stage.counts() == {"ready": 2}
    assert db.connection.execute("SELECT job_id, attempt_id, status, return_code FROM attempt").fetchall() == [
        (a.id, 1, "lost", -128)
    ]
    again = {claim.name: claim.attempt_id for claim in stage.claim(stage.runner(), 2)}
    assert again == {"a": 2, "b": 1}


def test_a_job_that_takes_three_runners_with_it_fails_and_cancels_what_waits(db):
    stage = started(db, {"a": [], "b": ["a"]})
    last = None
    for _ in range(MOST_LOSSES):
        me = stage.runner()
        (claim,) = stage.claim(me)
        mark(stage, me, claim)
        last = lost(stage, me)
    assert last == (0, 0, 1)
    stage.unblock()
    assert stage.statuses() == {"a": "failed", "b": "canceled"}


def test_a_second_run_joins_while_the_first_lives(db):
    stage = Stage(db, spec_of(DIAMOND))
    assert stage.begin() == (1, How.FRESH, 0, 0)
    me = stage.runner()
    assert stage.begin() == (1, How.JOINED, 0, 0)
    stage.end(me)
    assert stage.begin() == (1, How.RESUMED, 0, 0)


def test_a_finished_workflow_has_nothing_to_do(db):
    stage = started(db, DIAMOND)
    stage.run_all()
    assert close(db, stage.workflow_id, 1, at=NOW)
    assert close(db, stage.workflow_id, 1, at=NOW)
    assert stage.begin() == (1, How.NOTHING_TO_DO, 0, 0)


def test_a_runner_of_a_closed_run_claims_nothing_of_the_next(db):
    stage = started(db, {"a": []})
    old = stage.runner()
    stage.settle(old, stage.claim(old), "failed")
    close(db, stage.workflow_id, 1, at=NOW)
    assert stage.begin() == (2, How.RETRIED, 1, 0)
    assert stage.claim(old) == []
    assert len(stage.claim(stage.runner())) == 1


def test_a_ready_job_whose_failed_predecessor_is_retried_waits_again(db):
    """It was ready in spite of the failure; started now, it would run beside what it waits for."""
    stage = started(db, {"a": [], "b": ["a"]}, keep_going=["b"])
    me = stage.runner()
    stage.settle(me, stage.claim(me), "failed")
    stage.unblock()
    assert stage.statuses() == {"a": "failed", "b": "ready"}
    stage.end(me)
    stage.begin()
    assert stage.statuses() == {"a": "ready", "b": "blocked"}
    stage.run_all()
    assert stage.counts() == {"completed": 2}


def test_a_workflow_with_work_left_is_not_closed(db):
    stage = started(db, {"a": [], "b": ["a"]})
    assert not close(db, stage.workflow_id, 1, at=NOW)
    me = stage.runner()
    stage.settle(me, stage.claim(me), "failed")
    assert not close(db, stage.workflow_id, 1, at=NOW), "b is still to be canceled"
    stage.unblock()
    assert close(db, stage.workflow_id, 1, at=NOW)


def test_a_retry_puts_back_what_failed_and_everything_after_it_and_nothing_else(db):
    waits = {"a": [], "b": [], "c": ["a"], "d": ["b"], "e": ["c", "d"]}
    stage = started(db, waits, keep_going=["e"])
    stage.run_all(failing=["a"])
    assert stage.statuses() == {"a": "failed", "b": "completed", "c": "canceled", "d": "completed", "e": "completed"}
    close(db, stage.workflow_id, 1, at=NOW)
    assert stage.begin() == (2, How.RETRIED, 3, 0)
    assert stage.statuses() == {"a": "ready", "b": "completed", "c": "blocked", "d": "completed", "e": "blocked"}
    stage.run_all()
    assert stage.counts() == {"completed": 5}
    attempts = dict(db.connection.execute("SELECT job_id, max(attempt_id) FROM attempt GROUP BY job_id").fetchall())
    assert attempts == {1: 2, 2: 1, 3: 1, 4: 1, 5: 2}


def test_a_retry_recounts_gates_that_were_partly_counted_down(db):
    layer = [f"a{i}" for i in range(8)]
    waits = {**{name: [] for name in layer}, **{f"b{i}": layer for i in range(3)}}
    stage = started(db, waits)
    me = stage.runner()
    claims = stage.claim(me, 6)
    stage.settle(me, claims[:5])
    stage.settle(me, claims[5:], "failed")
    unblock(db, stage.workflow_id, stage.epoch, limit=2)  # leaves a cursor and a queue behind
    stage.end(me)
    again = stage.begin()
    assert again.how is How.RETRIED
    stage.run_all(limit=2)
    assert stage.counts() == {"completed": 11}


def test_a_retry_forgets_how_often_a_job_was_lost(db):
    stage = started(db, {"a": []})
    for expected in ["lost"] * (MOST_LOSSES - 1) + ["failed", "lost"]:
        me = stage.runner()
        (claim,) = stage.claim(me)
        mark(stage, me, claim)
        assert lost(stage, me) == ((0, 1, 0) if expected == "lost" else (0, 0, 1))
        if expected == "failed":
            assert stage.begin().how is How.RETRIED
    assert stage.counts() == {"ready": 1}


def test_a_retry_of_an_open_run_closes_it_and_begins_the_figures_of_the_coordinator_anew(db):
    stage = started(db, {"a": [], "b": []})
    me = stage.runner()
    stage.settle(me, stage.claim(me), "failed")
    stage.unblock()
    stage.end(me)
    assert stage.begin() == (2, How.RETRIED, 1, 0)
    runs = db.connection.execute("SELECT run_id, ended_at FROM run ORDER BY run_id").fetchall()
    assert runs == [(1, NOW), (2, None)]
    lease = runners.lease(db, stage.workflow_id)
    assert lease is not None
    assert (lease.transactions, lease.epoch) == (0, stage.epoch)


def test_a_lease_that_was_given_up_is_not_renewed(db):
    stage = started(db, {"a": []})
    with db.write("test"):
        runners.release_lease(db, stage.workflow_id, stage.epoch, at=NOW, cpu_s=0.5)
    with pytest.raises(Deposed):
        unblock(db, stage.workflow_id, stage.epoch)


def test_a_retry_makes_a_job_wait_anew_that_was_ready_in_spite_of_a_failure(db):
    stage = started(db, {"a": [], "b": ["a"], "c": ["b"]}, keep_going=["b", "c"])
    me = stage.runner()
    stage.settle(me, stage.claim(me), "failed")
    stage.unblock()
    assert stage.statuses() == {"a": "failed", "b": "ready", "c": "blocked"}
    stage.end(me)  # stopped before it came to b
    assert stage.begin() == (2, How.RETRIED, 1, 0)
    assert stage.statuses() == {"a": "ready", "b": "blocked", "c": "blocked"}
    stage.run_all()
    assert stage.counts() == {"completed": 3}


def test_failures_are_left_alone_when_asked(db):
    stage = started(db, {"a": [], "b": []})
    stage.run_all(failing=["a"])
    close(db, stage.workflow_id, 1, at=NOW)
    assert stage.begin(retry_failed=False) == (1, How.NOTHING_TO_DO, 0, 0)


def test_a_canceled_workflow_goes_on_with_the_next_run(db):
    stage = started(db, {"a": [], "b": ["a"]})
    assert cancel(db, stage.workflow_id, at=NOW, who="tester")
    assert not cancel(db, stage.workflow_id, at=NOW, who="tester")
    me = stage.runner()
    assert stage.claim(me) == []
    with pytest.raises(InputError, match="is being canceled"):
        stage.begin()
    stage.end(me)
    assert stage.begin().how is How.RESUMED
    assert workflows.list_all(db)[0].is_canceled == 0
    stage.run_all()
    assert stage.counts() == {"completed": 2}


def test_an_unknown_workflow_is_named(db):
    stage = Stage(db, spec_of({"a": []}))
    stage.workflow_id = 99
    with pytest.raises(InputError, match="no workflow 99"):
        stage.begin()
