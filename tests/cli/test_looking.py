"""Commands that look: text for people, one JSON document for programs."""

import pytest

from tests.report.small import SMALL, job, spec, store
from torc_local.store import opening


@pytest.fixture
def two(small):
    with opening.open_existing(small) as db:
        store(db, SMALL)
    return small


@pytest.mark.parametrize(
    "words",
    [
        ["status"], ["list"], ["jobs"], ["results"], ["job", "one_1"], ["report", "scale"], ["doctor"], ["version"],
        ["workflows", "status", "1"], ["workflows", "list"], ["jobs", "list", "1"], ["results", "list"],
        ["reports", "summary"], ["version", "--verbose"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_json_is_one_document_with_a_version_and_nothing_on_standard_error(call, small, words):
    behind = call(*words, "-f", "json")
    assert behind.code == 0
    assert behind.json["schema_version"] == 1
    assert behind.err == ""
    before = call("-f", "json", *words)
    assert before.code == 0
    assert before.json.keys() == behind.json.keys()


def test_lists_are_documents_with_items(call, small):
    assert [item["name"] for item in call("list", "-f", "json").json["items"]] == ["small"]
    assert [item["status"] for item in call("jobs", "-f", "json").json["items"]][-2:] == ["failed", "canceled"]
    assert len(call("results", "-f", "json").json["items"]) == 6
    assert call("jobs", "-f", "json", "-s", "ready").json == {"schema_version": 1, "items": []}


def test_jobs_are_chosen_by_state(call, small):
    def names(*words):
        return [item["name"] for item in call("jobs", "-f", "json", *words).json["items"]]

    assert names("--failed") == ["bad"]
    assert names("-s", "failed,canceled") == ["bad", "after_bad"]
    assert names("--status", "completed", "--limit", "2") == ["one_1", "one_2"]


def test_a_state_that_does_not_exist_is_bad_input(call, small):
    answer = call("jobs", "-s", "complete")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == "error: 'complete' is not a state of a job\n  hint: did you mean 'completed'?\n"


def test_a_cut_list_says_so_beside_the_data(call, small):
    answer = call("jobs", "-l", "1")
    assert len(answer.out.splitlines()) == 2
    assert answer.err == "the first 1 line; --limit allows more\n"


def test_one_of_several_workflows_must_be_named(call, two):
    answer = call("status")
    assert (answer.code, answer.out) == (2, "")
    assert "give one of these ids: 1 (small), 2 (small)" in answer.err
    assert call("status", "2").out.startswith("small   workflow 2, run 0   torc_output/torc.db   not started")


def test_status_has_a_line_for_each_family_and_all_of_them_in_json(call, small):
    answer = call("status")
    assert [line.split()[0] for line in answer.out.splitlines()[4:9]] == [
        "one_*",
        "barrier",
        "two_*",
        "bad",
        "after_bad",
    ]
    assert "\x1b" not in answer.out
    assert "\x1b[31m" in call("--color", "always", "status", "--all-groups").out
    found = call("status", "-f", "json").json["groups"]
    assert (found[2]["name"], found[2]["jobs_by_status"]) == ("two_*", {"completed": 2})
    assert call("--color", "red", "status").code == 2


def test_an_unknown_workflow_is_bad_input_with_the_list(call, small):
    answer = call("status", "77")
    assert answer.code == 2
    assert "there is no workflow 77" in answer.err
    assert "torc-local list shows them: 1 (small)" in answer.err


def test_a_job_that_two_workflows_have_is_asked_back(call, two):
    answer = call("job", "bad")
    assert answer.code == 2
    assert "6 (workflow 1), 13 (workflow 2)" in answer.err
    assert call("job", "bad", "-w", "2", "-f", "json").json["id"] == 13
    assert call("job", "13", "-f", "json").json["workflow_id"] == 2


def test_a_misspelt_job_is_guessed(call, small):
    answer = call("job", "barier")
    assert answer.code == 2
    assert "did you mean 'barrier'?" in answer.err


def test_the_database_is_found_by_option_variable_and_position(call, small, here, monkeypatch):
    moved = small.rename(here / "x.db")
    assert call("status").code == 4
    assert call("status", "--db", str(moved)).code == 0
    assert call("--db", str(moved), "status").code == 0
    assert call("status", "x.db").code == 0
    monkeypatch.setenv("TORC_LOCAL_DB", str(moved))
    assert call("status").code == 0


def test_suggested_commands_name_a_database_that_is_elsewhere(call, small, here):
    small.rename(here / "my jobs.db")
    assert "torc-local --db 'my jobs.db' jobs 1 --failed" in call("status", "--db", "my jobs.db").out


def test_a_missing_database_is_state_trouble(call):
    answer = call("list")
    assert (answer.code, answer.out) == (4, "")
    assert answer.err.startswith("error: there is no database at torc_output/torc.db\n  hint: ")


def test_a_foreign_file_is_not_read_as_a_database(call, here):
    (here / "x.db").write_text("no database at all, only text")
    answer = call("status", "x.db")
    assert answer.code == 4
    assert "not a torc-local database" in answer.err


def test_doctor_finds_a_broken_promise(call, small):
    with opening.open_existing(small) as db:
        db.connection.execute("UPDATE job_count SET jobs = jobs + 1 WHERE status = 'ready'")
    answer = call("doctor", "-f", "json")
    assert answer.code == 4
    assert answer.json["healthy"] is False
    bad = [finding for finding in answer.json["findings"] if finding["level"] == "bad"]
    assert "counts_match_jobs" in {finding["check"] for finding in bad}


def test_cancel_says_what_it_did(call, small):
    answer = call("cancel", "1", "-f", "json")
    assert answer.json == {"schema_version": 1, "workflow_id": 1, "is_canceled": False, "changed": False}
    with opening.open_existing(small) as db:
        store(db, SMALL)
    assert call("workflows", "cancel", "2", "-f", "json").json["changed"] is True
    assert call("cancel", "2", "-f", "json").json["changed"] is False
    assert call("status", "2", "-f", "json").json["is_canceled"] is True


def test_control_characters_do_not_reach_the_screen(call, here):
    with opening.open_or_create(here / "torc_output" / "torc.db") as db:
        store(db, spec("a\x1b[2J", [job("b\x07", command="echo \x1b[1m\r")]))
    for words in (["status"], ["list"], ["jobs"], ["job", "1"], ["report", "scale"]):
        answer = call(*words)
        assert answer.code == 0
        assert all(c.isprintable() or c == "\n" for c in answer.out), words
