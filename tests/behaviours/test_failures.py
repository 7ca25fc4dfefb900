"""What happens to the rest of a workflow when a job fails."""

import pytest

pytestmark = pytest.mark.behaviour


def test_a_diamond_below_a_failure_is_canceled_whole(place):
    """Torc 0.12 leaves the tip of the diamond blocked for ever."""
    place.write(
        {
            "name": "diamond",
            "jobs": [
                {"name": "top", "command": "exit 3"},
                {"name": "left", "command": "touch ran", "depends_on": ["top"]},
                {"name": "right", "command": "touch ran", "depends_on": ["top"]},
                {"name": "tip", "command": "touch ran", "depends_on": ["left", "right"]},
            ],
        }
    )
    place.run(code=1)
    assert place.states() == {"top": "failed", "left": "canceled", "right": "canceled", "tip": "canceled"}
    assert not (place.root / "ran").exists()


def job(name, command, *before, **more):
    """A job that waits for those named."""
    return {"name": name, "command": command, "depends_on": list(before), **more}


RUNS_ANYWAY = {"cancel_on_blocking_job_failure": False}


def test_a_cancel_waits_until_everything_before_has_ended(place):
    """While a slow job before it still runs, it stays blocked (Torc defers the cancel)."""
    slow = "while ! test -e go; do sleep 0.02; done"
    place.write(
        {"name": "w", "jobs": [job("bad", "exit 3"), job("slow", slow), job("last", "touch ran", "bad", "slow")]}
    )
    process = place.start("run", "w.yaml", "-j", "2", "--progress", "none")
    place.wait_until(lambda: place.exists() and place.states().get("bad") == "failed")
    assert place.states()["last"] == "blocked"
    (place.root / "go").touch()
    assert process.wait(60) == 1
    process.communicate()
    assert place.states() == {"bad": "failed", "slow": "completed", "last": "canceled"}
    assert not (place.root / "ran").exists()


def test_a_job_with_the_flag_off_runs_after_a_failure(place):
    place.write({"name": "w", "jobs": [job("bad", "exit 3"), job("next", "touch ran", "bad", **RUNS_ANYWAY)]})
    place.run(code=1)
    assert place.states() == {"bad": "failed", "next": "completed"}
    assert (place.root / "ran").exists()


def test_the_flag_of_each_job_decides_along_a_chain(place):
    """A job with the flag off runs below a canceled one, and what follows it runs because it completed."""
    jobs = [job("bad", "exit 3"), job("b", "true", "bad"), job("c", "true", "b", **RUNS_ANYWAY), job("d", "true", "c")]
    place.write({"name": "w", "jobs": jobs})
    place.run(code=1)
    assert place.states() == {"bad": "failed", "b": "canceled", "c": "completed", "d": "completed"}


def test_a_slow_sibling_of_a_canceled_job_does_not_release_what_waits_for_both(place):
    """In Torc 0.12 it does: the canceled one has no result, and the other succeeded."""
    jobs = [
        job("bad", "exit 3"),
        job("b", "true", "bad"),
        job("slow", "sleep 0.7"),
        job("tip", "touch ran", "b", "slow"),
    ]
    place.write({"name": "w", "jobs": jobs})
    place.run(code=1)
    assert place.states() == {"bad": "failed", "b": "canceled", "slow": "completed", "tip": "canceled"}
    assert not (place.root / "ran").exists()


def test_a_long_chain_below_a_failure_is_canceled_to_its_end(place):
    """Torc stops at a depth of 100."""
    jobs = [job("j0", "exit 3"), *(job(f"j{i}", "true", f"j{i - 1}") for i in range(1, 151))]
    place.write({"name": "w", "jobs": jobs})
    place.run(code=1)
    assert place.states() == {"j0": "failed", **{f"j{i}": "canceled" for i in range(1, 151)}}


def test_independent_jobs_go_on_after_a_failure(place):
    place.write({"name": "w", "jobs": [job("bad", "exit 3"), *(job(f"j{i}", f"touch r{i}") for i in range(5))]})
    place.run(code=1)
    assert place.states() == {"bad": "failed", **{f"j{i}": "completed" for i in range(5)}}


def test_the_next_run_tries_only_what_did_not_succeed(place):
    command = "echo {} >> log; test -e mended || exit 3"
    jobs = [
        job("good", "echo good >> log"),
        job("bad", command.format("bad")),
        job("next", "echo next >> log", "bad", "good"),
    ]
    place.write({"name": "w", "jobs": jobs})
    place.run("--runners", "1", "-j", "1", code=1)
    (place.root / "mended").touch()
    place.run("--runners", "1", "-j", "1")
    assert place.text("log") == "good\nbad\nbad\nnext\n"
    assert set(place.states().values()) == {"completed"}


def test_failed_jobs_are_left_alone_when_that_is_asked_for(place):
    place.write({"name": "w", "jobs": [job("bad", "echo bad >> log; exit 3")]})
    place.run(code=1)
    place.run("--no-retry-failed", code=1)
    assert place.text("log") == "bad\n"
