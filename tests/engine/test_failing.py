"""Failed jobs are tried again, recovered, given up or left in doubt, as a small model predicts."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.test_random_graphs import graphs
from tests.support.workflows import NOW, Stage, moment, result, spec_of
from torc_local.engine.close import close, finished
from torc_local.engine.failing import RECOVERED, RECOVERY_INTERRUPTED, UNRECOVERED, Judge
from torc_local.engine.options import OptionsOf, settings_of
from torc_local.engine.reclaim import reclaim
from torc_local.engine.turn import Wish, turn
from torc_local.ground.io import RECOVERY
from torc_local.spec.handlers import Handler, Rule
from torc_local.spec.options import NONE, Options
from torc_local.spec.settings import Settings
from torc_local.store import invariants, opening, runners
from torc_local.store.jobs import Mark

HANDLERS = (
    Handler("once", (Rule(match_all_exit_codes=True, max_retries=1),)),
    Handler("twice", (Rule(match_all_exit_codes=True, max_retries=2),)),
    Handler("mended", (Rule(exit_codes=(1,), recovery_script="mend", max_retries=3),)),
    Handler("other", (Rule(exit_codes=(7,)),)),
)


def handled_spec(groups, keep_going, handlers, *, use_pending_failed):
    """A workflow whose jobs have handlers, by name."""
    spec = spec_of({name: [] for name in groups}, shared=groups, keep_going=keep_going)
    names = [None, *(handler.name for handler in HANDLERS)]
    jobs = tuple(job._replace(options=names.index(handlers.get(job.name))) for job in spec.jobs)
    said = Settings(failure_handlers=HANDLERS, use_pending_failed=use_pending_failed)
    options = (NONE, *(Options(failure_handler=name) for name in names[1:]))
    return spec._replace(jobs=jobs, settings=said, options=options)


def judging(stage):
    """A runner that judges what failed."""
    said = settings_of(stage.db, stage.workflow_id)
    return stage.runner()._replace(judge=Judge(said, OptionsOf(stage.db)))


def predicted(groups, keep_going, handlers, fails, broken, *, use_pending_failed):
    """How each job must end, and after how many attempts that failed."""
    ends: dict[str, str] = {}
    failures: dict[str, int] = {}
    for name, sets in groups.items():
        before = {ends[one] for group in sets for one in group}
        failures[name] = 0
        if before & {"blocked", "pending_failed"}:
            ends[name] = "blocked"
        elif before - {"completed"} and name not in keep_going:
            ends[name] = "canceled"
        else:
            most = {"once": 1, "twice": 2, "mended": 1 if name in broken else 3}.get(handlers.get(name))
            failures[name] = min(fails.get(name, 0), most or 1)
            if fails.get(name, 0) == 0 or (most and fails[name] < most):
                ends[name] = "completed"
            else:
                ends[name] = "pending_failed" if most is None and use_pending_failed else "failed"
    return ends, failures


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_whatever_fails_and_dies_it_ends_as_the_model_predicts(tmp_path_factory, data):
    groups, keep_going, _ = data.draw(graphs())
    names = sorted(groups)
    kinds = st.sampled_from([None, *(handler.name for handler in HANDLERS)])
    handlers = {name: kind for name in names if (kind := data.draw(kinds)) is not None}
    fails = data.draw(st.dictionaries(st.sampled_from(names), st.integers(1, 4), max_size=5))
    broken = data.draw(st.sets(st.sampled_from(names), max_size=3))
    pending = data.draw(st.booleans())
    rnd = random.Random(data.draw(st.integers(0, 2**32)))
    with opening.open_or_create(tmp_path_factory.mktemp("graph") / "torc.db", turnstile=False) as db:
        stage = Stage(db, handled_spec(groups, keep_going, handlers, use_pending_failed=pending))
        stage.begin()
        me = judging(stage)
        failed = dict.fromkeys(names, 0)
        deaths = 0
        for _ in range(2000):
            if finished(db, stage.workflow_id):
                break
            for claim in stage.claim(me, rnd.randint(1, 3)):
                marked = rnd.random() < 0.3
                if marked:
                    turn(db, me, Wish(marks=[Mark(claim.id, claim.attempt_id, 1, moment(), None, 0, 0)]), at=NOW)
                if deaths < 2 and rnd.random() < 0.05:  # fewer than a job survives
                    deaths += 1
                    (row,) = [row for row in runners.alive(db, stage.workflow_id) if row.id == me.runner_id]
                    reclaim(db, row, why="died", at=moment())
                    me = judging(stage)
                    break
                if claim.io & RECOVERY:
                    kind = UNRECOVERED if claim.name in broken else RECOVERED
                    kind = RECOVERY_INTERRUPTED if rnd.random() < 0.1 else kind
                    ended = result(me, claim, "failed")._replace(status=kind)
                else:
                    failing = failed[claim.name] < fails.get(claim.name, 0)
                    failed[claim.name] += failing
                    ended = result(me, claim, "failed" if failing else "completed")
                wish = Wish(results=[ended], marked=frozenset([claim.id] if marked else []))
                assert turn(db, me, wish, at=NOW).settled == 1
                assert invariants.violations(db) == []
            stage.unblock(rnd.randint(1, 5))
        ends, failures = predicted(groups, keep_going, handlers, fails, broken, use_pending_failed=pending)
        assert stage.statuses() == ends
        assert failed == failures
        stage.end(me)
        assert close(db, stage.workflow_id, stage.run_id, at=NOW)
        assert invariants.violations(db, at_rest=True) == []


@pytest.mark.parametrize(
    ("rules", "code", "chosen"),
    [
        ([Rule(match_all_exit_codes=True), Rule(exit_codes=(3,))], 3, 1),
        ([Rule(exit_codes=(3,)), Rule(match_all_exit_codes=True)], 4, 1),
        ([Rule(exit_codes=(3,)), Rule(exit_codes=(3, 4))], 4, 1),
        ([Rule(exit_codes=(137,))], -9, 0),
        ([Rule(exit_codes=(-9,))], -9, 0),
        ([Rule(exit_codes=(-1,))], -15, 0),
        ([Rule(exit_codes=(1,))], 2, None),
    ],
)
def test_a_rule_that_names_the_code_wins_wherever_it_stands(rules, code, chosen):
    assert Handler("h", tuple(rules)).rule_for(code) == (None if chosen is None else rules[chosen])


def recovering(db, groups, keep_going=()):
    """A stage whose job j has failed and whose recovery script is due."""
    stage = Stage(db, handled_spec(groups, keep_going, {"j": "mended"}, use_pending_failed=False))
    stage.begin()
    me = judging(stage)
    while claims := stage.claim(me):
        assert stage.settle(me, claims, "failed") == 1
        stage.unblock()
        if claims[0].name == "j":
            break
    return stage, me


def test_a_script_whose_runner_died_runs_again_before_the_same_attempt(db):
    stage, me = recovering(db, {"j": []})
    (claim,) = stage.claim(me)
    assert (claim.io, claim.attempt_id) == (RECOVERY, 1)
    turn(db, me, Wish(marks=[Mark(claim.id, 1, 1, moment(), None, 0, 0)]), at=NOW)
    (row,) = runners.alive(db, stage.workflow_id)
    reclaim(db, row, why="died", at=moment())
    heir = judging(stage)
    (again,) = stage.claim(heir)
    assert (again.io, again.attempt_id) == (RECOVERY, 1)
    turn(db, heir, Wish(results=[result(heir, again)._replace(status=RECOVERED)]), at=NOW)
    (claim,) = stage.claim(heir)
    assert (claim.io, claim.attempt_id) == (0, 2)
    assert stage.settle(heir, [claim]) == 1
    stage.end(heir)


def test_a_new_run_owes_nothing_to_the_scripts_of_the_last(db):
    """Its job waits anew for what had failed before it."""
    stage, me = recovering(db, {"before": [], "j": [["before"]]}, ["j"])
    assert stage.statuses() == {"before": "failed", "j": "ready"}
    stage.end(me)
    stage.begin()
    me = judging(stage)
    assert stage.statuses() == {"before": "ready", "j": "blocked"}
    assert stage.settle(me, stage.claim(me)) == 1
    stage.unblock()
    (claim,) = stage.claim(me)
    assert (claim.name, claim.io, claim.attempt_id) == ("j", 0, 2)
    assert stage.settle(me, [claim]) == 1
    stage.end(me)
