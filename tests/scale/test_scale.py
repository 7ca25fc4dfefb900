"""The scale test with real processes, and what must hold on any machine: ratios, fairness, sizes, no error of the lock.

Absolute times are printed, never judged.
"""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks import limits
from benchmarks.scale_test import barrier_spec, layers_spec

pytestmark = pytest.mark.scale

SCALE_TEST = Path(__file__).parents[2] / "workflows" / "scale_test" / "workflow.yaml"


def torc(*words):
    done = subprocess.run([sys.executable, "-m", "torc_local", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def answer(*words):
    return json.loads(torc(*words, "-f", "json"))


def seconds(*words):
    began = time.perf_counter()
    torc(*words)
    return time.perf_counter() - began


def bare_spawns_per_second():
    echo = shutil.which("echo") or "/bin/echo"
    return limits.spawns_per_second([[echo, "round", "1", "job", str(i)] for i in range(6000)], 2)


def whole_run(place, spec, runners, total):
    """Run it, ask what holds on any machine, and give its throughput as a share of what spawning alone reaches."""
    database = str(place / "torc.db")
    torc("create", str(spec), "--db", database)
    assert Path(database).stat().st_size < min(15_000_000, 150 * total)
    before = bare_spawns_per_second()
    torc("run", "-j", "16", "--runners", str(runners), "--db", database, "--progress", "none")
    limit = (before + bare_spawns_per_second()) / 2
    status = answer("status", "--db", database)
    assert status["jobs_by_status"]["completed"] == status["total_jobs"] == total
    torc("doctor", "--db", database)
    report = answer("report", "scale", "--db", database)
    print({name: value for name, value in report.items() if name != "runners"}, "limit", limit)  # noqa: T201
    page = place / "report.html"
    print("report", seconds("report", "--db", database, "-o", str(page)), "s", page.stat().st_size, "bytes")  # noqa: T201
    assert page.stat().st_size < min(1_500_000, 300_000 + 12 * total)
    assert report["lock_errors"] == 0
    assert len(report["round_transitions"]) == 3
    assert all(one["seconds"] < 2 for one in report["round_transitions"])
    assert sum(runner["jobs_run"] for runner in report["runners"]) == total
    assert min(runner["jobs_run"] for runner in report["runners"]) >= total / runners / 2, (
        "the slowest gets half the mean"
    )
    assert report["claim_transactions"] < total / 5, "jobs are claimed in batches"
    return report["throughput_jobs_per_second"] / limit


@pytest.mark.parametrize("runners", [2, 16])
def test_the_scale_test_completes_fairly_and_close_to_what_spawning_alone_would_take(tmp_path, runners, small):
    spec, total = SCALE_TEST, 100_004
    if small:  # the README's main job is the whole test
        spec, total = tmp_path / "small.json", 12_004
        spec.write_text(json.dumps(barrier_spec(3000)))
    shares = []
    for one in ("first", "second", "third"):  # whoever shares the machine can only slow a run down: the best counts
        place = tmp_path / one
        place.mkdir()
        shares.append(whole_run(place, spec, runners, total))
        if shares[-1] > 0.7:
            break
    assert max(shares) > 0.7, shares


def test_sixty_four_runners_share_one_lock_without_an_error(tmp_path):
    spec, database = tmp_path / "workflow.json", str(tmp_path / "torc.db")
    spec.write_text(json.dumps(barrier_spec(2500)))
    torc("run", str(spec), "-j", "64", "--runners", "64", "--db", database, "--progress", "none")
    report = answer("report", "scale", "--db", database)
    assert report["lock_errors"] == 0
    assert len(report["runners"]) == 64
    assert min(runner["jobs_run"] for runner in report["runners"]) > 0
    assert report["lock_wait_seconds_longest"] < 5


def test_all_to_all_without_a_barrier_job_costs_what_the_barrier_costs(tmp_path):
    """25,000 x 25,000 dependencies are stored as a set; the best of three, taken in turn: noise only adds."""
    times: dict[bool, list[float]] = {}
    sizes: dict[bool, int] = {}
    for number in range(3):
        for barrier in (True, False):
            place = tmp_path / f"{number}{barrier}"
            place.mkdir()
            (place / "workflow.json").write_text(json.dumps(layers_spec(25_000, barrier=barrier)))
            took = seconds("create", str(place / "workflow.json"), "--db", str(place / "torc.db"))
            times.setdefault(barrier, []).append(took)
            sizes[barrier] = (place / "torc.db").stat().st_size
    checked = answer("check", str(tmp_path / "0False" / "workflow.json"))
    assert checked["summary"]["dependency_count"] == 625_000_000
    assert min(times[False]) < 1.3 * min(times[True])
    assert sizes[False] < 1.2 * sizes[True]
