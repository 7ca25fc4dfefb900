"""Which limits are raised for which failures, from attempts whose answer is known."""

import pytest

from tests.support.workflows import NOW, Stage, result, spec_of
from torc_local.engine.close import close
from torc_local.engine.recovering import recover
from torc_local.engine.turn import Wish, turn
from torc_local.report import curing
from torc_local.report.curing import Rules
from torc_local.spec.model import Resources
from torc_local.store import invariants, reading

MB = 1 << 20
OOM = "oom: more than the {} of memory that it asks for (it used 130.2 MiB)"
TIMEOUT = "timeout: it ran for longer than the {} that it asks for"
NEAR = "killed by SIGKILL, near the {} of memory that it asks for: perhaps for want of memory"


def limited(db, *names, memory=100 * MB, runtime=600.0, limits=3):
    """Jobs that ask for the same."""
    asks = Resources("r", 1, 0, 1, memory, runtime, limits)
    return Stage(db, spec_of({name: [] for name in names}, resources=[asks], uses=dict.fromkeys(names, 1)))


def fail(stage, **ends):
    """One run: jobs end as they are told (code, reason, seconds, peak), the others complete."""
    stage.begin(retry_failed=False)
    me = stage.runner()
    while claims := stage.claim(me, 10):
        ended = []
        for claim in claims:
            one = result(me, claim)
            if claim.name in ends:
                code, reason, seconds, peak = ends[claim.name]
                one = one._replace(
                    status="failed", return_code=code, reason=reason, ended_at=one.started_at + seconds,
                    peak_memory_bytes=peak,
                )  # fmt: skip
            ended.append(one)
        turn(stage.db, me, Wish(results=ended), at=NOW)
        stage.unblock()
    stage.end(me)
    close(stage.db, stage.workflow_id, stage.run_id, at=NOW)


def cure(stage, rules=Rules(), *, dry_run=False):  # noqa: B008 - a value
    kept = []

    def judge(db, workflow_id):
        kept.append(curing.diagnose(db, workflow_id, rules))
        return kept[-1].judgement

    back = recover(stage.db, stage.workflow_id, judge, at=NOW, dry_run=dry_run)
    return kept[-1], back


def asked(stage):
    """Memory (MiB) and run time of the requirements."""
    found = {one.name: one for one in reading.requirements(stage.db, stage.workflow_id)}["r"]
    return found.memory_bytes / MB, found.runtime_s


def test_the_limit_becomes_the_larger_of_limit_and_use_times_the_multiplier(db):
    stage = limited(db, "a", "b", "c")
    fail(stage, a=(137, OOM.format("100 MiB"), 5, 40 * MB), b=(137, OOM.format("100 MiB"), 5, 400 * MB))
    found, back = cure(stage)
    assert asked(stage) == (768, 600), "1.5 times 400, to the next 256"
    assert back.jobs == 2
    assert [(one.failed, one.jobs, one.is_capped) for one in found.raised] == [(2, 2, False)]
    assert stage.statuses() == {"a": "ready", "b": "ready", "c": "completed"}
    assert invariants.violations(db) == []


def test_nothing_is_raised_twice_for_one_failure(db):
    stage = limited(db, "a")
    fail(stage, a=(137, OOM.format("100 MiB"), 5, 0))
    cure(stage)
    again, back = cure(stage)
    assert (asked(stage), again.groups, back.jobs) == ((160, 600), [], 0)


def test_four_times_too_little_is_enough_after_three_rounds(db):
    """Each attempt is ended as soon as it is over its limit, so that nothing but the limit is known."""
    stage = limited(db, "a")
    for expected in (160, 384, 1024):
        limit = asked(stage)[0]
        fail(stage, a=(137, OOM.format(f"{limit:g} MiB"), 5, 0))
        cure(stage)
        assert asked(stage)[0] == expected
    fail(stage, a=(152, TIMEOUT.format("10m"), 600, 0))
    cure(stage)
    assert asked(stage) == (1024, 900)


def test_what_was_raised_since_is_not_raised_again(db):
    stage = limited(db, "a")
    fail(stage, a=(137, OOM.format("100 MiB"), 5, 0))
    db.connection.execute("UPDATE resource_requirements SET memory_bytes = ? WHERE name = 'r'", (1024 * MB,))
    found, back = cure(stage)
    assert (asked(stage)[0], found.raised, back.jobs) == (1024, [], 1)


def test_a_dry_run_says_the_same_and_changes_nothing(db):
    stage = limited(db, "a")
    fail(stage, a=(137, OOM.format("100 MiB"), 5, 0))
    found, back = cure(stage, dry_run=True)
    assert (asked(stage)[0], stage.statuses()) == (100, {"a": "failed"})
    assert (cure(stage), asked(stage)[0]) == ((found, back), 160)


def test_memory_and_run_time_of_one_set_are_raised_together(db):
    stage = limited(db, "a", "b")
    fail(stage, a=(137, OOM.format("100 MiB"), 5, 0), b=(152, TIMEOUT.format("10m"), 600, 0))
    found, back = cure(stage, Rules(2.0, 3.0))
    assert (asked(stage), back.jobs, len(found.judgement.changes)) == ((224, 1800), 2, 1)


@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        ((-9, NEAR.format("100 MiB"), 5, 95 * MB), (160, 600)),  # killed by the kernel, most likely
        ((137, "exit 137", 5, 0), (160, 600)),  # a child of it
        ((137, "exit 137", 590, 0), (100, 900)),  # Torc: at the end of its run time it was that
        ((152, "exit 152", 5, 0), (100, 900)),
    ],
)
def test_what_torc_takes_for_want_of_memory_or_time(db, ended, expected):
    stage = limited(db, "a")
    fail(stage, a=ended)
    cure(stage)
    assert (asked(stage), stage.statuses()) == (expected, {"a": "ready"})


@pytest.mark.parametrize("ended", [(3, "exit 3", 5, 0), (-11, "killed by SIGSEGV", 5, 0), (127, "exit 127", 5, 0)])
def test_what_no_limit_cures_is_left_unless_it_is_asked_for(db, ended):
    stage = limited(db, "a")
    fail(stage, a=ended)
    found, back = cure(stage)
    assert (found.unknown, back.jobs, stage.statuses()) == (1, 0, {"a": "failed"})
    found, back = cure(stage, Rules(retry_unknown=True))
    assert (found.unknown, back.jobs, stage.statuses(), asked(stage)) == (1, 1, {"a": "ready"}, (100, 600))


def test_a_limit_that_the_file_does_not_state_is_not_raised(db):
    stage = limited(db, "a", limits=0)
    fail(stage, a=(-9, "killed by SIGKILL", 5, 0))
    found, back = cure(stage)
    assert (found.groups[0].why, back.jobs) == ("they state no memory that could be raised", 0)


def test_no_limit_exceeds_the_largest_node(db):
    """The stage's node has 8 GiB."""
    stage = limited(db, "a", memory=7 << 30)
    fail(stage, a=(137, OOM.format("7 GiB"), 5, 0))
    found, _ = cure(stage)
    assert (asked(stage)[0], found.raised[0].is_capped) == (8192, True)
    fail(stage, a=(137, OOM.format("8 GiB"), 5, 0))
    found, back = cure(stage)
    assert (asked(stage)[0], back.jobs, found.raised) == (8192, 0, [])
    assert "all the memory that the largest node has (8 GiB)" in found.groups[0].why


def test_a_job_canceled_behind_a_failure_runs_after_its_cure_and_one_behind_another_stays(db):
    waits = {"a": [], "b": [], "after_a": ["a"], "after_b": ["b"], "after_both": ["a", "b"]}
    asks = Resources("r", 1, 0, 1, 100 * MB, 600.0, 3)
    stage = Stage(db, spec_of(waits, resources=[asks], uses={"a": 1, "b": 1}))
    fail(stage, a=(137, OOM.format("100 MiB"), 5, 0), b=(3, "exit 3", 5, 0))
    cure(stage)
    fail(stage)
    assert stage.statuses() == {
        "a": "completed", "b": "failed", "after_a": "completed", "after_b": "canceled", "after_both": "canceled",
    }  # fmt: skip
    assert invariants.violations(db) == []
