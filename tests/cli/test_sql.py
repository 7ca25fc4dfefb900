"""Queries on the public views."""

import json

import pytest

from torc_local.ground.errors import InputError
from torc_local.store import opening, querying


def test_without_a_query_the_views_are_listed_with_their_columns(call, small):
    items = call("sql", "-f", "json").json["items"]
    columns = {item["name"]: item["columns"] for item in items}
    assert {"v_jobs", "v_results", "v_runners", "v_events", "v_workflows"} <= columns.keys()
    assert columns["v_jobs"][:3] == ["job_id", "workflow_id", "name"]
    assert call("sql").out.startswith("VIEW ")


def test_every_view_can_be_read(call, small):
    names = call("sql", "-f", "names").out.split()
    assert len(names) > 10
    for name in names:
        told = call("sql", f"SELECT * FROM {name}", "-f", "json")
        assert (told.code, told.err) == (0, "")


def test_a_query_is_answered_in_every_format(call, small):
    query = "SELECT status, count(*) AS jobs FROM v_jobs GROUP BY status ORDER BY jobs DESC, status"
    assert call("sql", query).out == "status     jobs\ncompleted     5\ncanceled      1\nfailed        1\n"
    assert call("sql", query, "-f", "csv").out.splitlines()[:2] == ["status,jobs", "completed,5"]
    assert call("sql", query, "-f", "json").json["items"][0] == {"status": "completed", "jobs": 5}
    line = call("sql", "SELECT 1 AS a, 2 AS a, NULL AS b, x'ff' AS c", "-f", "jsonl").out
    assert json.loads(line) == {"a": 1, "a_2": 2, "b": None, "c": "ff"}
    walk = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT i FROM n"
    assert call("sql", walk, "-f", "names").out == "1\n2\n3\n"


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM job", "UPDATE job SET name = 'x'", "DROP TABLE job", "INSERT INTO event VALUES (1)",
        "CREATE TEMP TABLE t (a)", "PRAGMA journal_mode = delete", "ATTACH '/tmp/other.db' AS other", "BEGIN", "VACUUM",
        "SELECT 1; DELETE FROM job",
    ],
)  # fmt: skip
def test_what_changes_something_is_refused_and_changes_nothing(call, small, query):
    told = call("sql", query)
    assert (told.code, "a query reads the views v_...: and nothing is changed" in told.err) == (2, True)
    assert len(call("jobs", "-f", "names").out.split()) == 7


def test_private_tables_are_named_as_such(call, small):
    told = call("sql", "SELECT * FROM job")
    assert (told.code, "a query reads the views v_...: table job is not one of them" in told.err) == (2, True)


@pytest.mark.parametrize("query", ["SELEKT 1", "SELECT nope FROM v_jobs", "SELECT * FROM v_nope", "SELECT"])
def test_a_mistake_is_told_in_the_words_of_sqlite(call, small, query):
    told = call("sql", query)
    assert (told.code, told.err.startswith("error: SQL: ")) == (2, True)


def test_a_query_that_never_ends_is_ended(call, small):
    endless = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    told = call("sql", endless, "--timeout", "0.1s")
    assert (told.code, "the query took longer than 0.1 s" in told.err) == (2, True)
    assert call("sql", "SELECT 1", "--timeout", "x").code == 2
    assert call("sql", " ").code == 2


def test_more_rows_than_memory_is_meant_for_are_refused(small, monkeypatch):
    monkeypatch.setattr(querying, "MOST_ROWS", 3)
    with opening.open_read_only(small) as db:
        assert len(querying.query(db, "SELECT name FROM v_jobs LIMIT 3", limit_s=9).rows) == 3
        with pytest.raises(InputError, match="more than 3 rows"):
            querying.query(db, "SELECT name FROM v_jobs", limit_s=9)
        assert db.connection.execute("SELECT count(*) FROM job").fetchall() == [(7,)]
