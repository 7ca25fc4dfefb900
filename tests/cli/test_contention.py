"""``run --contention`` and ``doctor --benchmark``: real runners, no job run, nothing left behind."""

import json

import pytest


@pytest.fixture
def spec(here):
    """Jobs that would leave a trace."""
    jobs = [{"name": "j{i}", "command": "touch ran_{i}", "parameters": {"i": "1:300"}}]
    (here / "w.json").write_text(json.dumps({"name": "w", "jobs": jobs}))
    return "w.json"


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_jobs_are_claimed_one_by_one_and_settled_and_none_runs(process, here, spec, journal):
    answer = process(
        "run", spec, "--contention", "-j", "4", "--batch", "1", "--journal", journal, "--progress", "none", "-f", "json"
    )
    assert answer.code == 0, answer.err
    found = answer.json
    assert found["jobs_by_status"] == {"completed": 300}
    assert found["claim_transactions"] == found["settle_transactions"] == 300
    assert found["runner_count"] == 4
    assert found["lock_errors"] == 0
    assert (found["wal_bytes_most"] > 0) is (journal == "wal")
    assert [path.name for path in here.iterdir()] == ["w.json"], "no job ran, and the scratch database is gone"


def test_batches_need_fewer_transactions(process, spec):
    answer = process("run", spec, "--contention", "-j", "2", "--progress", "none", "-f", "json")
    assert answer.code == 0, answer.err
    assert answer.json["jobs_by_status"] == {"completed": 300}
    assert answer.json["claim_transactions"] < 100


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "1", "--contention"], "takes no workflow that is stored"),
        (["run", "--contention", "--journal", "memory"], "is not one of wal, delete"),
        (["run", "w.json", "--batch", "3"], "for --contention"),
    ],
)
def test_what_makes_no_sense_is_refused(call, here, words, said):
    answer = call(*words)
    assert answer.code == 2
    assert said in answer.err
    assert list(here.iterdir()) == []


def test_a_place_that_cannot_be_written_is_named(process, here):
    place = "/proc/torc.db"
    answer = process("run", "--contention", "--db", place, "--progress", "none")
    assert answer.code == 4
    assert "cannot write to /proc" in answer.err


@pytest.mark.scale
def test_doctor_says_in_a_sentence_whether_the_file_system_is_fit(process, small):
    before = small.read_bytes()
    answer = process("doctor", "--benchmark", "-f", "json")
    assert answer.code == 0, answer.err
    (said,) = [one for one in answer.json["findings"] if one["check"] == "benchmark"]
    assert said["level"] in ("ok", "note")
    assert "16 runners together claim and settle" in said["detail"]
    assert small.read_bytes() == before
    assert [path.name for path in small.parent.iterdir() if "contention" in path.name] == []
