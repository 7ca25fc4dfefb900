"""Lists of jobs and results, and everything about one job."""

from torc_local.report import listing
from torc_local.report.fitting import fit
from torc_local.store import reading


def test_the_table_of_failed_jobs_says_why(db):
    rows = reading.jobs(db, 1, list(listing.UNSUCCESSFUL), None)
    assert fit(listing.job_table(rows), None).lines == [
        "ID  NAME  STATUS  ATTEMPT  REASON  COMMAND",
        " 6  bad   failed        1  exit 3  echo oops >&2; exit 3",
    ]


def test_the_table_of_completed_jobs_needs_no_reason(db):
    assert fit(listing.job_table(reading.jobs(db, 1, ["completed"], 2)), None).lines == [
        "ID  NAME   STATUS     ATTEMPT  COMMAND",
        " 1  one_1  completed        1  echo one_1",
        " 2  one_2  completed        1  echo one_2",
    ]


def test_items_of_jobs_have_the_promised_keys(db):
    (row,) = reading.jobs(db, 1, None, 1)
    assert listing.job_item(row) == {
        "id": 1,
        "name": "one_1",
        "status": "completed",
        "command": "echo one_1",
        "attempt_id": 1,
        "priority": 0,
    }


def test_items_of_results_have_the_promised_keys(db):
    row = next(row for row in reading.results(db, 1, all_runs=False) if row.job_name == "bad")
    item = listing.result_item(row)
    assert item.pop("start_time") < item.pop("completion_time")
    assert item == {
        "job_id": 6,
        "job_name": "bad",
        "run_id": 1,
        "attempt_id": 1,
        "return_code": 3,
        "status": "failed",
        "reason": "exit 3",
        "exec_time_seconds": 1.0,
        "cpu_time_seconds": 0.5,
        "peak_memory_bytes": 4 << 20,
        "peak_memory_source": "wait4",
        "peak_memory_at_most_bytes": None,
        "avg_memory_bytes": None,
        "peak_cpu_percent": None,
        "avg_cpu_percent": 50.0,
        "samples": 0,
        "runner_id": 1,
        "node": "node01",
    }


def test_a_job_shows_what_it_waits_for_and_what_waits_for_it(db):
    document = listing.job_document(db, 3)
    assert [one["name"] for one in document["waits_for"]] == ["one_1", "one_2"]
    assert [one["name"] for one in document["waited_by"]] == ["two_1", "two_2"]
    assert [one["status"] for one in document["attempts"]] == ["completed"]
    text = "\n".join(listing.job_screen(db, 3))
    assert "waits for  one_1 (completed)" in text
    assert "then come  two_2 (completed)" in text
