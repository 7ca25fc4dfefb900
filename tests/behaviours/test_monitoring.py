"""What jobs used, on record after a run, against programs that use a known amount."""

import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.behaviour

MB = 1 << 20
FAST = {"enabled": True, "sample_interval": 0.1}

# Touched page by page: what was only asked for is not in memory.
HOLD = "import time, os, subprocess, sys\nx = bytearray(b'x') * ({size})\n{then}\ntime.sleep({seconds})\n"


def shell(program):
    """A program of Python as a command."""
    quoted = program.replace("'", "'\\''")
    return f"exec python3 -c '{quoted}'"


def hold(size, then="", seconds=1.5):
    return shell(HOLD.format(size=size, then=then, seconds=seconds))


def base(place):
    """What Python itself uses here: the smallest program of this kind."""
    place.write({"name": "b", "resource_monitor": FAST, "jobs": [{"name": "b", "command": hold(1)}]}, "base.yaml")
    assert place.call("run", "base.yaml", "-o", "base", "--progress", "none").code == 0
    return one(place.call("results", "-f", "json", "--db", "base/torc.db").json["items"])


def one(items):
    (item,) = items
    return item


def usage(place):
    return {item["job_name"]: item for item in place.results()}


def test_memory_of_children_and_shared_pages(place):
    """Within five percent: alone, with a child of its own memory, and forked, where pages are shared."""
    program = f'x = bytearray(b"x") * {100 * MB}; import time; time.sleep(4)'
    child = f"subprocess.Popen([sys.executable, '-c', '{program}'])"
    jobs = [
        {"name": "alone", "command": hold(200 * MB)},
        # Both hold theirs at the same time for a while, however long the child takes to begin.
        {"name": "child", "command": hold(200 * MB, child, 4)},
        {"name": "forked", "command": hold(200 * MB, "os.fork(); os.fork()")},
    ]
    place.write({"name": "w", "resource_monitor": FAST, "jobs": jobs})
    place.run()
    found, python_bytes = usage(place), base(place)["peak_memory_bytes"]
    assert found["child"]["peak_memory_source"] == "sampled", "the kernel adds up nothing"
    expected = {"alone": 200 * MB, "child": 300 * MB, "forked": 200 * MB}
    for name, size in expected.items():
        most = size + (2 if name == "child" else 1) * python_bytes
        assert 0.95 * size <= found[name]["peak_memory_bytes"] <= 1.05 * most, name


def test_processor_time_of_children(place):
    burn = "until = time.process_time() + 0.6\nwhile time.process_time() < until: pass"
    forked = f"os.fork()\n{burn}"
    jobs = [{"name": "one", "command": hold(1, burn, 0)}, {"name": "two", "command": hold(1, forked, 2.0)}]
    place.write({"name": "w", "resource_monitor": FAST, "jobs": jobs})
    place.run()
    found = usage(place)
    assert 0.6 <= found["one"]["cpu_time_seconds"] < 0.8
    # Nobody waits for the child. What /proc says of a process that lives is cut to ticks, in user and in system mode.
    cut = 2 * 2 / os.sysconf("SC_CLK_TCK")
    assert 1.2 - cut <= found["two"]["cpu_time_seconds"] < 1.5
    assert found["one"]["avg_cpu_percent"] <= 101


def test_short_jobs_are_not_measured_and_show_no_wrong_number(place):
    place.write({"name": "w", "jobs": [{"name": "a", "command": "true"}]})
    place.run()
    item = one(place.results())
    assert (item["peak_memory_bytes"], item["peak_memory_source"], item["samples"]) == (None, "unknown", 0)
    assert item["peak_memory_at_most_bytes"] < 100 * MB
    assert "  <" in place.call("results").out
    assert place.rows("SELECT count(*) FROM attempt_usage") == [(0,)]


def test_a_large_short_job_is_known_by_the_kernel(place):
    place.write({"name": "w", "jobs": [{"name": "a", "command": hold(150 * MB, seconds=0)}]})
    place.run()
    item = one(place.results())
    assert item["peak_memory_source"] == "wait4"
    assert item["peak_memory_bytes"] > 150 * MB


def test_a_time_series_goes_to_a_file_of_its_own(place):
    monitor = {"sample_interval": 0.2, "jobs": {"enabled": True, "granularity": "time_series"},
               "compute_node": {"enabled": True, "granularity": "time_series"}}  # fmt: skip
    place.write({"name": "w", "resource_monitor": monitor, "jobs": [{"name": "a", "command": "sleep 2.2"}]})
    place.run()
    path = one((place.root / "torc_output" / "resource_utilization").iterdir())
    assert path.name.startswith("resource_metrics_")
    assert path.name.endswith("_1_1.db")
    with closing(sqlite3.connect(path)) as connection:
        samples = connection.execute(
            "SELECT job_name, timestamp, cpu_percent, memory_bytes, num_processes"
            " FROM job_resource_samples JOIN job_metadata USING (job_id)"
        ).fetchall()
        nodes = connection.execute("SELECT cpu_percent, memory_bytes FROM node_resource_samples").fetchall()
    assert len(samples) >= 2, "one for each second"
    assert {(name, processes) for name, *_, processes in samples} == {("a", 1)}
    assert all(memory > 0 for _, memory in nodes)
    ((peak, samples_of_node),) = place.rows("SELECT peak_memory_bytes, samples FROM v_node_usage")
    assert peak >= max(memory for _, memory in nodes)
    assert samples_of_node >= 3


def test_a_summary_makes_no_file(place):
    place.write({"name": "w", "resource_monitor": FAST, "jobs": [{"name": "a", "command": "sleep 1"}]})
    place.run()
    assert not (place.root / "torc_output" / "resource_utilization").exists()
    assert one(place.results())["samples"] > 1


@pytest.mark.parametrize("how", ["option", "file"])
def test_measuring_can_be_switched_off(place, how):
    spec = {"name": "w", "jobs": [{"name": "a", "command": "sleep 1"}], "resource_monitor": FAST}
    if how == "file":
        spec["resource_monitor"] = {"enabled": False, "sample_interval": 0.1}
    place.write(spec)
    place.run(*(["--no-resource-monitoring"] if how == "option" else []))
    assert place.rows("SELECT count(*) FROM attempt_usage") == [(0,)]


def test_the_interval_of_the_command_line_wins(place):
    place.write({"name": "w", "jobs": [{"name": "a", "command": "sleep 2"}]})
    place.run("--sample-interval", "0.1")
    assert one(place.results())["samples"] >= 3, "not every 5 s"


def test_every_attempt_has_its_own_figures(place):
    handler = {"name": "h", "rules": [{"match_all_exit_codes": True, "max_retries": 2}]}
    job = {"name": "a", "command": "sleep 0.8; exit 3", "failure_handler": "h"}
    place.write({"name": "w", "resource_monitor": FAST, "failure_handlers": [handler], "jobs": [job]})
    place.run(code=1)
    assert [(item["attempt_id"], item["samples"] > 0) for item in place.results()] == [(1, True), (2, True)]


def test_a_monitor_that_dies_is_replaced_and_disturbs_nobody(place):
    place.write({"name": "w", "resource_monitor": FAST, "jobs": [{"name": "a", "command": "sleep 3"}]})
    with place.start("run", "w.yaml", "-j", "1", "--progress", "none") as running:
        place.wait_until(lambda: len(workers(running.pid)) == 3)  # a coordinator, a runner, a monitor
        newest = workers(running.pid)[-1]
        os.kill(newest, signal.SIGKILL)
        place.wait_until(lambda: len(now := workers(running.pid)) == 3 and now[-1] != newest)
        assert running.wait(60) == 0
    assert one(place.results())["samples"] > 1


def workers(pid):
    """Pids of the processes of a run, in the order of their start."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_recommended_requirements_can_be_pasted_and_are_enough(place):
    """Asked was a quarter of what jobs need: they are ended, and with what is recommended they complete."""
    spec = {
        "name": "w",
        "resource_monitor": FAST,
        "resource_requirements": [{"name": "r", "memory": "50m", "runtime": "1h"}],
        "jobs": [
            {"name": f"j{i}", "command": hold(200 * MB, seconds=3), "resource_requirements": "r"} for i in range(5)
        ],
    }
    place.write(spec)
    place.run("--fresh", code=1)
    found = place.call("recommend", "-f", "json").json
    (memory,) = (entry["memory_bytes"] for entry in found["recommendations"])
    assert (memory["asked"], memory["samples"] + memory["lower_bounds"]) == (50 * MB, 5)
    assert memory["lower_bounds"] > 0
    spec["resource_requirements"] = yaml.safe_load(found["yaml"])["resource_requirements"]
    place.write(spec)
    place.run("--fresh")
    assert "resource_requirements:\n  - name: r\n" in place.call("recommend", "2").out


def test_the_document_of_torc_about_utilization(place):
    requirements = [{"name": "r", "memory": "20m", "num_cpus": 1, "runtime": "1h"}]
    jobs = [{"name": "a", "command": hold(100 * MB, seconds=0), "resource_requirements": "r"}]
    place.write({"name": "w", "resource_requirements": requirements, "jobs": jobs})
    place.run("--no-limits")
    found = place.call("-f", "json", "reports", "check-resource-utilization", "1", "--include-failed").json
    assert (found["workflow_id"], found["run_id"], found["total_results"]) == (1, 1, 1)
    assert [one["resource_type"] for one in found["violations"]] == ["Memory"]
    assert found["violations"][0]["over_utilization"].startswith("+4")
    assert (found["resource_violations_count"], found["resource_violations"]) == (0, [])
    assert "1 of 1 results over what was asked for in run 1" in place.call("check-resource-utilization").out
