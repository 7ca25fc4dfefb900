"""A file server that does not answer for a moment: who waits for it goes on, and nobody is forgotten."""

import signal
import time

import pytest

from tests.process.running import finished
from tests.support.waiting import wait_for


def written(place, seconds):
    """A workflow with actions before, during and after its jobs; the first one and a job last so long."""
    lasts = f"touch {{0}}; sleep {seconds}; rm {{0}}".format(place.directory / "flag")
    place.write(
        {"name": "long", "command": place.append("long-begins", lasts + "; " + place.append("long"))},
        {"name": "a{i}", "command": place.append("a{i}"), "parameters": {"i": "1:8"}, "depends_on": ["long"]},
        actions=[
            {"trigger_type": "on_workflow_start", "action_type": "run_commands",
             "commands": [lasts, place.append("before")]},
            {"trigger_type": "on_jobs_complete", "jobs": ["long"], "action_type": "run_commands",
             "commands": [place.append("between")]},
            {"trigger_type": "on_workflow_complete", "action_type": "run_commands",
             "commands": [place.append("after")]},
        ],
    )  # fmt: skip
    return ["before", "long-begins", "long", "between", "after", *(f"a{i}" for i in range(1, 9))]


def test_an_actor_waits_with_its_command_and_between_them(place):
    expected = written(place, 1.2)
    done = place.run(2, "journal=delete", f"far={place.directory / 'flag'}")
    assert (done["code"], done["counts"]) == (0, {"completed": 9}), done
    assert "actions wait until it works again" in done["stderr"], "the disk was never out of reach"
    assert sorted(place.lines().elements()) == sorted(expected)


@pytest.mark.parametrize("kind", ["coordinator", "actor", "runner"])
def test_whoever_may_only_read_makes_way_for_another(place, kind):
    expected = written(place, 0)
    told = place.directory / kind
    done = place.run(1, f"refused={told}")
    assert (done["code"], done["counts"]) == (0, {"completed": 9}), done
    assert told.exists()
    assert "for writing: the system lets it be read only" in done["stderr"]
    assert sorted(place.lines().elements()) == sorted(expected)


def test_a_run_whose_coordinator_cannot_be_replaced_ends(place):
    place.write(
        {"name": "a", "command": place.append("a", "sleep 1")},
        {"name": "b", "command": place.append("b"), "depends_on": ["a"]},
    )
    fault = f"coordinator.leased:1:KILL:{place.directory / 'dead'}"
    done = finished(place.start(2, "room=coordinator", "grace=3", TORC_LOCAL_FAULT=fault), timeout_s=20)
    assert (done["code"], set(place.lines())) == (4, {"a"})
    assert any("cannot start more processes" in one for one in done["explanations"])


def test_an_actor_that_was_told_to_stop_while_it_waited_begins_nothing(place):
    written(place, 0)
    away = place.directory / "away"
    away.touch()
    process = place.start(2, f"claims={away}", "patience=20")
    wait_for(lambda: place.ask("SELECT 1 FROM runner WHERE acts"))
    time.sleep(0.3)  # it meets the trouble
    process.send_signal(signal.SIGINT)
    wait_for((place.directory / "out" / "stopping").exists)
    away.unlink()
    done = finished(process)
    assert "actions wait until it works again" in done["stderr"], "there was no trouble"
    assert (done["code"], place.lines().total()) == (130, 0), done
    assert place.run(2)["code"] == 0


def test_a_run_that_cannot_say_at_once_how_it_went_says_so_a_moment_later(place):
    expected = written(place, 0)
    done = place.run(2, "journal=delete", "end=fails")
    assert (done["code"], done["counts"]) == (0, {"completed": 9}), done
    assert sorted(place.lines().elements()) == sorted(expected)


@pytest.mark.parametrize("died", ["nobody", "actor.claimed", "runner.claimed", "coordinator.leased"])
def test_whoever_cannot_be_started_at_once_is_started_a_moment_later(place, died):
    expected = written(place, 0)
    dead = place.directory / "dead"
    fault = {} if died == "nobody" else {"TORC_LOCAL_FAULT": f"{died}:1:KILL:{dead}"}
    done = place.run(2, "journal=delete", "forks=fail", **fault)
    assert (done["code"], done["counts"]) == (0, {"completed": 9}), done
    assert dead.exists() is (died != "nobody")
    assert sorted(place.lines().elements()) == sorted(expected)
