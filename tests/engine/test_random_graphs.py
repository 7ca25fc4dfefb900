"""Random graphs, random failures, random interleavings and deaths: they always end, as a small model predicts."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.workflows import NOW, Stage, moment, result, spec_of
from torc_local.engine.close import close, finished
from torc_local.engine.reclaim import reclaim
from torc_local.engine.turn import Me, Wish, turn
from torc_local.engine.unblock import unblock
from torc_local.ground.states import ENDED
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
    """Three runners and a coordinator whose steps come in any order; runners die, everything is stopped and resumed."""

    def __init__(self, stage, graph, rnd):
        self.stage, self.rnd = stage, rnd
        self.groups, self.keep_going, self.failing = graph
        self.ran: list[tuple[int, str]] = []
        self.held: dict[Me, list[Claim]] = {}
        self.begin(retry_failed=True)

    def begin(self, *, retry_failed):
        self.stage.begin(retry_failed=retry_failed)
        self.held = {self.stage.runner(): [] for _ in range(3)}

    def done(self):
        return finished(self.stage.db, self.stage.workflow_id)

    def step(self):
        me = self.rnd.choice(list(self.held))
        claims = self.held[me]
        steps = ["claim", "settle", "interrupt", "give back", "unblock", "die", "stop all"]
        match self.rnd.choices(steps, [50, 60, 5, 10, 50, 10, 3])[0]:
            case "claim":
                claimed = self.stage.claim(me, self.rnd.randint(1, 4))
                ends = self.stage.statuses()
                for claim in claimed:
                    assert {ends[one] for group in self.groups[claim.name] for one in group} <= set(ENDED), claim
                claims += claimed
            case "settle" if claims:
                self.settle(me, claims.pop(0))
            case "interrupt" if claims:
                assert self.stage.settle(me, [claims.pop(0)], "interrupted") == 1
            case "give back" if len(claims) > 1:
                turn(self.stage.db, me, Wish(give_back=[claims.pop().id]), at=NOW)
            case "unblock":
                unblock(self.stage.db, self.stage.workflow_id, self.stage.epoch, limit=self.rnd.randint(1, 5))
            case "die":
                self.die(me)
                self.held[self.stage.runner()] = []
            case "stop all":
                self.stop()
                self.begin(retry_failed=self.rnd.random() < 0.5)
            case _:
                pass  # nothing to settle or to give back

    def settle(self, me, claim):
        marked = self.rnd.random() < 0.3
        if marked:
            turn(self.stage.db, me, Wish(marks=[Mark(claim.id, claim.attempt_id, 1, moment(), None, 0, 0)]), at=NOW)
            if self.rnd.random() < 0.1:  # dies while it runs, a first time of three
                self.die(me)
                self.held[self.stage.runner()] = []
                return
        ended = result(me, claim, "failed" if claim.name in self.failing else "completed")
        wish = Wish(results=[ended], marked=frozenset([claim.id] if marked else []))
        assert turn(self.stage.db, me, wish, at=NOW).settled == 1
        self.ran.append((me.run_id, claim.name))

    def die(self, me):
        (row,) = [row for row in runners.alive(self.stage.db, self.stage.workflow_id) if row.id == me.runner_id]
        reclaim(self.stage.db, row, why="died", at=moment())
        del self.held[me]

    def stop(self):
        for me in list(self.held):
            self.die(me)


def work_off(db, runs, rnd):
    for _ in range(4000):
        left = [run for run in runs if not run.done()]
        if not left:
            return
        rnd.choice(left).step()
        assert invariants.violations(db) == []
    raise AssertionError("it never ends")


@settings(max_examples=25, deadline=None)
@given(graphs(), graphs(), st.integers(0, 2**32))
def test_any_interleaving_ends_as_the_model_predicts_and_a_retry_completes_the_rest(
    tmp_path_factory, first, second, seed
):
    """Two workflows in one database, which must not notice each other."""
    rnd = random.Random(seed)
    with opening.open_or_create(tmp_path_factory.mktemp("graph") / "torc.db", turnstile=False) as db:
        runs = []
        for graph in (first, second):
            spec = spec_of({name: [] for name in graph[0]}, shared=graph[0], keep_going=graph[1])
            runs.append(Run(Stage(db, spec), graph, rnd))
        work_off(db, runs, rnd)
        for run in runs:
            if not lost_thrice(db, run.stage.workflow_id):
                assert run.stage.statuses() == predicted(run.groups, run.keep_going, run.failing)
            assert len(run.ran) == len(set(run.ran)), "a settled job never runs again in its run"
            run.stop()
            assert close(db, run.stage.workflow_id, run.stage.run_id, at=NOW)
        assert invariants.violations(db, at_rest=True) == []
        for run in runs:
            run.failing = set()
            run.begin(retry_failed=True)
        work_off(db, runs, rnd)
        for run in runs:
            if not lost_thrice(db, run.stage.workflow_id):
                assert set(run.stage.statuses().values()) == {"completed"}


def lost_thrice(db, workflow_id):
    """Whether a job failed because its runners died; it is rare, and the model does not know of it."""
    sql = "SELECT count(*) FROM event WHERE workflow_id = ? AND message LIKE 'its runner died%'"
    return db.connection.execute(sql, (workflow_id,)).fetchall() != [(0,)]
