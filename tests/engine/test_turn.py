"""A runner's transaction: claims, fences, gives back, settles."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.workflows import NOW, Stage, result, spec_of
from torc_local.engine import fit
from torc_local.engine.close import close
from torc_local.engine.reclaim import reclaim
from torc_local.engine.turn import Fenced, Wish, may_claim, stuck, turn
from torc_local.spec.model import Resources
from torc_local.store import opening, runners
from torc_local.store.jobs import Mark, Shape
from torc_local.store.runners import Held


def independent(count):
    return spec_of({f"j{i:03d}": [] for i in range(count)})


@pytest.fixture
def stage(db):
    made = Stage(db, independent(10))
    made.begin()
    return made


def names(claims):
    return [claim.name for claim in claims]


def test_what_is_given_back_can_be_claimed_in_the_same_turn(db):
    """By another slot of the same runner: it would not notice later, for it does not see its own commits."""
    stage = Stage(db, independent(3))
    stage.begin()
    me = stage.runner()
    claims = stage.claim(me, 3)
    done = turn(db, me, Wish(give_back=[claim.id for claim in claims[1:]], slots=1, per_slot=lambda _: 2), at=NOW)
    assert [names(batch) for batch, _ in done.batches] == [["j001", "j002"]]
    assert stage.counts() == {"pending": 3}


def test_jobs_are_claimed_in_the_order_of_the_file_and_by_one_runner_only(stage):
    first, second = stage.runner(), stage.runner()
    assert names(stage.claim(first, 4)) == ["j000", "j001", "j002", "j003"]
    assert names(stage.claim(second, 4)) == ["j004", "j005", "j006", "j007"]
    assert stage.counts() == {"pending": 8, "ready": 2}
    assert len(stage.claim(first, 100)) == 2
    assert stage.claim(second, 100) == []


def test_a_higher_priority_is_claimed_first(db):
    stage = Stage(db, spec_of({"a": [], "b": [], "c": []}, priorities={"b": 5, "c": 5}))
    stage.begin()
    assert names(stage.claim(stage.runner(), 3)) == ["b", "c", "a"]


def test_the_largest_requirements_come_first_at_one_priority(db):
    sizes = [
        Resources("small", 1, 0, 1, 10, 60),
        Resources("gpu", 1, 1, 1, 10, 60),
        Resources("long", 1, 0, 1, 10, 600),
    ]
    spec = spec_of({"s": [], "g": [], "l": [], "d": []}, resources=sizes, uses={"s": 1, "g": 2, "l": 3})
    stage = Stage(db, spec)
    stage.begin()
    assert names(stage.claim(stage.runner(), 4))[:2] == ["g", "l"]


def test_claims_are_dealt_out_over_the_slots(stage):
    me = stage.runner()
    done = turn(stage.db, me, Wish(slots=3, per_slot=lambda _: 2), at=NOW)
    assert [names(batch) for batch, _ in done.batches] == [["j000", "j003"], ["j001", "j004"], ["j002", "j005"]]


def test_a_settled_job_has_one_result_and_its_state(stage):
    me = stage.runner()
    good, bad = stage.claim(me, 2)
    assert stage.settle(me, [good]) == 1
    assert stage.settle(me, [bad], "failed") == 1
    assert stage.counts() == {"completed": 1, "failed": 1, "ready": 8}
    rows = stage.db.connection.execute("SELECT job_id, status, return_code FROM attempt ORDER BY job_id").fetchall()
    assert rows == [(good.id, "completed", 0), (bad.id, "failed", 1)]
    events = stage.db.connection.execute("SELECT job_id, message FROM event WHERE type = 'job_failed'").fetchall()
    assert events == [(bad.id, "exit 1")]


def test_settling_twice_changes_nothing(stage):
    me = stage.runner()
    claims = stage.claim(me, 1)
    assert stage.settle(me, claims) == 1
    assert stage.settle(me, claims, "failed") == 0
    assert stage.counts() == {"completed": 1, "ready": 9}


def test_another_runner_or_another_attempt_settles_nothing(stage):
    me, other = stage.runner(), stage.runner()
    (claim,) = stage.claim(me, 1)
    assert stage.settle(other, [claim]) == 0
    assert stage.settle(me, [claim._replace(attempt_id=7)]) == 0
    assert stage.counts() == {"pending": 1, "ready": 9}
    assert stage.db.connection.execute("SELECT count(*) FROM attempt").fetchall() == [(0,)]


def test_a_runner_that_was_declared_dead_changes_nothing(stage):
    me = stage.runner()
    (claim,) = stage.claim(me, 1)
    (row,) = runners.alive(stage.db, stage.workflow_id)
    assert reclaim(stage.db, row, why="died", at=NOW) == (1, 0, 0)
    assert reclaim(stage.db, row, why="died", at=NOW) is None
    with pytest.raises(Fenced):
        turn(stage.db, me, Wish(results=[result(me, claim)], slots=1), at=NOW)
    assert stage.counts() == {"ready": 10}


def test_unstarted_claims_are_given_back_and_claimed_again(stage):
    me, other = stage.runner(), stage.runner()
    claims = stage.claim(me, 3)
    turn(stage.db, me, Wish(give_back=[claim.id for claim in claims[1:]]), at=NOW)
    assert stage.counts() == {"pending": 1, "ready": 9}
    assert names(stage.claim(other, 2)) == names(claims[1:])
    turn(stage.db, me, Wish(give_back=[claims[1].id]), at=NOW)
    assert stage.counts() == {"pending": 3, "ready": 7}, "what others claimed since is not given back"


def test_a_long_job_is_recorded_as_running_until_it_is_settled(stage):
    me = stage.runner()
    (claim,) = stage.claim(me, 1)
    mark = Mark(claim.id, claim.attempt_id, 4711, NOW, None, 5, 6)
    turn(stage.db, me, Wish(marks=[mark]), at=NOW)
    assert stage.counts() == {"running": 1, "ready": 9}
    assert stage.db.connection.execute("SELECT job_id, pid, stdout_start FROM running").fetchall() == [
        (claim.id, 4711, 5)
    ]
    turn(stage.db, me, Wish(results=[result(me, claim)], marked=frozenset([claim.id])), at=NOW)
    assert stage.counts() == {"completed": 1, "ready": 9}


def test_a_late_result_of_another_attempt_leaves_the_running_one_listed(stage):
    me = stage.runner()
    (claim,) = stage.claim(me, 1)
    turn(stage.db, me, Wish(marks=[Mark(claim.id, claim.attempt_id, 4711, NOW, None, 5, 6)]), at=NOW)
    late = result(me, claim._replace(attempt_id=7))
    assert turn(stage.db, me, Wish(results=[late], marked=frozenset([claim.id])), at=NOW).settled == 0
    assert stage.db.connection.execute("SELECT pid FROM running").fetchall() == [(4711,)]


def test_a_runner_left_over_from_an_earlier_run_claims_nothing(db):
    """It has not noticed yet that its run has ended, and another process has begun the next one."""
    stage = Stage(db, spec_of({"a": [], "b": []}))
    stage.begin()
    me = stage.runner()
    stage.settle(me, stage.claim(me, 2), "failed")
    assert close(db, stage.workflow_id, 1, at=NOW)
    assert stage.begin().run_id == 2
    assert stage.claim(me, 2) == []
    assert names(stage.claim(stage.runner(), 2)) == ["a", "b"]


def test_an_interrupted_job_is_ready_for_its_next_attempt(stage):
    me = stage.runner()
    (claim,) = stage.claim(me, 1)
    assert stage.settle(me, [claim], "interrupted") == 1
    assert stage.counts() == {"ready": 10}
    (again,) = stage.claim(me, 1)
    assert (again.id, again.attempt_id) == (claim.id, 2)
    assert stage.db.connection.execute("SELECT attempt_id, status FROM attempt").fetchall() == [(1, "terminated")]


def test_nothing_is_claimed_from_a_canceled_workflow(stage):
    with stage.db.write("test"):
        from torc_local.store import workflows  # noqa: PLC0415

        workflows.set_canceled(stage.db, stage.workflow_id, canceled=True)
    assert stage.claim(stage.runner(), 5) == []


BIG = Resources("big", 4, 0, 1, 1, 600)
TWO = Resources("two", 2, 0, 1, 2 << 20, 60)
GPU = Resources("gpu", 1, 1, 1, 1, 60)


def test_what_does_not_fit_is_skipped_and_the_budget_is_shared_by_all_runners_of_the_node(db):
    spec = spec_of(
        {"b1": [], "b2": [], "t1": [], "g": [], "s1": []},
        resources=[BIG, TWO, GPU],
        uses={"b1": 1, "b2": 1, "t1": 2, "g": 3},
    )
    stage = Stage(db, spec, cpus=6)
    stage.begin()
    first, second = stage.runner(by_resources=True), stage.runner(by_resources=True)
    assert names(stage.claim(first, 1)) == ["b1"]
    assert names(stage.claim(second, 1)) == ["t1"], "b2 needs 4 of 2, g needs a gpu: neither is waited behind"
    assert runners.free_on_node(db, stage.node_id).cpus == 0
    assert stage.claim(second, 1, held=Held(2, 1, 0)) == []
    assert not may_claim(db, second)
    assert not stuck(db, second), "b2 and s1 will fit later"


def test_the_budget_of_a_node_is_one_for_all_workflows_and_whole_again_after_a_runners_end(db):
    gpus = [Resources("gpu", 2, 1, 1, 5, 60)]
    first, second = (Stage(db, spec_of({"g": []}, resources=gpus, uses={"g": 1}), cpus=3) for _ in range(2))
    with db.write("test"):
        db.connection.execute("UPDATE node SET num_gpus = 1")
    whole = runners.free_on_node(db, first.node_id)
    first.begin()
    second.begin()
    me, other = first.runner(by_resources=True), second.runner(by_resources=True)
    assert names(first.claim(me)) == ["g"]
    assert runners.free_on_node(db, second.node_id) == fit.minus(whole, Held(2, 5, 1))
    assert second.claim(other) == []
    assert not may_claim(db, other)
    (row,) = runners.alive(db, first.workflow_id)
    reclaim(db, row, why="died", at=NOW)
    assert runners.free_on_node(db, second.node_id) == whole
    assert names(second.claim(other)) == ["g"]
    assert first.claim(first.runner(by_resources=True)) == []


def test_only_jobs_that_fit_no_empty_node_are_stuck(db):
    stage = Stage(db, spec_of({"b": []}, resources=[BIG], uses={"b": 1}), cpus=3)
    stage.begin()
    me = stage.runner(by_resources=True)
    assert stage.claim(me, 1) == []
    assert stuck(db, me)


def test_a_job_that_spans_nodes_fits_no_single_one(db):
    wide = [Resources("wide", 1, 0, 2, 1, 60)]
    stage = Stage(db, spec_of({"w": []}, resources=wide, uses={"w": 1}))
    stage.begin()
    me = stage.runner(by_resources=True)
    assert stage.claim(me) == []
    assert stuck(db, me)
    assert names(stage.claim(stage.runner())) == ["w"], "-j counts jobs and nothing else"


shapes = st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(0, 4), st.integers(0, 2))


@settings(max_examples=40, deadline=None)
@given(st.lists(shapes, min_size=1, max_size=6), st.lists(st.integers(0, 5), min_size=1, max_size=20), st.data())
def test_claims_by_resources_never_exceed_the_node_and_take_all_that_fits(tmp_path_factory, kinds, jobs, data):
    resources = [Resources(f"r{i}", c, g, 1, m << 20, t) for i, (c, g, m, t) in enumerate(kinds)]
    uses = {f"j{i}": 1 + kind % len(kinds) for i, kind in enumerate(jobs)}
    capacity = Held(6, 4 << 20, 2)
    with opening.open_or_create(tmp_path_factory.mktemp("fit") / "torc.db") as db:
        stage = Stage(db, spec_of({name: [] for name in uses}, resources=resources, uses=uses), cpus=6)
        with db.write("test"):
            db.connection.execute("UPDATE node SET memory_bytes = ?, num_gpus = ?", capacity[1:])
        stage.begin()
        held = {stage.runner(by_resources=True): fit.NOTHING for _ in range(3)}
        for _ in range(6):
            me = data.draw(st.sampled_from(list(held)))
            done = turn(db, me, Wish(slots=2, held=held[me]), at=NOW)
            for claims, needed in done.batches:
                (kind,) = {uses[claim.name] for claim in claims}
                assert needed == fit.need(Shape(0, 0, *_asked(resources[kind - 1])))
                held[me] = fit.plus(held[me], needed)
            total = fit.NOTHING
            for one in held.values():
                total = fit.plus(total, one)
            assert all(used <= most for used, most in zip(total, capacity, strict=True))
            if not done.batches:
                free = fit.minus(capacity, total)
                ready = [str(name) for (name,) in db.connection.execute("SELECT name FROM job WHERE status = 'ready'")]
                assert not any(fit.fits(Shape(0, 0, *_asked(resources[uses[name] - 1])), free) for name in ready)


def _asked(asked):
    return asked.num_cpus, asked.memory_bytes, asked.num_gpus, asked.num_nodes
