"""recommend --apply and --write-spec: requirements that were wrong by four times, in both directions."""

import json
import sys

import pytest
import yaml

from torc_local.ground.units import parse_memory

pytestmark = pytest.mark.behaviour

MB = 1 << 20
#: On a machine with much else to do memory is sampled less often.
LONG = {"timeout": 240}
EATER = """
import os, sys, time
kept = bytearray(b"x") * (int(sys.argv[1]) << 20)
time.sleep(float(sys.argv[2]) if os.environ["TORC_RUN_ID"] == "1" else 0.6)
"""


def wrong(place, memory, uses, holds=1.2):
    """Five jobs that ask for ``memory`` and use ``uses`` MiB, for so long in the first run."""
    (place.root / "eater.py").write_text(EATER)
    spec = {
        "name": "w",
        "resource_monitor": {"enabled": True, "sample_interval": 0.1},
        "resource_requirements": [{"name": "r", "memory": memory, "runtime": "1h"}],
        "jobs": [
            {"name": f"j{i}", "command": f"{sys.executable} eater.py {uses} {holds}", "resource_requirements": "r"}
            for i in range(5)
        ],
    }
    place.write(spec)
    return spec


def memory(place):
    return place.rows("SELECT memory_bytes / 1048576 FROM resource_requirements WHERE name = 'r'")[0][0]


def ooms(place):
    return [one["run_id"] for one in place.results() if (one["reason"] or "").startswith("oom")]


def test_four_times_too_much_is_lowered_and_nothing_runs_out_of_memory(place):
    wrong(place, "480m", 100)
    place.run()
    told = place.call("recommend", "--apply", "-n")
    assert "5 jobs would ask for something else" in told.out
    assert memory(place) == 480
    told = place.call("recommend", "--apply")
    assert (told.code, memory(place) < 200) == (0, True), told.out
    assert f"r: memory 480 MiB -> {memory(place)} MiB" in told.out
    assert len(place.events("limits_changed")) == 1
    assert place.call("reset", "--all", "--yes").code == 0
    place.run()
    assert (set(place.states().values()), ooms(place), len(place.results())) == ({"completed"}, [], 10)
    assert "nothing to change" in place.call("recommend", "--apply").out


def test_four_times_too_little_is_raised_and_the_next_run_completes(place):
    wrong(place, "50m", 200, holds=200)
    place.run("-j", "5", code=1, **LONG)
    # Where a sample met all of them while they grew, five times that is enough all the same.
    options = ["--memory-multiplier", "5", "-f", "json"]
    found = place.call("workflows", "correct-resources", "1", *options).json
    assert (found["applied"], found["written"], found["dry_run"]) == (True, None, False)
    ((change,),) = ([one["memory_bytes"] for one in found["changes"]],)
    assert (change["before"], change["after"]) == (50 * MB, memory(place) * MB)
    place.run()
    assert (set(place.states().values()), set(ooms(place))) == ({"completed"}, {1})


def test_a_file_with_what_would_be_right_is_torcs_and_runs(place):
    spec = wrong(place, "480m", 100)
    spec["resource_requirements"].append({"name": "unused", "memory": "1g"})
    place.write(spec)
    place.run()
    told = place.call("recommend", "--write-spec", "right.yaml")
    assert told.code == 0, told.err
    assert memory(place) == 480, "only --apply changes what is stored"
    made = yaml.safe_load(place.text("right.yaml"))
    (r, unused) = made["resource_requirements"]
    assert int(r["memory"].removesuffix("m")) < 200
    assert r["runtime"] == "PT1M", "as Torc reads it"
    assert unused == {"name": "unused", "memory": "1g"}
    assert made["jobs"] == spec["jobs"]
    assert place.call("check", "right.yaml").code == 0
    told = place.call("recommend", "--write-spec", "right.yaml")
    assert (told.code, "right.yaml exists" in told.err) == (2, True)
    assert place.call("recommend", "--write-spec", "right.yaml", "--force", "-n").code == 0
    for words, said in (
        (["--write-spec", "right.txt"], "in which format"),
        (["--force"], "--force is for --write-spec"),
        (["-n"], "recommend alone changes nothing"),
        (["--apply", "--job-ids", "1"], "--job-ids"),
        (["--apply", "--memory-multiplier", "0.5"], "--memory-multiplier: at least 1"),
    ):
        told = place.call("recommend", *words)
        assert (told.code, said in told.err) == (2, True), told.err
    place.write({**spec, "name": "other"})
    told = place.call("recommend", "--write-spec", "new.yaml")
    assert (told.code, "w.yaml has changed since workflow 1" in told.err) == (2, True)
    (place.root / "w.yaml").unlink()
    assert "is gone" in place.call("recommend", "--write-spec", "new.yaml").err
    assert not (place.root / "new.yaml").exists()


def test_what_recover_raised_is_in_the_file_that_is_written(place):
    wrong(place, "50m", 200, holds=200)
    place.run("-j", "5", code=1, **LONG)
    assert place.call("recover").code == 0
    assert place.call("recommend", "--write-spec", "right.json").code == 0
    (entry,) = json.loads(place.text("right.json"))["resource_requirements"]
    assert parse_memory(entry["memory"]) >= memory(place) * MB > 50 * MB
    made = place.call("create", "-", "--db", "other.db", input=place.text("w.yaml"))
    assert made.code == 0, made.err
    told = place.call("recommend", "--write-spec", "x.yaml", "--db", "other.db")
    assert (told.code, "was not made from a file" in told.err) == (2, True)


def test_jobs_without_limits_are_left_without(place):
    (place.root / "eater.py").write_text("pass")
    place.write({"name": "w", "jobs": [{"name": f"j{i}", "command": "true"} for i in range(6)]})
    place.run()
    told = place.call("recommend", "--apply")
    assert (told.code, "nothing to change" in told.out) == (0, True)
    assert place.rows("SELECT num_cpus, memory_bytes, limits FROM resource_requirements") == [(1, MB, 0)]


def test_nothing_is_applied_or_written_while_somebody_works(place):
    spec = wrong(place, "480m", 10)
    place.write({**spec, "jobs": [*spec["jobs"], {"name": "long", "command": "sleep 60"}]})
    process = place.start("run", "w.yaml", "-j", "6", "--grace", "0", "--progress", "none")
    place.wait_until(lambda: list(place.states().values()).count("completed") == 5)
    told = place.call("recommend", "--apply", "--write-spec", "x.yaml")
    assert (told.code, "a run works on workflow 1 now" in told.err) == (2, True)
    assert (memory(place), (place.root / "x.yaml").exists()) == (480, False)
    process.terminate()
    process.communicate(timeout=60)
