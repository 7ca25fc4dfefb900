"""How a workflow stands, as JSON."""

from torc_local.ground.states import JobStatus
from torc_local.report import groups, status


def test_json_has_every_state_and_torcs_names(db, workflow):
    document = status.document(status.gather(db, workflow), (), groups.gather(db, workflow.id))
    assert set(document["jobs_by_status"]) == set(map(str, JobStatus))
    assert document["jobs_by_status"]["completed"] == 5
    assert document["workflow_name"] == "small"
    assert document["run_id"] == 1
    assert document["total_jobs"] == 7
    assert document["is_complete"] is True
    assert document["is_canceled"] is False
    assert document["walltime_seconds"] == 7.5
    assert document["failures"][0] == {
        "status": "failed",
        "reason": "exit 3",
        "jobs": 1,
        "example": "bad",
        "last_example": "bad",
        "outcome": "failed",
    }
    assert [one["name"] for one in document["groups"]] == ["one_*", "barrier", "two_*", "bad", "after_bad"]
    assert document["groups"][0]["exec_time_seconds"] == {"median": 1.0, "p95": 1.0, "maximum": 1.0}
