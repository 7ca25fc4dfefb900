"""The figures of families of jobs, added up in the database, against adding them up one by one."""

import random

import pytest

from tests.report.small import RESOURCES, Worked, job, spec, store
from torc_local.report import groups
from torc_local.report.families import family
from torc_local.report.quantiles import quantile
from torc_local.spec.model import Resources
from torc_local.store import opening, reading, usage
from torc_local.store.usage import Usage

# Families that lie among one another, ask for different things, and are older than other workflows' jobs.
NAMES = [f"{kind}_{n}" for n in range(40) for kind in ("a", "b" if n % 3 else "a_b")] + ["alone", "bad"]
ASKED = (*RESOURCES, Resources("large", 4, 0, 1, 1 << 30, 600.0))


def made():
    listed = [job(name)._replace(resources=n // 3 % 2) for n, name in enumerate(NAMES)]
    return spec("mixed", listed)._replace(resources=ASKED)


def test_the_figures_are_those_of_the_attempts(tmp_path):
    with opening.open_or_create(tmp_path / "t.db") as db:
        _compare(db)


def _compare(db):
    store(db, spec("before", [job("a_1")]))
    number = store(db, made())
    store(db, spec("after", [job("a_1"), job("a_2")]))
    Worked(db, number).to_the_end()
    sample = random.Random(7)
    tries = reading.results(db, number, all_runs=True)
    with db.write("test"):
        some = [one for one in tries if sample.random() < 0.3]
        usage.keep(
            db,
            [
                Usage(one.job_id, 1, 1, sample.randrange(1 << 30), 1, 1.0, 1.0, sample.random(), 1, 0, 0, 3, "tree")
                for one in some
            ],
        )
    tries = reading.results(db, number, all_runs=True)
    found = {one.name: one for one in groups.gather(db, number)}
    assert list(found) == ["a_*", "a_b_*", "b_*", "alone", "bad"]
    for name, one in found.items():
        of = [attempt for attempt in tries if family(attempt.job_name) == name or attempt.job_name == name]
        done = [attempt for attempt in of if attempt.status == "completed"]
        assert one.jobs == len(of)
        assert (one.completed, one.failed) == (len(done), len(of) - len(done))
        assert one.peak_memory_bytes == max(attempt.peak.bytes or 0 for attempt in of)
        assert one.samples == len(done)
        if done:
            times = sorted(attempt.ended_at - attempt.started_at for attempt in done)
            assert one.median_s == pytest.approx(quantile(times, 0.5), abs=1e-5)
            assert one.longest_s == pytest.approx(times[-1], abs=1e-5)
            assert abs(one.cpu_s - sum(attempt.total_cpu_s for attempt in done)) < 1e-6
    both = found["a_*"]
    assert {asks.name for asks in both.asks} == {"default", "large"}
    assert found["bad"].median_s is None


def test_an_attempt_whose_peak_is_not_known_may_have_had_the_largest(tmp_path):
    with opening.open_or_create(tmp_path / "t.db") as db:
        number = store(db, spec("w", [job("a_1"), job("a_2")]))
        Worked(db, number).to_the_end()
        db.connection.execute("UPDATE attempt SET peak_memory_bytes = -(30 << 20) WHERE job_id = 1")
        [one] = groups.gather(db, number)
        assert (one.peak_memory_bytes, one.peak_memory_bound_bytes) == (None, 30 << 20)
        with db.write("test"):
            usage.keep(db, [Usage(1, 1, 1, 2 << 20, 1, 1.0, 1.0, 0.1, 1, 0, 0, 3, "tree")])
        [one] = groups.gather(db, number)
        assert (one.peak_memory_bytes, one.peak_memory_bound_bytes) == (4 << 20, None)


def test_a_workflow_without_jobs_has_no_groups(db):
    assert groups.gather(db, 77) == []
