"""Jobs that are added to a workflow at any moment end as if they had been there from the beginning."""

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.test_random_graphs import Run, graphs, lost_thrice, predicted, work_off
from tests.support.workflows import NOW, Stage, spec_of
from torc_local.engine.adding import Changed, add, catalogue
from torc_local.engine.close import close, finished
from torc_local.engine.unblock import unblock
from torc_local.ground.errors import InputError
from torc_local.spec.addition import check_addition
from torc_local.spec.problems import Problems
from torc_local.store import invariants, opening, runners, workflows


def addition(db, workflow_id, jobs, without=frozenset(), **more):
    """What the workflow has, and the checked jobs."""
    there = catalogue(db, workflow_id, None, without)
    problems = Problems()
    spec = check_addition({"jobs": jobs, **more}, problems, there.known)
    assert spec is not None, problems._drafts
    return there, spec


def entry(name, groups, keep_going):
    """A job as a file has it: one group by names, the others by regexes."""
    return {
        "name": name,
        "command": f"echo {name}",
        "depends_on": groups[0] if groups else [],
        "depends_on_regexes": [f"^({'|'.join(group)})$" for group in groups[1:]],
        "cancel_on_blocking_job_failure": name not in keep_going,
    }


class Growing(Run):
    """A run to which batches of jobs are added between its other steps, or after its end."""

    def __init__(self, stage, graph, rnd, batches):
        self.batches = batches
        super().__init__(stage, graph, rnd)

    def done(self):
        return not self.batches and super().done()

    def step(self):
        over = finished(self.stage.db, self.stage.workflow_id)
        if self.batches and (over or self.rnd.random() < 0.1):
            closed = over and self.rnd.random() < 0.5
            if closed:
                self.stop()
                assert close(self.stage.db, self.stage.workflow_id, self.stage.run_id, at=NOW)
            names = self.batches.pop(0)
            jobs = [entry(name, self.groups[name], self.keep_going) for name in names]
            self.rnd.shuffle(jobs)
            add(self.stage.db, *addition(self.stage.db, self.stage.workflow_id, jobs), at=NOW)
            assert invariants.violations(self.stage.db) == []
            if closed:
                self.begin(retry_failed=self.rnd.random() < 0.5)
        else:
            super().step()


@settings(max_examples=20, deadline=None)
@given(graphs(), st.integers(0, 2**32), st.lists(st.integers(1, 13), max_size=3))
def test_any_interleaving_ends_as_the_model_predicts(tmp_path_factory, graph, seed, cuts):
    rnd = random.Random(seed)
    names = list(graph[0])
    cuts = [0, *sorted({cut for cut in cuts if cut < len(names)}), len(names)]
    first, *batches = [names[a:b] for a, b in pairwise(cuts)]
    with opening.open_or_create(tmp_path_factory.mktemp("growing") / "torc.db", turnstile=False) as db:
        # A neighbour, so that ids of one workflow are not one after another.
        other = Stage(db, spec_of({"a": []}))
        groups = {name: graph[0][name] for name in first}
        spec = spec_of({name: [] for name in first}, shared=groups, keep_going=graph[1])
        run = Growing(Stage(db, spec), graph, rnd, batches)
        add(db, *addition(db, other.workflow_id, [entry("b", [["a"]], ())]), at=NOW)
        work_off(db, [run], rnd)
        if not lost_thrice(db, run.stage.workflow_id):
            assert run.stage.statuses() == predicted(run.groups, run.keep_going, run.failing)
        assert len(run.ran) == len(set(run.ran)), "a settled job never runs again in its run"
        assert sum(run.stage.counts().values()) == len(names)
        run.stop()
        close(db, run.stage.workflow_id, run.stage.run_id, at=NOW)
        assert invariants.violations(db, at_rest=True) == []
        assert other.statuses() == {"a": "ready", "b": "blocked"}


@pytest.fixture
def stage(tmp_path):
    with opening.open_or_create(tmp_path / "torc.db", turnstile=False) as db:
        stage = Stage(db, spec_of({"a": [], "b": ["a"], "c": ["a"], "d": ["a"]}))
        stage.begin()
        yield stage
        assert invariants.violations(db) == []


def test_a_new_job_and_a_new_gate_meet_the_queue_in_the_middle_of_a_fan_out(stage):
    """The queue has come past what a gate's low id would be, and not yet to a job's high one."""
    me = stage.runner()
    stage.settle(me, stage.claim(me))

    assert unblock(stage.db, stage.workflow_id, stage.epoch, limit=1).more
    both = {"depends_on": ["a", "d"]}
    jobs = [{"name": "x", "command": "true", **both}, {"name": "y", "command": "true", **both}]
    jobs.append({"name": "z", "command": "true", "depends_on": ["a"]})
    add(stage.db, *addition(stage.db, stage.workflow_id, jobs), at=NOW)
    assert invariants.violations(stage.db) == []
    assert stage.db.connection.execute("SELECT members, remaining FROM gate").fetchall() == [(2, 1)]
    assert stage.statuses() == {"a": "completed", "b": "ready"} | dict.fromkeys("cdxyz", "blocked")
    stage.unblock()
    assert stage.statuses()["z"] == "ready"
    stage.run_all()
    assert set(stage.statuses().values()) == {"completed"}


def test_an_outdated_look_changes_nothing(stage):
    looks = [addition(stage.db, stage.workflow_id, [{"name": "x", "command": "true"}]) for _ in range(2)]
    add(stage.db, *looks[0], at=NOW)
    with pytest.raises(Changed):
        add(stage.db, *looks[1], at=NOW)
    assert sum(stage.counts().values()) == 5


def test_requirements_that_come_later_keep_the_order_of_those_that_were_there(stage):
    big = {"name": "big", "num_cpus": 2, "memory": "2g"}
    jobs = [{"name": "x", "command": "true", "resource_requirements": "big"}]
    add(stage.db, *addition(stage.db, stage.workflow_id, jobs, resource_requirements=[big]), at=NOW)
    me = stage.runner()
    assert [claim.name for claim in stage.claim(me, 2)] == ["a", "x"]


def test_runners_at_work_are_not_given_handlers_that_they_would_not_follow(stage):
    stage.runner()
    handler = {"name": "h", "rules": [{"match_all_exit_codes": True}]}
    jobs = [{"name": "x", "command": "true", "failure_handler": "h"}]
    look = addition(stage.db, stage.workflow_id, jobs, failure_handlers=[handler])
    with pytest.raises(InputError, match="would not learn of failure handlers"):
        add(stage.db, *look, at=NOW)
    assert "x" not in stage.statuses()


def test_nothing_is_added_to_a_workflow_that_is_being_canceled(stage):
    me = stage.runner()
    with stage.db.write("test"):
        workflows.set_canceled(stage.db, stage.workflow_id, canceled=True)
    with pytest.raises(InputError, match="is being canceled"):
        add(stage.db, *addition(stage.db, stage.workflow_id, [{"name": "x", "command": "true"}]), at=NOW)
    with stage.db.write("test"):
        runners.end(stage.db, me.runner_id, at=NOW, reason="stopped")
    add(stage.db, *addition(stage.db, stage.workflow_id, [{"name": "x", "command": "true"}]), at=NOW)


def test_below_a_failure_new_jobs_are_canceled_through_new_gates_whatever_their_order(stage):
    stage.run_all(failing=["b"])
    jobs = [
        {"name": "tip", "command": "true", "depends_on": ["left", "c"]},
        {"name": "tip2", "command": "true", "depends_on": ["left", "c"]},
        {"name": "left", "command": "true", "depends_on": ["b"]},
        {"name": "anyway", "command": "true", "depends_on": ["tip"], "cancel_on_blocking_job_failure": False},
        {"name": "after", "command": "true", "depends_on": ["anyway", "tip2"]},
    ]
    added = add(stage.db, *addition(stage.db, stage.workflow_id, jobs), at=NOW)
    assert added.counts == {"canceled": 3, "ready": 1, "blocked": 1}
    states = stage.statuses()
    assert [states[name] for name in ("left", "tip", "tip2", "anyway", "after")] == [
        *["canceled"] * 3, "ready", "blocked"
    ]  # fmt: skip
    stage.run_all()
    assert [stage.statuses()[name] for name in ("anyway", "after")] == ["completed", "canceled"]
