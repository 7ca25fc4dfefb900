"""``plot`` and ``plot-resources``: what they refuse, and what they write."""

import csv
import json

import pytest

from tests.store.test_samples import of_torc
from torc_local.store import opening, samples, workflows
from torc_local.store.samples import JobSample, NodeSample


@pytest.fixture
def measured(small):
    """The small workflow with a time series of two of its jobs."""
    place = small.parent / "resource_utilization"
    place.mkdir()
    with opening.open_read_only(small) as db:
        workflow = workflows.get(db, 1)
        assert workflow is not None
        began = int(workflow.created_at) + 1
    jobs = [
        JobSample(1 + number, began + at, 5.0, (1 + number) << 20, 1, 1, 0.5, 0, 0)
        for at in range(3)
        for number in range(2)
    ]
    nodes = [NodeSample(began + at, 5.0, 1 << 30, 2) for at in range(3)]
    file = place / "resource_metrics_my_host_1_1.db"
    samples.append(file, [(1, "one_1"), (2, "one_2")], jobs, nodes)
    samples.append(place / "resource_metrics_my_host_2_1.db", [(1, "other")], jobs, nodes)
    return file


def test_curves_of_nodes_and_jobs(call, measured):
    answer = call("plot")
    assert answer.code == 0
    assert [line.split("   ")[0] for line in answer.out.splitlines() if "samples" in line] == [
        "node my_host", "node my_host, its 2 jobs together", "one_2 (2)", "one_1 (1)"
    ]  # fmt: skip
    assert max(map(len, answer.out.splitlines())) <= 80
    assert "\x1b" not in answer.out
    assert call("plot", "1", "-l", "1").err == "the 1 jobs with the most memory, of 2; name others, or --limit 2\n"


def test_jobs_are_chosen(call, measured):
    assert len(call("plot", "one_1", "-f", "csv").out.splitlines()) == 4
    assert {item["job_name"] for item in call("plot", "one_*", "-f", "json").json["items"]} == {"one_1", "one_2"}
    nobody = call("plot", "two_1")
    assert (nobody.code, "no samples of this job" in nobody.err) == (2, True)
    assert call("plot", "nine").code == 2


def test_files_by_their_name(call, measured, here):
    assert call("plot", "-o", "x.html").err == "the curves of 2 jobs are in x.html\n"
    assert (here / "x.html").read_text().count("<svg") == 8
    call("plot", "-o", "x.csv")
    call("plot", "-o", "x.json")
    with (here / "x.csv").open() as file:
        assert len(list(csv.DictReader(file))) == len(json.loads((here / "x.json").read_text())["items"]) == 9
    again = call("plot", "-o", "x.html")
    assert (again.code, "x.html exists" in again.err) == (2, True)
    assert call("plot", "-o", "x.html", "--force").code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-o", "x.png"], "cannot tell what to write from the name x.png"),
        (["-o", "x.csv", "-f", "csv"], "the name of the file says what is written"),
        (["-o", "no/such/x.html"], "cannot write no/such/x.html"),
        (["--run-id", "4"], "there are no samples of run 4 of workflow 1"),
        (["-w", "3"], "there is no workflow 3"),
    ],
)
def test_what_cannot_be_done_is_said(call, measured, words, said):
    answer = call("plot", *words)
    assert answer.code == 2
    assert said in answer.err


def test_why_there_is_nothing_to_plot_and_what_would_change_that(call, small):
    answer = call("plot")
    assert answer.code == 2
    assert "no samples were kept of workflow 1, only peaks and averages" in answer.err
    assert "torc-local run --time-series" in answer.err


def test_a_file_that_is_damaged_is_named(call, measured):
    measured.write_bytes(b"x" * 5000)
    answer = call("plot")
    assert (answer.code, f"{measured.name} is no time series" in answer.err) == (2, True)


def test_time_series_that_are_named_as_in_torc(call, measured, here):
    of_torc(here / "torc.db")
    assert call("plot-resources", str(measured), "torc.db", "-o", ".", "-p", "all").code == 0
    assert (here / "all.html").read_text().count("<h2>") == 5
    assert call("plot-resources", str(measured), "-j", "2", "-f", "json").code == 0
    assert {one["job_id"] for one in json.loads((here / "resource_plot.json").read_text())["items"]} == {2}
    for words in ([str(measured), "-j", "9"], [str(measured), "-j", "a"], ["absent.db"]):
        assert call("plot-resources", *words).code == 2
