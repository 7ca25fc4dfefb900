"""Random graphs, random failures, random interleavings and deaths: they always end, as a small model predicts."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.workflows import NOW, Stage, spec_of
from torc_local.engine.close import close, finished
from torc_local.engine.reclaim import reclaim
from torc_local.engine.turn import Me, Wish, turn
from torc_local.engine.unblock import unblock
from torc_local.store import invariants, opening, runners
from torc_local.store.jobs import Claim, Mark


def predicted(groups, keep_going, failing):
    """How each job must end: canceled when something before it did not complete, unless it keeps going."""
    ends: dict[str, str] = {}
    for name, sets in groups.items():
        before = {ends[one] for group in sets for one in group}
        if before - {"completed"} and name not in keep_going:
            ends[name] = "canceled"
        else:
            ends[name] = "failed" if name in failing else "completed"
    return ends


@st.composite
def graphs(draw):
    """Jobs in an order in which they can run, each with up to two groups of earlier jobs; groups are often shared."""
    count = draw(st.integers(1, 14))
    names = [f"j{i:02d}" for i in range(count)]
    pool: list[tuple[int, ...]] = []
    groups = {}
    for number, name in enumerate(names):
        chosen = []
        for _ in range(draw(st.integers(0, 2)) if number else 0):
            usable = [group for group in pool if max(group) < number]
            if usable and draw(st.booleans()):
                chosen.append(draw(st.sampled_from(usable)))
            else:
                group = tuple(sorted(draw(st.sets(st.integers(0, number - 1), min_size=1, max_size=5))))
                pool.append(group)
                chosen.append(group)
        groups[name] = [[names[i] for i in group] for group in dict.fromkeys(chosen)]
    keep_going = draw(st.sets(st.sampled_from(names)))
    failing = draw(st.sets(st.sampled_from(names), max_size=4))
    return groups, keep_going, failing


class Run:
    """Three runners and a coordinator whose steps come in any order; runners die and are replaced."""

    def __init__(self, stage, failing, rnd):
        self.stage, self.failing, self.rnd = stage, failing, rnd
        self.held: dict[Me, list[Claim]] = {stage.runner(): [] for _ in range(3)}
        self.ran = []

    def step(self):
        me = self.rnd.choice(list(self.held))
        claims = self.held[me]
        match self.rnd.choices(["claim", "settle", "give back", "unblock", "die"], [5, 6, 1, 5, 1])[0]:
            case "claim":
                claims += self.stage.claim(me, self.rnd.randint(1, 4))
            case "settle" if claims:
                claim = claims.pop(0)
                if self.rnd.random() < 0.3:
                    mark = Mark(claim.id, claim.attempt_id, 1, NOW, None, 0, 0)
                    turn(self.stage.db, me, Wish(marks=[mark]), at=NOW)
                    settled = turn(
                        self.stage.db, me, Wish(results=[self._result(me, claim)], marked=frozenset([claim.id])), at=NOW
                    ).settled
                else:
                    settled = self.stage.settle(me, [claim], "failed" if claim.name in self.failing else "completed")
                assert settled == 1
                self.ran.append(claim.name)
            case "give back" if len(claims) > 1:
                turn(self.stage.db, me, Wish(give_back=[claims.pop().id]), at=NOW)
            case "unblock":
                unblock(self.stage.db, self.stage.workflow_id, self.stage.epoch, limit=self.rnd.randint(1, 5))
            case "die":
                self._die(me)
                self.held[self.stage.runner()] = []
            case _:
                pass  # nothing to settle or to give back

    def _result(self, me, claim):
        from tests.support.workflows import result  # noqa: PLC0415

        return result(me, claim, "failed" if claim.name in self.failing else "completed")

    def _die(self, me):
        (row,) = [row for row in runners.alive(self.stage.db, self.stage.workflow_id) if row.id == me.runner_id]
        reclaim(self.stage.db, row, why="died", at=NOW)
        del self.held[me]

    def stop(self):
        for me in list(self.held):
            self._die(me)


@settings(max_examples=60, deadline=None)
@given(graphs(), st.integers(0, 2**32))
def test_any_interleaving_ends_as_the_model_predicts_and_a_retry_completes_the_rest(tmp_path_factory, graph, seed):
    groups, keep_going, failing = graph
    spec = spec_of({name: [] for name in groups}, shared=groups, keep_going=keep_going)
    with opening.open_or_create(tmp_path_factory.mktemp("graph") / "torc.db", turnstile=False) as db:
        stage = Stage(db, spec)
        stage.begin()
        run = Run(stage, failing, random.Random(seed))
        for _ in range(3000):
            run.step()
            assert invariants.violations(db) == []
            if finished(db, stage.workflow_id):
                break
        assert stage.statuses() == predicted(groups, keep_going, failing)
        assert len(run.ran) == len(set(run.ran)), "a settled job never runs again in its run"
        run.stop()
        assert close(db, stage.workflow_id, stage.run_id, at=NOW)
        assert invariants.violations(db, at_rest=True) == []
        if not failing & set(run.ran):
            return
        stage.begin()
        again = Run(stage, set(), random.Random(seed))
        for _ in range(3000):
            again.step()
            if finished(db, stage.workflow_id):
                break
        assert set(stage.statuses().values()) == {"completed"}
        assert invariants.violations(db) == []
