"""One screen, and the same as JSON."""

from tests.report.small import SMALL, Worked, store
from tests.support.workflows import NOW, Stage, spec_of
from torc_local.engine.cancel import cancel
from torc_local.ground.states import JobStatus
from torc_local.report import status
from torc_local.report.text import local
from torc_local.store import opening, workflows


def screen(found, **given):
    options = {"dead": set(), "command": "torc-local", **given}
    return "\n".join(status.screen(found, **options)).replace(_ended(found), "ENDED")


def gather(db, number):
    workflow = workflows.get(db, number)
    assert workflow is not None
    return status.gather(db, workflow)


def _ended(found):
    return local(found.run.ended_at) if found.run is not None and found.run.ended_at else "never"


def test_a_finished_workflow_says_what_failed_and_what_to_do_next(db, workflow):
    assert (
        screen(status.gather(db, workflow))
        == """\
small   workflow 1, run 1   finished with failures in 7.50s, ENDED
  completed 5   failed 1   canceled 1

  1 x exit 3                                          bad
  1 x canceled: something before it did not succeed   after_bad
  next     torc-local jobs 1 --failed      torc-local run 1"""
    )


def test_a_stored_workflow_has_not_started(tmp_path):
    with opening.open_or_create(tmp_path / "t.db") as db:
        found = gather(db, store(db, SMALL))
        assert (
            screen(found)
            == """\
small   workflow 1, run 0   not started
  completed 0   ready 3   blocked 4
  next     torc-local run 1"""
        )
        assert status.document(found)["walltime_seconds"] is None


def test_a_working_runner_and_a_dead_one_look_different(tmp_path):
    with opening.open_or_create(tmp_path / "t.db") as db:
        number = store(db, SMALL)
        Worked(db, number).claim()
        found = gather(db, number)
        assert "running for" in screen(found)
        assert "runners  node01 1 (1 slot)" in screen(found)
        gone = screen(found, dead={found.runners[0].id})
        assert "stopped: nobody works on it" in gone
        assert "1 died" in gone


def test_json_has_every_state_and_torcs_names(db, workflow):
    document = status.document(status.gather(db, workflow))
    assert set(document["jobs_by_status"]) == set(map(str, JobStatus))
    assert document["jobs_by_status"]["completed"] == 5
    assert document["workflow_name"] == "small"
    assert document["run_id"] == 1
    assert document["total_jobs"] == 7
    assert document["is_complete"] is True
    assert document["is_canceled"] is False
    assert document["walltime_seconds"] == 7.5
    assert document["failures"][0] == {"status": "failed", "reason": "exit 3", "jobs": 1, "example": "bad"}


def test_a_canceled_workflow_is_complete_and_said_to_be_canceled(tmp_path):
    """Torc counts a canceled workflow as complete, whatever is left of it."""
    with opening.open_or_create(tmp_path / "canceled.db") as db:
        stage = Stage(db, spec_of({"a": [], "b": ["a"], "c": []}))
        stage.begin()
        cancel(db, stage.workflow_id, at=NOW, who="tester")
        gathered = gather(db, stage.workflow_id)
    document = status.document(gathered)
    assert (document["is_complete"], document["is_canceled"]) == (True, True)
    lines = status.screen(gathered, dead=set(), command="torc-local")
    assert lines[0].endswith("canceled")
    assert "torc-local run 1" in lines[-1]
