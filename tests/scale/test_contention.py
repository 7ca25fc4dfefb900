"""Many processes, one lock: real runners that claim and settle as fast as they can, and what may disturb them.

README.md in this directory lists how each assertion was seen to fail.
"""

import json
import os
import subprocess
import sys
import threading
import time
from datetime import datetime

import apsw
import pytest

from tests.process.running import finished
from tests.support.waiting import wait_for
from torc_local.store import opening

pytestmark = pytest.mark.scale

MB = 1_000_000


def contend(arena, runners, *options, timeout_s=300):
    """Run what is written in the arena with so many runners; the report."""
    done = finished(arena.start(runners, "queue=yes", *options), timeout_s=timeout_s)
    assert done["code"] == 0, done
    assert done["stderr"] == "" or "error" not in done["stderr"], done["stderr"]
    report = arena.report()
    assert report["jobs_by_status"] == {"completed": report["total_jobs"]}
    assert report["lock_errors"] == 0
    assert sum(one["jobs_run"] for one in report["runners"]) == report["jobs_ended"] == report["total_jobs"]
    ((attempts, jobs, most),) = arena.query("SELECT count(*), count(DISTINCT job_id), max(attempt_id) FROM v_attempts")
    assert (attempts, jobs, most) == (report["total_jobs"], report["total_jobs"], 1)
    return report


def fairness(report):
    """The slowest runner's share of the mean, in jobs per second of its life: the last ones start later."""

    def life(one):
        return (datetime.fromisoformat(one["ended_at"]) - datetime.fromisoformat(one["started_at"])).total_seconds()

    rates = [one["jobs_run"] / life(one) for one in report["runners"]]
    return min(rates) * len(rates) / sum(rates)


@pytest.mark.parametrize("journal", ["wal", "delete"])
@pytest.mark.parametrize("runners", [16, 64])
def test_single_claims_are_exact_fair_and_one_transaction_each(arena, small, runners, journal):
    jobs = (2000 if small else 10_000) if journal == "wal" else (500 if small else 2000)
    arena.independent(jobs)
    report = contend(arena, runners, "batch=1", f"journal={journal}")
    assert report["claim_transactions"] == jobs
    # Registering, opening, beats, closing: a constant per runner besides one transaction per job.
    assert report["write_transactions"] < jobs + 20 * runners
    if not small:  # a few transactions each say nothing of it
        assert fairness(report) > 0.5
    assert report["lock_wait_seconds_p99"] < 2
    if journal == "wal":
        # Who waits at the turnstile finds the lock free; only SQLite's own short moments are left.
        assert report["lock_retries"] < report["write_transactions"] / 20
    assert report["wal_bytes_most"] < 8 * MB
    assert report["wal_bytes_most"] > 0 or journal == "delete"


@pytest.mark.parametrize("runners", [16, 64])
def test_without_the_turnstile_it_is_as_exact_and_the_log_stays_bounded(arena, small, runners):
    jobs = 3000 if small else 15_000
    arena.independent(jobs)
    report = contend(arena, runners, "batch=1", "turnstile=no")
    assert report["claim_transactions"] == jobs
    assert report["wal_bytes_most"] < 60 * MB, "without bound: over 300 MB"


def test_batched_claims_need_a_fraction_of_the_transactions(arena, small):
    jobs = 20_000 if small else 100_000
    arena.independent(jobs)
    report = contend(arena, 16)
    assert report["claim_transactions"] < jobs / 20
    assert report["wal_bytes_most"] < 20 * MB


def test_a_reader_with_an_old_snapshot_stops_nobody_and_the_log_is_cut_after_it(arena, small):
    jobs = 2000 if small else 8000
    arena.independent(jobs)
    run = arena.start(16, "queue=yes", "batch=1")
    wait_for(lambda: arena.ask("SELECT 1 FROM v_attempts LIMIT 1"))
    reader = apsw.Connection(str(arena.db_path), flags=apsw.SQLITE_OPEN_READONLY)
    reader.execute("BEGIN")
    seen = reader.execute("SELECT count(*) FROM attempt").fetchall()
    assert finished(run, timeout_s=120)["code"] == 0
    assert reader.execute("SELECT count(*) FROM attempt").fetchall() == seen, "it was one snapshot all the time"
    report = arena.report()
    assert report["jobs_by_status"] == {"completed": jobs}
    assert report["lock_errors"] == 0
    log = arena.db_path.with_name("torc.db-wal")
    # It grows with what is written, which nothing can prevent, and not by more.
    assert log.stat().st_size < report["write_transactions"] * 30 * 4096
    # SQLite's own would try at each commit; ours become rarer with each attempt in vain.
    assert report["checkpoints"] < report["write_transactions"] / 10
    assert report["checkpoint_seconds_longest"] < 2
    long = log.stat().st_size
    assert small or long > 16 * 1024 * 1024
    with opening.open_existing(arena.db_path) as db:  # the reader's connection keeps the log from being removed
        with db.write("test"):
            pass
        assert log.stat().st_size >= long, "not everything could be copied"
        reader.execute("ROLLBACK")
        time.sleep(0.6)  # the next attempt is not made at once
        for _ in range(3):
            with db.write("test"):
                pass
        assert log.stat().st_size <= 17 * 1024 * 1024
    reader.close()


def test_overlapping_readers_do_not_let_the_log_grow_without_bound(arena, small):
    """Each reads for as long as a status screen does; together there is nearly always one."""
    arena.independent(2000 if small else 8000)
    run = arena.start(16, "queue=yes", "batch=1")
    wait_for(lambda: arena.ask("SELECT 1 FROM v_attempts LIMIT 1"))
    over = threading.Event()

    def look(offset_s):
        time.sleep(offset_s)
        while not over.is_set():
            arena.query("SELECT status, count(*) FROM v_attempts GROUP BY status")
            time.sleep(0.01)

    readers = [threading.Thread(target=look, args=(0.003 * number,)) for number in range(3)]
    for reader in readers:
        reader.start()
    done = finished(run, timeout_s=120)
    over.set()
    for reader in readers:
        reader.join()
    assert done["code"] == 0
    report = arena.report()
    assert report["lock_errors"] == 0
    print(f"log of {report['wal_bytes_most'] / MB:.1f} MB, {report['checkpoints']} checkpoints")  # noqa: T201 - pytest -rP shows it
    assert report["wal_bytes_most"] < 40 * MB


@pytest.mark.parametrize("mode", [apsw.SQLITE_CHECKPOINT_PASSIVE, apsw.SQLITE_CHECKPOINT_TRUNCATE])
def test_checkpoints_by_others_in_the_middle_disturb_nothing(arena, small, mode):
    jobs = 1500 if small else 6000
    arena.independent(jobs)
    run = arena.start(16, "queue=yes", "batch=1")
    wait_for(lambda: arena.ask("SELECT 1 FROM v_attempts LIMIT 1"))
    other = apsw.Connection(str(arena.db_path))
    other.set_busy_timeout(100)
    made = 0
    while run.poll() is None:
        try:
            other.wal_checkpoint(mode=mode)
        except apsw.BusyError:
            pass
        else:
            made += 1
        time.sleep(0.02)
    other.close()
    assert finished(run)["code"] == 0
    assert made > 5
    report = arena.report()
    assert report["jobs_by_status"] == {"completed": jobs}
    assert report["lock_errors"] == 0


def test_the_coordinator_is_not_starved_by_runners(arena, small):
    """Rounds of single claims by 32 runners: each barrier is counted off while all of them want the lock."""
    size = 500 if small else 2000
    arena.rounds(4, size)
    report = contend(arena, 32, "batch=1")
    assert report["round_transition_count"] == 3
    assert report["round_transition_seconds_median"] < 2
    unblock = next(one for one in report["transactions"] if one["name"] == "unblock")
    assert unblock["seconds_longest"] < 2
    assert unblock["count"] < report["total_jobs"] / 2, "ended jobs are counted off in groups"


def test_on_a_slow_disk_batches_grow(arena, tmp_path):
    """Real processes; a rollback journal, of which each commit is synced, at 20 ms for a sync, against none at all."""
    claims = {}
    for name, options in {"fast": ("journal=wal",), "slow": ("journal=delete", "sync=0.02")}.items():
        arena.directory = tmp_path / name
        arena.directory.mkdir()
        arena.db_path, arena.spec = arena.directory / "out" / "torc.db", arena.directory / "workflow.json"
        arena.independent(2400, "sleep 0.01")
        done = finished(arena.start(8, "runners=2", *options), timeout_s=200)
        assert done["code"] == 0
        report = arena.report()
        assert report["jobs_by_status"] == {"completed": 2400}
        assert report["lock_errors"] == 0
        claims[name] = report["claim_transactions"]
    print(claims)  # noqa: T201
    assert claims["slow"] < 0.7 * claims["fast"]


def test_sixty_four_runners_in_four_groups_as_on_four_nodes(arena, small):
    """Four supervisors join one workflow: one coordinator works, the others stand by."""
    size = 1000 if small else 25_000
    arena.rounds(4, size)
    first = arena.start(16, "queue=yes", "batch=8")
    wait_for(lambda: arena.ask("SELECT 1 FROM v_runners"))
    groups = [first, *(arena.start(16, "queue=yes", "batch=8") for _ in range(3))]
    codes = [finished(group, timeout_s=300)["code"] for group in groups]
    assert codes == [0, 0, 0, 0]
    report = arena.report()
    assert report["jobs_by_status"] == {"completed": 4 * size + 4}
    assert report["lock_errors"] == 0
    assert report["jobs_ended"] == 4 * size + 4
    assert report["runner_count"] <= 64
    ((epochs,),) = arena.query("SELECT epoch FROM coordinator")
    assert epochs == 1, "nobody took the lease from a coordinator that lived"


def cost_per_job(place, count):
    """Seconds to create a job, and to claim and settle one, in a workflow of so many; bytes of its largest process."""
    place.mkdir()
    spec = place / "w.json"
    jobs = [{"name": "j{i}", "command": "true", "parameters": {"i": f"1:{count}"}}]
    spec.write_text(json.dumps({"name": "w", "jobs": jobs}))
    words = [sys.executable, "-m", "torc_local", "run", str(spec), "--contention", "-j", "2"]
    words += ["--db", str(place / "x.db"), "--progress", "none", "-f", "json"]
    with (place / "out.json").open("wb") as out:
        process = subprocess.Popen(words, stdout=out)
        _, process.returncode, usage = os.wait4(process.pid, 0)  # of it and of all that it has waited for
    assert process.returncode == 0
    report = json.loads((place / "out.json").read_bytes())
    assert report["jobs_by_status"] == {"completed": count}
    assert report["lock_errors"] == 0
    assert report["wal_bytes_most"] < 20 * MB
    return report["creation_seconds"] / count, 1 / report["throughput_jobs_per_second"], usage.ru_maxrss * 1024


def test_a_million_jobs_cost_no_more_each_than_a_hundred_thousand(tmp_path, small):
    """Creation and claims per job, and memory of all processes that touch them."""
    few, many = (20_000, 100_000) if small else (100_000, 1_000_000)
    seen = []
    for number in range(3):  # whoever shares the machine can only slow a run down: the least of up to three counts
        seen.append((cost_per_job(tmp_path / f"few{number}", few), cost_per_job(tmp_path / f"many{number}", many)))
        least = [[min(pair[size][what] for pair in seen) for what in (0, 1)] for size in (0, 1)]
        grew = max(large / little for little, large in zip(*least, strict=True))
        if grew < 1.6:
            break
    else:
        pytest.fail(f"costs per job {seen}")
    little, large = (min(pair[size][2] for pair in seen) for size in (0, 1))
    assert (large - little) / (many - few) < 600, "bytes of memory for each job more"
