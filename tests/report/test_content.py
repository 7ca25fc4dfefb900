"""What a report says, of a workflow whose figures are known."""

import json
from dataclasses import dataclass

import pytest

from tests.report.small import SMALL, Worked, job, spec, store
from torc_local.report import content, content_json, content_text, family_figures, history, method, outliers, used_files
from torc_local.report.spent import Spent
from torc_local.spec import load
from torc_local.spec.model import Job
from torc_local.store import opening, reading, usage, workflows
from torc_local.store.reading import Requirements
from torc_local.store.usage import Usage


@pytest.fixture
def found(db, workflow):
    return content.gather(db, workflow, command="torc-local")


def test_the_verdict_counts_core_hours_of_the_run(found):
    # Six jobs of a second, half a second of a processor each.
    assert (found.used_core_s, found.reserved_core_s) == (3.0, 6.0)
    facts = dict(content_text.facts(found))
    assert facts["core-hours"] == "0.000833 used of 0.00167 reserved (50%)"
    assert facts["jobs"] == "5 completed, 1 failed, 1 canceled"
    assert content_text.outcome(found) == "finished with failures"


def test_processor_time_is_what_the_kernel_added_up_or_what_was_seen_where_that_is_more(path, db, workflow):
    with opening.open_existing(path) as writer, writer.write("test"):
        usage.keep(writer, [Usage(1, 1, 1, 1, 1, 1.0, 1.0, 2.5, 1, 0, 0, 3, "tree"),
                        Usage(2, 1, 1, 1, 1, 1.0, 1.0, 0.1, 1, 0, 0, 3, "tree")])  # fmt: skip
    assert content.gather(db, workflow, command="torc-local").used_core_s == 5.0
    assert reading.core_time(db, 1, 1) == (5.0, 6.0), "as the last lines of a run say"


def test_the_critical_path_is_the_longest_chain_by_run_time(found):
    names = [found.history.names[one] for one in found.chain.jobs]
    assert names in (["one_1", "barrier", "two_1"], ["one_2", "barrier", "two_2"], ["one_1", "barrier", "two_2"],
                     ["one_2", "barrier", "two_1"])  # fmt: skip
    assert found.chain.seconds == 3.0


def test_time_of_places_is_busy_or_idle_for_a_reason(found):
    spent = found.spent
    assert spent is not None
    # One slot of a machine with two processors: jobs of a second, a quarter of a second between.
    assert (spent.busy_s, spent.wall_s, spent.capacity_s) == (6.0, 7.25, 7.25)
    assert spent.nothing_fitted_s == 0
    assert spent.busy_s + spent.nothing_ready_s + spent.between_s == pytest.approx(spent.capacity_s)
    assert spent.busy_fraction == pytest.approx(6 / 7.25)
    assert Spent(0, 0, 0, 0, 0, 0).busy_fraction is None


def test_failures_have_a_cause_an_example_a_line_to_run_and_something_to_do(found):
    first, upstream = found.failures
    assert (first.cause.title, first.jobs, upstream.jobs) == ("exit code 3", 1, 1)
    (example,) = first.examples
    assert (example.name, example.reason, example.node) == ("bad", "exit 3", "node01")
    assert example.reproduce is not None
    assert example.reproduce.endswith("bash -c 'echo oops >&2; exit 3'")
    assert first.cure.endswith("then torc-local retry bad -w 1")
    assert upstream.examples[0].reproduce is None


def test_text_ends_with_advice_and_has_no_part_twice(found):
    lines = list(content_text.text(found))
    assert lines[0].startswith("small finished with failures in ")
    heads = [line for line in lines[1:] if line.strip() and not line.startswith(" ")]
    assert heads == ["what failed", "what jobs used against what they ask for"]
    assert lines.count("  1 x exit code 3") == 1
    assert lines[-1] == "      runtime: 1m", "requirements to paste"


def test_json_has_every_part_and_is_json(found):
    document = json.loads(json.dumps(content_json.document(found), allow_nan=False))
    assert document["outcome"] == "finished with failures"
    assert document["failures"][0]["examples"][0]["job"] == 6, "an id of the database, not a place"
    assert document["critical_path"]["seconds"] == 3.0
    assert document["place_seconds"]["busy"] == 6.0
    assert [one["name"] for one in document["families"]] == ["one_*", "barrier", "two_*", "bad", "after_bad"]
    assert document["timeline"][0]["running"] == 1
    assert document["timeline"][-1]["ended"] == 6
    assert document["outliers"]["slowest"][0]["exec_time_seconds"] == 1.0
    assert "core-hours" in document["method"]


def test_families_have_spreads_of_their_newest_attempts(found):
    one = found.families[0]
    assert (one.name, one.jobs, one.total_s, one.cpu_efficiency) == ("one_*", 2, 2.0, 0.5)
    assert one.peak_bytes is not None
    assert one.peak_bytes.high == 4 << 20


def test_a_histogram_has_columns_of_one_factor():
    spread = family_figures.spread([1.0, 10.0, 100.0, 1000.0])
    assert spread is not None
    assert (spread.low, spread.median, spread.p95, spread.high) == (1, 10, 1000, 1000)
    assert [place for place, count in enumerate(spread.counts) if count] == [0, 8, 16, 23]
    assert family_figures.spread([]) is None
    same = family_figures.spread([5.0, 5.0])
    assert same is not None
    assert same.counts[0] == 2
    zeros = family_figures.spread([0.0, 0.0])
    assert zeros is not None
    assert sum(zeros.counts) == 2


def test_what_stands_out_comes_in_its_order(found):
    assert found.outliers == ([0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5], [], []), "six alike, and one that did not run"
    past = found.history
    past.ended[1], past.ended[4] = past.started[1] + 3, past.started[4] + 2
    past.peaks[5], past.peaks[2] = 9 << 20, 0
    past.tries[3], past.tries[0] = 3, 2
    asks = [Requirements(past.requirements[0], "default", 2, 0, 1, 1 << 20, 60.0, 0)]
    slowest, largest, wasteful, most_tried = outliers.gather(past, asks)
    assert slowest == [1, 4, 0, 2, 3, 5]
    assert largest == [5, 0, 1, 3, 4], "what is not known is left out"
    assert wasteful == [1, 4, 0, 2, 3, 5]
    assert most_tried == [3, 0]
    assert [outliers.unused_s(past, job, 2) for job in (0, 1, 4)] == [1.5, 5.5, 3.5]


def test_the_method_says_how_memory_is_known(found):
    assert "wait4" in dict(method.sentences(found))["peak memory"]


@dataclass
class Case:
    jobs: list[Job]
    run: bool
    says: str


@pytest.mark.parametrize(
    "case",
    [
        Case([], run=False, says="nothing has no jobs"),
        Case([job("a")], run=False, says="nothing has not started: 1 job"),
        Case([job("a")], run=True, says="nothing is incomplete after "),
    ],
    ids=lambda case: case.says,
)
def test_what_is_not_over_is_reported_as_it_is(tmp_path, case):
    with opening.open_or_create(tmp_path / "torc.db") as db:
        workflow_id = store(db, spec("nothing", case.jobs))
        if case.run:
            Worked(db, workflow_id).claim()
        workflow = workflows.get(db, workflow_id)
        assert workflow is not None
        found = content.gather(db, workflow, command="torc-local")
        assert next(content_text.text(found)).startswith(case.says)
        assert json.dumps(content_json.document(found), allow_nan=False)
        assert list(content_text.markdown(found))


def test_markdown_keeps_names_of_others_from_acting(tmp_path):
    with opening.open_or_create(tmp_path / "torc.db") as db:
        hostile = "bad`|<img src=x onerror=alert(1)>"
        made = spec("<script>*x*@you", [job(hostile, command="echo ```; exit 3")])
        workflow_id = store(db, made)
        worked = Worked(db, workflow_id)
        (claim,) = worked.claim()
        worked.claim(worked.result(claim)._replace(status="failed", return_code=3, reason="exit 3: ```\n# big"))
        workflow = workflows.get(db, workflow_id)
        assert workflow is not None
        text = "\n".join(content_text.markdown(content.gather(db, workflow, command="torc-local")))
    assert "<script>" not in text
    assert "&lt;script&gt;\\*x\\*&#64;you" in text
    assert "`` bad`|<img src=x onerror=alert(1)> ``" in text, "in a code span that its own mark does not end"
    assert "````text" in text, "in a block that its own fence does not end"


def test_a_run_of_the_small_workflow_again_counts_the_new_run_alone(path):
    with opening.open_existing(path) as db:
        Worked(db, 1, now=1_700_001_000.0, pid=2).to_the_end()
        workflow = workflows.get(db, 1)
        assert workflow is not None
        found = content.gather(db, workflow, command="torc-local")
    assert workflow.run_id == 2
    assert found.reserved_core_s == 1.0, "the job that had failed ran again"
    assert found.span is not None
    assert found.span[0] == 1_700_001_000.25
    assert [one.job for one in found.history.earlier] == [SMALL.jobs.index(SMALL.jobs[5])]
    assert found.history.tries[5] == 2


def test_files_of_jobs_are_paths_and_very_many_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(used_files, "_MOST_NAMED", 2)
    spec_file = tmp_path / "w.yaml"
    spec_file.write_text(
        "name: w\nfiles: [{name: a, path: in/a.txt}, {name: b, path: b.txt}, {name: c, path: c.txt}]\n"
        "jobs:\n- {name: one, command: 'true', output_files: [a, b, c]}\n"
        "- {name: two, command: 'true', input_files: [a]}\n"
    )
    with opening.open_or_create(tmp_path / "torc.db") as db:
        store(db, load.load(spec_file))
        found = used_files.gather(db, 1, history.gather(db, 1))
    assert found == {
        0: used_files.Files([], ["in/a.txt", "b.txt", "... and 1 more"]),
        1: used_files.Files(["in/a.txt"], []),
    }
