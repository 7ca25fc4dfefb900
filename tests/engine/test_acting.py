"""Actions are executed exactly once in a run and not before their time, whoever dies and in whatever order."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.test_random_graphs import graphs
from tests.support.workflows import NOW, Stage, moment, spec_of
from torc_local.engine import acting
from torc_local.engine.close import close, finished
from torc_local.engine.reclaim import reclaim
from torc_local.engine.turn import Fenced
from torc_local.ground.states import ENDED
from torc_local.spec.actions import OF_JOBS, TRIGGERS, Action, Nodes
from torc_local.store import actions, invariants, opening, runners
from torc_local.store.actions import Executed


def acts(trigger, *jobs, persistent=False):
    """An action that waits for jobs by their number."""
    return Action(trigger, "run_commands", jobs, ("true",), persistent=persistent)


class Crew:
    """Actors of several workers that are only rows, driven by hand."""

    def __init__(self, stage):
        self.stage, self.db = stage, stage.db
        self.watches = {}
        self.done = []  # numbers of executed actions and for whom, in order

    def join(self, worker="a"):
        with self.db.write("test"):
            runner_id = runners.insert(
                self.db, workflow_id=self.stage.workflow_id, run_id=self.stage.run_id, node_id=self.stage.node_id,
                pid=1, pid_start=1, slots=1, at=NOW, acts=True,
            )  # fmt: skip
        return acting.Me(self.stage.workflow_id, self.stage.run_id, runner_id, worker)

    def first(self, me):
        due = acting.at_start(self.db, me).due
        assert due is not None
        return due

    def later(self, me, *, at_end=False):
        over = finished(self.db, self.stage.workflow_id)
        watch = self.watches.setdefault(me.runner_id, acting.Watch())
        return acting.later(self.db, me, watch, jobs_finished=over, at_end=at_end)

    def claim(self, me, action):
        return acting.claim(self.db, me, action, at=moment(), log=None)

    def end(self, me, action, code=0):
        reason = None if code == 0 else f"failed: exit {code}"
        acting.end(self.db, me, action, Executed(code, reason, moment()))
        self.done.append((action.number, action.worker))

    def execute(self, me, action):
        assert self.claim(me, action)
        self.end(me, action)

    def die(self, me):
        (row,) = [row for row in runners.alive(self.db, self.stage.workflow_id) if row.id == me.runner_id]
        reclaim(self.db, row, why="died", at=moment())

    def numbers(self):
        return [number for number, _ in self.done]

    def states(self):
        rows = actions.listed(self.db, self.stage.workflow_id, self.stage.run_id)
        return {row.number: (row.return_code, row.runner_id) for row in rows}


@pytest.fixture
def crew(db):
    """For two jobs, b after a, with the actions that it is given."""

    def with_actions(*given, **more):
        stage = Stage(db, spec_of({"a": [], "b": ["a"]}, **more)._replace(actions=given))
        stage.begin()
        return Crew(stage)

    return with_actions


def test_an_action_is_claimed_once(crew):
    them = crew(acts("on_workflow_start"))
    first, second = them.join("a"), them.join("b")
    due = them.first(first)
    assert them.claim(first, due)
    assert not them.claim(second, due)
    assert acting.at_start(them.db, second) == (None, True), "somebody else is at it: wait"
    them.end(first, due)
    assert acting.at_start(them.db, second) == (None, False)
    assert not them.claim(second, due)


def test_what_the_workflow_asks_for_comes_before_what_workers_ask_for(crew):
    them = crew(acts("on_worker_start", persistent=True), acts("on_worker_start"), acts("on_workflow_start"))
    for worker in ("a", "b"):
        me = them.join(worker)
        while (due := acting.at_start(them.db, me).due) is not None:
            them.execute(me, due)
    assert them.done == [(3, ""), (1, "a"), (2, ""), (1, "b")]


def test_an_action_waits_for_its_last_job_and_the_workflow_for_the_action(crew):
    them = crew(acts("on_workflow_complete"), acts("on_jobs_complete", 0, 1), acts("on_jobs_ready", 1))
    me, runner = them.join(), them.stage.runner()
    assert them.later(me).due is None
    them.stage.settle(runner, them.stage.claim(runner))
    assert them.later(me).due is None, "b is not counted down yet"
    them.stage.unblock()
    due = them.later(me).due
    assert due.number == 3
    them.execute(me, due)
    assert them.later(me).due is None
    them.stage.settle(runner, them.stage.claim(runner))
    due = them.later(me).due
    assert due.number == 2
    assert them.claim(me, due)
    assert them.later(me) == (None, True), "the workflow is complete when this one has ended"
    assert not close(them.db, me.workflow_id, me.run_id, at=NOW)
    them.end(me, due, 3)
    due = them.later(me).due
    assert due.number == 1
    assert not close(them.db, me.workflow_id, me.run_id, at=NOW)
    them.execute(me, due)
    assert close(them.db, me.workflow_id, me.run_id, at=NOW)


def test_worker_actions_keep_no_run_open(crew):
    them = crew(acts("on_worker_complete", persistent=True))
    me = them.join()
    them.stage.run_all()
    assert them.later(me) == (None, False)
    assert close(them.db, me.workflow_id, me.run_id, at=NOW)
    due = them.later(me, at_end=True).due
    them.execute(me, due)
    assert them.later(me, at_end=True) == (None, False)


def test_what_waits_for_a_job_that_was_canceled_or_never_runs(crew):
    them = crew(acts("on_jobs_complete", 0, 1), acts("on_jobs_ready", 0, 1))
    me = them.join()
    them.stage.run_all(failing={"a"})
    assert them.stage.statuses() == {"a": "failed", "b": "canceled"}
    for number in (1, 2):
        due = them.later(me).due
        assert due.number == number
        them.execute(me, due)


def test_a_fenced_actor_claims_nothing_and_records_nothing(crew):
    them = crew(acts("on_workflow_start"))
    me, other = them.join("a"), them.join("b")
    due = them.first(me)
    assert them.claim(me, due)
    them.die(me)
    acting.end(them.db, me, due, Executed(0, None, moment()))
    assert them.states() == {1: (None, None)}
    with pytest.raises(Fenced):
        them.claim(me, due)
    them.execute(other, due)
    assert them.states() == {1: (0, other.runner_id)}


def test_three_deaths_are_a_failure_and_being_stopped_is_none(crew):
    them = crew(acts("on_workflow_start"))
    for _ in range(5):
        me = them.join()
        due = them.first(me)
        assert them.claim(me, due)
        acting.give_back(them.db, me, due, at=moment())
    for death in range(3):
        me = them.join()
        due = them.first(me)
        assert them.claim(me, due)
        them.die(me)
        assert them.states()[1][0] == (-128 if death == 2 else None)
    assert acting.at_start(them.db, them.join()) == (None, False)


def test_a_request_for_nodes_is_over_when_it_is_claimed(crew):
    asked = Action("on_workflow_start", "schedule_nodes", nodes=Nodes("small"))
    them = crew(asked)
    me = them.join()
    due = them.first(me)
    assert them.claim(me, due)
    assert them.states() == {1: (0, me.runner_id)}
    assert acting.commands(due) == []


def test_a_workflow_to_which_jobs_were_added_is_not_complete(crew):
    them = crew(acts("on_workflow_complete"))
    me = them.join()
    them.stage.run_all()
    due = them.later(me).due
    for change, claimed in (("+ 1", False), ("- 1", True)):
        them.db.connection.execute(f"UPDATE job_count SET jobs = jobs {change} WHERE status = 'ready'")
        assert them.claim(me, due) == claimed


def test_nothing_is_claimed_of_a_canceled_workflow(crew):
    them = crew(acts("on_workflow_start"))
    me = them.join()
    due = them.first(me)
    with them.db.write("test"):
        them.db.connection.execute("UPDATE workflow SET is_canceled = 1")
    assert not them.claim(me, due)


def test_looking_again_is_one_probe(db, monkeypatch):
    """An action over many jobs must not look at all of them whenever something ends."""
    stage = Stage(
        db, spec_of({f"j{i}": [] for i in range(300)})._replace(actions=(acts("on_jobs_complete", *range(300)),))
    )
    stage.begin()
    crew = Crew(stage)
    me, runner = crew.join(), stage.runner()
    claims = stage.claim(runner, 300)
    stage.settle(runner, claims[:250])
    assert crew.later(me).due is None
    asked = []
    original = actions.first_unmet

    def first_unmet(db, action_id, trigger, since_job=0):
        asked.append(since_job)
        return original(db, action_id, trigger, since_job)

    monkeypatch.setattr(actions, "first_unmet", first_unmet)
    assert crew.later(me).due is None
    assert asked == [claims[250].id], "it goes on where it stopped"
    stage.settle(runner, claims[250:])
    assert crew.later(me).due is not None


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_any_interleaving_executes_every_action_once_and_in_its_time(tmp_path_factory, data):
    groups, keep_going, failing = data.draw(graphs())
    some = st.sets(st.integers(0, len(groups) - 1), min_size=1).map(lambda chosen: tuple(sorted(chosen)))
    given_actions = data.draw(
        st.lists(
            st.sampled_from(TRIGGERS).flatmap(
                lambda trigger: st.builds(
                    Action, st.just(trigger), st.just("run_commands"), some if trigger in OF_JOBS else st.just(()),
                    st.just(("true",)), st.none(), st.booleans(),
                )
            ),
            max_size=5,
        )
    )  # fmt: skip
    rnd = random.Random(data.draw(st.integers(0, 2**32)))
    spec = spec_of({name: [] for name in groups}, shared=groups, keep_going=keep_going)
    with opening.open_or_create(tmp_path_factory.mktemp("acting") / "torc.db", turnstile=False) as db:
        stage = Stage(db, spec._replace(actions=tuple(given_actions)))
        stage.begin()
        crew = Crew(stage)
        workers = {name: crew.join(name) for name in ("a", "b")}
        for me in workers.values():
            while (due := acting.at_start(db, me).due) is not None:
                crew.execute(me, due)
        runner, deaths = stage.runner(), 0
        names = list(groups)
        for _ in range(3000):
            if close(db, stage.workflow_id, stage.run_id, at=NOW):
                break
            worker = rnd.choice(["a", "b"])
            me = workers[worker]
            match rnd.choice(["job", "unblock", "act", "act"]):
                case "job":
                    for claim in stage.claim(runner):
                        stage.settle(runner, [claim], "failed" if claim.name in failing else "completed")
                case "unblock":
                    stage.unblock(rnd.randint(1, 5))
                case _:
                    due = crew.later(me).due
                    if due is None:
                        continue
                    states = stage.statuses()
                    waits_for = [states[names[job]] for job in given_actions[due.number - 1].jobs]
                    if due.trigger_type == "on_jobs_complete":
                        assert set(waits_for) <= set(ENDED)
                    elif due.trigger_type == "on_jobs_ready":
                        assert "blocked" not in waits_for
                    else:
                        assert set(states.values()) <= set(ENDED)
                    assert crew.claim(me, due)
                    assert not crew.claim(workers["b" if worker == "a" else "a"], due)
                    if deaths < 2 and rnd.random() < 0.2:  # fewer than an action survives
                        deaths += 1
                        crew.die(me)
                        workers[worker] = crew.join(worker)
                    elif rnd.random() < 0.2:
                        acting.give_back(db, me, due, at=moment())
                    else:
                        crew.end(me, due)
            assert invariants.violations(db) == []
        else:
            raise AssertionError("it never ends")
        for me in workers.values():
            while (due := crew.later(me, at_end=True).due) is not None:
                crew.execute(me, due)
        expected = []
        for number, one in enumerate(given_actions, 1):
            each = one.persistent and one.trigger_type.startswith("on_worker")
            expected += [(number, "a"), (number, "b")] if each else [(number, "")]
        assert sorted(crew.done) == sorted(expected)
