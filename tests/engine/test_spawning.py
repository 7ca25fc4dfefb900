"""A running job adds jobs that wait for it: once, and only while it runs."""

import pytest

from tests.engine.test_adding import addition
from tests.support.workflows import NOW, Stage, spec_of
from torc_local.engine import spawning
from torc_local.engine.spawning import Caller, spawn, with_lineage
from torc_local.ground.errors import InputError, StateError
from torc_local.store import invariants, opening, runners, workflows

JOBS = [{"name": "x", "command": "true"}, {"name": "y", "command": "true", "depends_on": ["x"]}]


@pytest.fixture
def stage(tmp_path):
    with opening.open_or_create(tmp_path / "torc.db", turnstile=False) as db:
        stage = Stage(db, spec_of({"a": [], "b": ["a"]}))
        stage.begin()
        yield stage
        assert invariants.violations(db) == []


def call(stage, caller, jobs=JOBS, lineage="l", state=None):
    there, spec = addition(stage.db, stage.workflow_id, jobs, frozenset(job["name"] for job in jobs))
    spec = with_lineage(spec, there.known.jobs.index("a"), lineage)
    return spawn(stage.db, there, spec, caller, lineage, state, at=NOW)


def start(stage):
    """A runner that holds job a, and a as a caller."""
    me = stage.runner()
    (claim,) = stage.claim(me)
    return me, claim, Caller(claim.id, claim.attempt_id, me.run_id, me.runner_id)


def test_spawned_jobs_wait_for_the_caller_and_know_their_lineage(stage):
    me, claim, caller = start(stage)
    done = call(stage, caller, state={"best": 1})
    assert (done.names, done.generation, done.is_new) == (["x", "y"], 1, True)
    assert stage.statuses() == {"a": "pending", "b": "blocked", "x": "blocked", "y": "blocked"}
    sql = "SELECT j.name, j.origin, o.options FROM job j JOIN job_options o ON o.id = j.options_id ORDER BY j.id"
    env = '{"env": [["TORC_ORCHESTRATOR_LINEAGE_ID", "l"]]}'
    assert stage.db.connection.execute(sql).fetchall() == [("x", "spawn", env), ("y", "spawn", env)]
    assert stage.db.connection.execute("SELECT dependency_count FROM workflow").fetchall() == [(4,)]
    stage.settle(me, [claim])
    stage.unblock()
    assert stage.statuses()["x"] == "ready"
    assert stage.statuses()["y"] == "blocked"


def test_the_same_names_again_are_the_same_jobs_and_no_generation(stage):
    me, claim, caller = start(stage)
    first = call(stage, caller, state=1)
    again = call(stage, caller, state=2)
    assert again == first._replace(is_new=False)
    stage.settle(me, [claim], "interrupted")
    me = stage.runner()
    (claim,) = stage.claim(me)
    later = Caller(claim.id, claim.attempt_id, me.run_id, me.runner_id)
    assert claim.attempt_id == 2
    assert spawning.generation_of(stage.db, stage.workflow_id, "l", claim.id) == 0
    assert call(stage, later, state=3) == first._replace(is_new=False)
    assert stage.db.connection.execute("SELECT count(*), min(data) FROM user_data").fetchall() == [
        (1, '{"generation":1,"spawn_count":1,"state":1}')
    ]


def test_only_the_attempt_that_runs_may_spawn(stage):
    me, claim, caller = start(stage)
    for other, why in (
        (caller._replace(attempt_id=2), "was given up"),
        (caller._replace(runner_id=99), "was given up"),
        (caller._replace(run_id=99), "was given up"),
        (caller._replace(job_id=claim.id + 1), "job 'b' is not running"),
    ):
        with pytest.raises(StateError, match=why):
            call(stage, other)
    with pytest.raises(InputError, match="has no job 99"):
        call(stage, caller._replace(job_id=99))
    with stage.db.write("test"):
        workflows.set_canceled(stage.db, stage.workflow_id, canceled=True)
    with pytest.raises(StateError, match="was canceled"):
        call(stage, caller)
    with stage.db.write("test"):
        workflows.set_canceled(stage.db, stage.workflow_id, canceled=False)
    stage.settle(me, [claim])
    with pytest.raises(StateError, match="job 'a' is not running"):
        call(stage, caller)
    assert set(stage.statuses()) == {"a", "b"}


def test_a_recovery_script_is_no_job_that_runs(stage):
    _, claim, caller = start(stage)
    with stage.db.write("test"):
        stage.db.connection.execute("UPDATE job SET io = 8 WHERE id = ?", (claim.id,)).fetchall()
    with pytest.raises(StateError, match="is not running"):
        call(stage, caller)
    with stage.db.write("test"):
        stage.db.connection.execute("UPDATE job SET io = 0 WHERE id = ?", (claim.id,)).fetchall()


def test_what_no_node_at_work_can_run_is_refused_where_jobs_are_counted(stage):
    me, _, caller = start(stage)
    stage.db.connection.execute("UPDATE resource_requirements SET num_cpus = 5").fetchall()
    assert call(stage, caller).is_new  # with -j nobody counts
    with stage.db.write("test"):
        runners.beat(stage.db, me.runner_id, runners.Held(1, 1 << 20, 0), at=0.0)
    with pytest.raises(InputError, match="job 'z' can never run here: it asks for 5 cpus, and this node has 4"):
        call(stage, caller, [{"name": "z", "command": "true"}])
    stage.db.connection.execute("UPDATE resource_requirements SET num_cpus = 1").fetchall()


def test_lineages_are_counted_apart_however_they_are_named(stage):
    _, claim, caller = start(stage)
    names = ["l", "l__g000001", "l__g", "m*", "m?"]
    for number, lineage in enumerate(names):
        assert call(stage, caller, [{"name": f"n{number}", "command": "true"}], lineage).generation == 1
    assert call(stage, caller, [{"name": "more", "command": "true"}], "m*").generation == 2
    found = [spawning.generation(stage.db, stage.workflow_id, lineage) for lineage in [*names, "m"]]
    assert found == [1, 1, 1, 2, 1, 0]
    assert spawning.generation_of(stage.db, stage.workflow_id, "m*", claim.id) == 0


def test_a_state_that_is_too_large_adds_nothing(stage):
    _, _, caller = start(stage)
    with pytest.raises(InputError, match="the state cannot be kept: it has"):
        call(stage, caller, state="x" * (1 << 20))
    assert set(stage.statuses()) == {"a", "b"}
