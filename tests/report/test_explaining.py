"""Why a job does not run: the sentence, the blocker, and the next command."""

import pytest

from tests.report.small import SMALL, Worked, job, spec, store
from tests.support.golden import WIDTHS, named
from torc_local.engine.cancel import cancel, cancel_jobs
from torc_local.report import explained, explaining
from torc_local.report.text import folded
from torc_local.store import opening, reading


def ask(db, name, *, dead=(), mtime_of=lambda _path: None):
    ((job_id, _),) = reading.jobs_named(db, name)
    return explaining.explain(db, job_id, explaining.Around("torc-local", dead, mtime_of))


def text(db, name, **given):
    return "\n".join(explained.screen(ask(db, name, **given)))


CHAIN = spec("chain", [job("a"), job("b", 0), job("c", 1), job("d", 2)], [(0,), (1,), (2,)])


@pytest.fixture
def fresh(tmp_path):
    with opening.open_or_create(tmp_path / "t.db") as db:
        yield db


def test_a_job_that_never_ran_leads_to_the_one_that_failed(db):
    assert (
        text(db, "after_bad")
        == """\
after_bad is canceled: something before it did not succeed
  waits for   bad (failed)
  stopped by  bad (failed)
  next        torc-local explain bad
              torc-local retry bad"""
    )


def test_a_failed_job_says_how_it_ended_and_what_to_do(db):
    assert (
        text(db, "bad")
        == """\
bad is failed: exit 3
  attempt  1 of run 1 on node01: return code 3 after 1.00s
  next     torc-local logs bad --stderr
           torc-local retry bad
           torc-local run 1"""
    )


def test_a_completed_job_needs_no_reason(db):
    assert text(db, "one_1") == "one_1 is completed\n  next  torc-local logs one_1"


def test_what_stands_before_a_job_is_counted_by_state_through_others(fresh):
    store(fresh, CHAIN)
    found = ask(fresh, "d")
    assert found.direct == {"blocked": 1}
    assert [(row.status, row.jobs, row.first_name) for row in found.upstream] == [
        ("blocked", 2, "b"),
        ("ready", 1, "a"),
    ]
    assert "in all     3 jobs: 2 blocked, 1 ready" in text(fresh, "d")
    assert "and nobody works on its workflow now" in text(fresh, "d")


def test_what_waits_through_a_gate_is_counted_once(fresh):
    store(fresh, spec("gated", [job("a_1"), job("a_2"), job("b_1", 0), job("b_2", 0)], [(0, 1)]))
    found = ask(fresh, "b_2")
    assert found.direct == {"ready": 2}
    assert [one.name for one in found.named] == ["a_1", "a_2"]
    assert found.why.startswith("2 of 2 jobs that it waits for have not completed")


def test_a_ready_job_says_how_many_come_before_it(fresh):
    number = store(fresh, SMALL)
    worked = Worked(fresh, number)
    assert ask(fresh, "bad").why == "it waits for its turn: 2 ready jobs come first"
    assert ask(fresh, "one_1").why == "it is next"
    worked.claim()
    claimed = next(row for row in reading.jobs(fresh, number, ["pending"], None))
    assert ask(fresh, claimed.name).why == "runner 1 on node01 has claimed it and starts it soon"
    assert "has died; the next run takes it back" in ask(fresh, claimed.name, dead={1}).why


def test_a_job_that_asks_for_too_much_is_told_so(fresh):
    huge = SMALL.resources[0]._replace(name="huge", num_cpus=64)
    number = store(fresh, SMALL._replace(resources=(huge,)))
    Worked(fresh, number)
    assert ask(fresh, "bad").why == "it asks for more than any machine at work has"
    assert "node01: too small for it (free: 2 of 2 cpu" in text(fresh, "bad")
    document = explained.document(ask(fresh, "bad"))
    assert [node["fits"] for node in document["nodes"]] == [False]


def test_a_person_who_canceled_is_told_apart_from_a_failure(fresh):
    number = store(fresh, SMALL)
    ((job_id, _),) = reading.jobs_named(fresh, "bad")
    cancel_jobs(fresh, number, [job_id], at=1_700_000_000.0, who="ann")
    assert ask(fresh, "bad").why.startswith("a person canceled it, 2023-11-1")


def test_a_canceled_workflow_is_the_reason(fresh):
    number = store(fresh, SMALL)
    cancel(fresh, number, at=1.0, who="ann")
    assert ask(fresh, "one_1").why == "its workflow was canceled"


def test_with_several_workflows_commands_name_theirs(fresh):
    Worked(fresh, store(fresh, SMALL)).to_the_end()
    store(fresh, CHAIN)
    assert ask(fresh, "after_bad").next == ["torc-local explain bad -w 1", "torc-local retry bad -w 1"]


def test_explanations_at_every_width(golden, db, fresh):
    huge = SMALL.resources[0]._replace(name="huge", num_cpus=64)
    number = store(fresh, SMALL._replace(name="too large", resources=(huge,)))
    Worked(fresh, number)
    asked = [ask(db, "bad"), ask(db, "after_bad"), ask(db, "one_1"), ask(fresh, "bad"), ask(fresh, "after_bad")]
    store(fresh, CHAIN)
    asked += [ask(fresh, "d"), ask(fresh, "a")]
    for width in WIDTHS:
        lines = [line for found in asked for line in (*explained.screen(found, width), "")]
        golden.check(named("explain", width), lines)
        commands = [one for found in asked for one in found.next]
        assert all(any(one in line for line in lines) for one in commands), "a command to copy is in one piece"


def test_sentences_are_broken_at_spaces_and_no_word_is():
    assert folded("one two three", 7) == ["one two", "three"]
    assert folded("/a/long/path and so", 6) == ["/a/long/path", "and so"]
    assert folded("模型 训练", 5) == ["模型", "训练"]
    assert folded("", 5) == [""]
