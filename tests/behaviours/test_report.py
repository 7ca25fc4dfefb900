"""Reports of real runs: what they say, where they are written, and what is refused."""

import json
import stat

import pytest

pytestmark = pytest.mark.behaviour

SOME_FAIL = {
    "name": "some fail",
    "env": {"COLOUR": "blue", "SMOKE_TOKEN": "hush"},
    "resource_requirements": [{"name": "small", "num_cpus": 1, "memory": "300m", "runtime": "PT30S"}],
    "jobs": [
        {"name": "good_{i}", "command": "sleep 0.1", "parameters": {"i": "1:6"}, "resource_requirements": "small"},
        {"name": "bad", "command": "echo working; echo $COLOUR smoke >&2; exit 3", "resource_requirements": "small"},
        {"name": "typo", "command": "no-such-program", "resource_requirements": "small"},
        {"name": "after", "command": "true", "depends_on": ["bad", "good_1"], "resource_requirements": "small"},
    ],
}


def test_a_run_leaves_a_report_and_its_exit_code_is_that_of_the_jobs(place):
    place.write(SOME_FAIL)
    place.run("--report", "out.html", code=1)
    page = place.text("out.html")
    assert page.startswith("<!DOCTYPE html>")
    assert page.endswith("</html>\n")
    assert stat.S_IMODE((place.root / "out.html").stat().st_mode) == 0o600
    for said in ("some fail finished with failures", "exit code 3", "blue smoke", "exit code 127: command not found",
                 "could not run", "COLOUR=blue"):  # fmt: skip
        assert said in page
    assert "hush" not in page
    assert sorted(path.name for path in place.root.iterdir()) == ["out.html", "torc_output", "w.yaml"]


def test_a_report_is_text_or_markdown_or_json_or_a_page(place):
    place.write(SOME_FAIL)
    place.run(code=1)
    text = place.call("report")
    assert text.err == ""
    assert text.out.splitlines()[0].startswith("some fail finished with failures in ")
    assert "  1 x exit code 3" in text.out.splitlines()
    assert "    | blue smoke" in text.out.splitlines()
    assert place.call("report", "-f", "md").out.startswith("## some fail")
    found = place.call("-f", "json", "report", "1").json
    assert (found["schema_version"], found["jobs_by_status"]["failed"]) == (1, 2)
    small = next(one for one in found["advice"] if one["name"] == "small")
    assert small["runtime_seconds"]["samples"] == 6
    assert place.call("report", "-o", "-").out.startswith("<!DOCTYPE html>")


def test_the_end_of_a_files_name_says_what_it_is_and_an_old_one_is_replaced(place):
    place.write(SOME_FAIL)
    place.run(code=1)
    (place.root / "r.json").write_text("old")
    done = place.call("report", "-o", "r.json")
    assert (done.code, done.out) == (0, "")
    assert done.err.startswith("r.json: ")
    assert json.loads(place.text("r.json"))["workflow_name"] == "some fail"
    place.call("report", "-o", "r.md")
    assert place.text("r.md").startswith("## some fail")


def test_what_is_told_by_hand_runs_the_job_again(place):
    place.write(SOME_FAIL)
    place.run(code=1)
    found = place.call("report", "-f", "json").json
    bad = next(one for one in found["failures"] if one["title"] == "exit code 3")
    line = bad["examples"][0]["reproduce"]
    assert ('SMOKE_TOKEN="$SMOKE_TOKEN"' in line, "hush" in line) == (True, False)
    program = "import subprocess, sys; done = subprocess.run(['bash', '-c', sys.argv[1]]); sys.exit(done.returncode)"
    again = place.call(line, program=program)
    assert (again.code, again.out, again.err) == (3, "working\n", "blue smoke\n")


@pytest.mark.parametrize(
    ("file", "why"),
    [
        ("nowhere/out.html", "there is no directory nowhere"),
        (".", "it is a directory"),
        ("w.yaml/x", "there is no directory w.yaml"),
    ],
)
def test_a_file_that_cannot_be_is_refused_before_anything_happens(place, file, why):
    place.write(SOME_FAIL)
    done = place.call("run", "w.yaml", "--report", file)
    assert (done.code, f"--report: cannot write {file}: {why}" in done.err) == (2, True)
    assert place.call("run", "w.yaml", "--report", "-").code == 2
    assert not place.exists()
    place.call("create", "w.yaml")
    done = place.call("report", "-o", file)
    assert (done.code, f"-o: cannot write {file}: {why}" in done.err) == (2, True)


def test_a_report_of_what_is_not_over_says_so(place):
    place.write(SOME_FAIL)
    place.call("create", "w.yaml")
    done = place.call("report", "-o", "out.html")
    assert done.code == 0
    assert "note: some fail has not started: 9 jobs; the report is of now" in done.err
    assert "Nothing has run." in place.text("out.html")


def test_attempts_and_places_by_what_jobs_ask_for(place):
    """Two processors, jobs that ask for two: one at a time, though the other ones are ready."""
    place.write(
        {
            "name": "w",
            "resource_requirements": [{"name": "both", "num_cpus": 2, "memory": "200m", "runtime": "PT30S"}],
            "failure_handlers": [{"name": "again", "rules": [{"exit_codes": [7], "max_retries": 2}]}],
            "jobs": [
                {"name": "slow_{i}", "command": "sleep 0.3", "parameters": {"i": "1:3"},
                 "resource_requirements": "both"},
                {"name": "flaky", "command": '[ "$TORC_ATTEMPT_ID" = 2 ] || exit 7', "failure_handler": "again",
                 "resource_requirements": "both"},
            ],
        }
    )  # fmt: skip
    done = place.call("run", "w.yaml", "--cpus", "2", "--progress", "none")
    assert done.code == 0, done.err
    found = place.call("report", "-f", "json").json
    time = found["place_seconds"]
    assert time["busy"] + time["nothing_ready"] + time["nothing_fitted"] + time["between_jobs"] == pytest.approx(
        time["capacity"], rel=0.01
    )
    assert time["busy"] >= 3 * 0.3 * 2
    assert found["outliers"]["most_tried"][0]["name"] == "flaky"
    assert found["outliers"]["most_tried"][0]["attempts"] == 2
    assert found["nodes"][0]["num_cpus"] == 2


def test_curves_of_a_time_series_are_in_the_page(place):
    monitor = {"enabled": True, "granularity": "time_series", "sample_interval": 0.2}
    place.write({"name": "w", "resource_monitor": monitor, "jobs": [{"name": "long", "command": "sleep 2.2"}]})
    place.run("--report", "out.html")
    assert "<svg class=curve" in place.text("out.html")
