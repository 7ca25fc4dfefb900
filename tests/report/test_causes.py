"""Jobs that did not succeed, by cause; columns of all jobs."""

import math

import pytest

from torc_local.report import causes, history


@pytest.mark.parametrize(
    ("status", "reason", "outcome", "kind", "title"),
    [
        ("failed", "oom: more than the 1g that it asks for (3 processes used 2g)", "failed", "oom", "out of memory"),
        ("terminated", "timeout: it ran for longer than the 1m that it asks for", "terminated", "timeout", "out of"),
        ("failed", "exit 3", "failed", "exit", "exit code 3"),
        ("failed", "exit 3: no convergence\nin step 7", "failed", "exit", "exit code 3"),
        ("failed", "exit 127: command not found", "failed", "exit", "exit code 127: command not found"),
        ("failed", "killed by SIGSEGV", "failed", "signal", "killed by SIGSEGV"),
        ("failed", "killed by SIGKILL, at a time when the kernel killed for want of memory", "failed", "signal",
         "killed by SIGKILL, perhaps for want of memory"),
        ("failed", "runner 3 on n1 died", "lost", "lost", "lost"),
        ("failed", "an output file is missing: a.txt", "failed", "other", "an output file is missing"),
        ("canceled", "the workflow was canceled", "canceled", "person", "canceled by a person"),
        ("canceled", None, None, "person", "canceled by a person"),
        ("pending_failed", "exit 9", "failed", "exit", "exit code 9"),
        ("failed", None, "failed", "other", "failed"),
    ],
)  # fmt: skip
def test_a_cause_is_read_from_the_record(status, reason, outcome, kind, title):
    found = causes.cause_of(status, reason, outcome=outcome)
    assert found.kind == kind
    assert found.title.startswith(title)


def test_what_something_before_it_kept_from_running_is_another_cause_than_a_person():
    assert causes.cause_of("canceled", None, blocked_by_failure=True) == causes.UPSTREAM


def test_every_cause_has_a_cure_that_names_the_workflow():
    for cause in (causes.OOM, causes.TIMEOUT, causes.LOST, causes.PERSON, causes.Cause("exit", "exit code 127")):
        assert " 7" in causes.cure(cause, "a job", command="torc-local", workflow_id=7)
    assert "'a job'" in causes.cure(causes.Cause("exit", "exit code 1"), "a job", command="torc-local", workflow_id=7)


def test_groups_of_the_small_workflow_put_what_could_not_run_last(db, workflow):
    found = history.gather(db, workflow.id)
    groups = causes.groups(found)
    assert [(group.cause.title, [found.names[job] for job in group.jobs]) for group in groups] == [
        ("exit code 3", ["bad"]),
        (causes.UPSTREAM.title, ["after_bad"]),
    ]


def test_columns_have_every_job_and_its_newest_attempt(db, workflow):
    found = history.gather(db, workflow.id)
    assert found.names == ["one_1", "one_2", "barrier", "two_1", "two_2", "bad", "after_bad"]
    assert list(found.tries) == [1, 1, 1, 1, 1, 1, 0]
    assert found.duration(0) == 1.0
    assert math.isnan(found.duration(6))
    assert found.reasons == {5: "exit 3"}
    assert found.earlier == []
