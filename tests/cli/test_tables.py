"""Lists: chosen from, sorted, column by column, in every format."""

import csv
import json

import pytest

from torc_local.cli import answer
from torc_local.report import listing
from torc_local.report.fitting import Column, Table
from torc_local.store import opening, reading


def test_columns_that_are_promised_are_there(small):
    with opening.open_read_only(small) as db:
        results = [listing.result_item(row) for row in reading.results(db, 1, all_runs=False)]
        jobs = listing.measured_items(
            reading.jobs(db, 1, None, None), reading.results(db, 1, all_runs=False), [], at=0.0
        )
    assert {tuple(item) for item in results} == {listing.RESULT_COLUMNS}
    assert {tuple(item) for item in jobs} == {listing.MEASURED_COLUMNS}


def test_jobs_are_chosen_by_pattern_beside_a_workflow_by_its_id(call, small):
    assert call("jobs", "one_*", "bad", "-f", "names").out == "one_1\none_2\nbad\n"
    assert len(call("jobs", "1", "-f", "names").out.splitlines()) == 7
    assert call("jobs", "-w", "1", "1", "-f", "names").out == "one_1\n"
    assert call("jobs", str(small), "--regex", "^two", "-f", "names").out == "two_1\ntwo_2\n"
    assert call("results", "two_*", "-f", "names").out == "two_1\ntwo_2\n"
    assert call("results", "--return-code", "3", "-f", "names").out == "bad\n"
    assert call("jobs", "nine").code == 2


def test_the_slowest_and_the_largest_come_first(call, small):
    lines = call("jobs", "--slowest", "2").out.splitlines()
    assert lines[0].split() == ["ID", "NAME", "STATUS", "TIME", "CPU", "PEAK", "MEM", "NODE", "REASON"]
    assert len(lines) == 3
    assert len(call("jobs", "--largest", "3", "-f", "names").out.splitlines()) == 3
    assert "after_bad" not in call("jobs", "--slowest", "9", "-f", "names").out
    assert call("jobs", "--running").out.split() == lines[0].split()
    assert call("jobs", "--slowest", "1", "--largest", "1").code == 2


def test_lists_are_sorted_by_any_column_and_what_has_no_value_comes_last(call, small):
    assert call("jobs", "--sort", "name", "-f", "names", "-l", "2").out.split() == ["after_bad", "bad"]
    codes = call("jobs", "--sort", "-return_code", "--columns", "name,return_code", "-f", "csv").out.splitlines()
    assert (codes[:2], codes[-1]) == (["name,return_code", "bad,3"], "after_bad,")


@pytest.mark.parametrize("words", [["--columns", "nmae"], ["--sort", "-nmae"]])
def test_a_column_that_does_not_exist_names_those_that_do(call, small, words):
    told = call("jobs", *words)
    assert (told.code, told.out) == (2, "")
    assert "did you mean 'name'? there are: id, name, status" in told.err


def test_a_list_is_the_same_in_every_format(call, small):
    items = call("results", "-f", "json").json["items"]
    assert [json.loads(line) for line in call("results", "-f", "jsonl").out.splitlines()] == items
    rows = list(csv.DictReader(call("results", "-f", "csv").out.splitlines()))
    assert [row["job_name"] for row in rows] == [item["job_name"] for item in items]
    assert rows[-1]["reason"] == items[-1]["reason"]
    assert call("-f", "csv", "results").out == call("results", "-f", "csv").out
    for words in (["list"], ["runners"], ["files", "list"], ["actions", "list"], ["user-data", "list"]):
        for form in ("jsonl", "csv", "tsv", "names"):
            assert call("-f", form, *words).code == 0


def test_what_would_break_a_line_is_kept_in_one_field(capsys):
    item = {"name": "a", "text": "x\ty\nz,\\", "parts": [1, None], "none": None, "yes": True}
    answer.use(answer.TSV)
    answer.items([item])
    assert capsys.readouterr().out == "name\ttext\tparts\tnone\tyes\na\tx\\ty\\nz,\\\\\t[1, null]\t\ttrue\n"
    answer.use(answer.CSV)
    answer.items([item], ["text", "name"])
    assert capsys.readouterr().out == 'text,name\n"x\ty\nz,\\",a\n'
    answer.items([], ["text", "name"])
    assert capsys.readouterr().out == "text,name\n"


def test_a_command_that_is_no_list_says_so_before_it_does_anything(call, small):
    told = call("-f", "csv", "status")
    assert (told.code, told.out) == (2, "")
    assert "answers as table or json, not as csv: it is no list" in told.err
    assert call("status", "-f", "csv").code == 2


def test_on_a_terminal_no_line_is_wider_than_it(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    content = Table([Column("NAME", least=8, inside=True), Column("N", right=True, spare=1)], [["x" * 30 + "yz", "1"]])
    answer.table(content)
    assert capsys.readouterr().out == f"{'NAME':<32}  N\n{'x' * 30}yz  1\n"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    answer.table(content)
    assert capsys.readouterr().out == f"{'NAME':<17}  N\n{'x' * 8}…{'x' * 6}yz  1\n"
    monkeypatch.setenv("COLUMNS", "10")
    answer.table(content)
    assert capsys.readouterr() == ("NAME\nxxxxx…xxyz\n", "no room for: N\n")


def test_a_list_is_markdown_for_a_pull_request(call, small):
    lines = call("jobs", "--failed", "-f", "md").out.splitlines()
    assert lines == [
        "| ID | NAME | STATUS | ATTEMPT | REASON | COMMAND |",
        "| ---: | --- | --- | ---: | --- | --- |",
        "| 6 | bad | failed | 1 | exit 3 | echo oops \\>&2; exit 3 |",
    ]
    assert call("results", "bad", "--columns", "job_name,status", "-f", "md").out.splitlines()[2] == "| bad | failed |"
    assert call("sql", "SELECT 1 AS one, 'a|b' AS two", "-f", "md").out.splitlines()[0::2] == [
        "| one | two |",
        "| 1 | a\\|b |",
    ]
