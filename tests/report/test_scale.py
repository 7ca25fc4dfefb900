"""The figures of the scale report on a run whose every figure is known."""

from pathlib import Path

import pytest

from tests.report.small import GATED, Worked, job, spec, store
from torc_local.ground.histogram import Histogram
from torc_local.report import scale
from torc_local.store import opening, workflows


def report(db, number):
    found = workflows.get(db, number)
    assert found is not None
    return scale.document(db, found)


def test_a_barrier_job_is_a_transition_from_the_last_end_to_the_first_start(db, workflow):
    document = scale.document(db, workflow)
    assert [
        (one["name"], one["jobs_before"], one["jobs_after"], one["seconds"]) for one in document["round_transitions"]
    ] == [("barrier", 2, 2, pytest.approx(2.75))]
    assert document["round_transition_seconds_median"] == pytest.approx(2.75)


def test_a_shared_set_is_a_transition_named_after_both_sides(tmp_path):
    with opening.open_or_create(tmp_path / "t.db") as db:
        number = store(db, GATED)
        Worked(db, number).to_the_end()
        (one,) = report(db, number)["round_transitions"]
    assert (one["name"], one["jobs_before"], one["jobs_after"]) == ("a_* -> b_*", 2, 3)
    assert one["seconds"] == pytest.approx(0.25)


def test_a_barrier_job_behind_a_shared_set_counts_the_jobs_of_the_set(tmp_path):
    # "report" waits for the same two jobs as the barrier, so that their set is shared.
    jobs = [job("a_1"), job("a_2"), job("barrier", 0), job("report", 0), job("b_1", 1), job("b_2", 1)]
    with opening.open_or_create(tmp_path / "t.db") as db:
        number = store(db, spec("w", jobs, [(0, 1), (2,)]))
        Worked(db, number).to_the_end()
        found = {one["name"]: one for one in report(db, number)["round_transitions"]}
    assert found["barrier"]["jobs_before"] == 2
    assert found["barrier"]["jobs_after"] == 2
    assert len(found) == 2


def test_a_chain_has_no_transitions(tmp_path):
    with opening.open_or_create(tmp_path / "t.db") as db:
        number = store(db, spec("w", [job("a"), job("b", 0), job("c", 1)], [(0,), (1,)]))
        Worked(db, number).to_the_end()
        document = report(db, number)
    assert document["round_transitions"] == []
    assert document["round_transition_seconds_median"] is None


def test_the_jobs_of_a_middle_layer_are_not_barriers(tmp_path):
    # Every job of layer b waits for all of a, and all of c for all of b: two transitions, not five.
    jobs = [job("a_1"), job("a_2"), *(job(f"b_{i}", 0) for i in range(3)), *(job(f"c_{i}", 1) for i in range(2))]
    with opening.open_or_create(tmp_path / "t.db") as db:
        number = store(db, spec("w", jobs, [(0, 1), (2, 3, 4)]))
        Worked(db, number).to_the_end()
        names = [one["name"] for one in report(db, number)["round_transitions"]]
    assert names == ["a_* -> b_*", "b_* -> c_*"]


def test_figures_of_runners_add_up(db, workflow):
    document = scale.document(db, workflow)
    (runner,) = document["runners"]
    assert document["jobs_ended"] == 6
    assert document["throughput_jobs_per_second"] == pytest.approx(6 / 7.25)
    assert document["total_wall_seconds"] == 7.5
    assert document["runner_idle_seconds"] == runner["idle_seconds"] == 0.75
    assert document["runner_idle_fraction"] == pytest.approx(0.1)
    assert document["jobs_per_runner"] == {"min": 6, "median": 6, "max": 6}
    assert document["lock_wait_seconds_total"] == runner["lock_wait_seconds"] == 0.25
    assert document["lock_wait_seconds_longest"] == runner["lock_wait_seconds_longest"] == 0.125
    assert document["lock_wait_seconds_p50"] == Histogram([4, 0, 0, 0, 10, 5]).quantile(0.5)
    assert document["lock_retries"] == 3
    assert document["lock_errors"] == 0
    assert document["transactions"] == [
        {
            "name": "turn",
            "count": 9,
            "seconds_total": 0.5,
            "seconds_mean": pytest.approx(0.5 / 9),
            "seconds_longest": 0.125,
        }
    ]
    assert document["wal_bytes_most"] == 1500 * 4096
    assert document["checkpoints"] == 2
    assert document["checkpoint_seconds_total"] == 0.25
    assert document["checkpoint_seconds_longest"] == 0.1875
    assert document["creation_seconds"] > 0
    assert document["database_bytes_after_creation"] > 0


def test_a_workflow_that_never_ran_has_a_report_without_figures(tmp_path):
    with opening.open_or_create(tmp_path / "t.db") as db:
        document = report(db, store(db, GATED))
    assert document["total_wall_seconds"] is None
    assert document["throughput_jobs_per_second"] is None
    assert document["jobs_per_runner"] == {"min": None, "median": None, "max": None}
    assert document["runners"] == []
    assert any("created in" in line for line in scale.screen(document))


def test_the_screen_names_transitions_and_runners(db, workflow):
    text = "\n".join(scale.screen(scale.document(db, workflow)))
    assert "barrier               2           2  2750.0 ms" in text
    assert "checkpoints      2, longest 187.5 ms; write-ahead log up to 5.9 MiB" in text
    assert "longest          turn 125.0 ms" in text
    assert "idle             0.75s of all runners together (10.0%)" in text


def test_every_field_is_explained_in_the_documents(db, workflow):
    page = (Path(__file__).parents[2] / "docs" / "report-scale.md").read_text()
    document = scale.document(db, workflow)
    fields = [
        *document,
        *document["runners"][0],
        *document["transactions"][0],
        *document["round_transitions"][0],
        *document["jobs_per_runner"],
    ]
    assert [field for field in fields if f"`{field}`" not in page] == []
