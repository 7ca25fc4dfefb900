"""A file server that does not answer for a moment: who waits for it goes on, and nobody is forgotten."""

import pytest


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


def test_a_coordinator_that_may_only_read_makes_way_for_another(place):
    written(place, 0)
    told = place.directory / "told"
    done = place.run(2, f"refused={told}")
    assert (done["code"], done["counts"]) == (0, {"completed": 9}), done
    assert told.exists()
    assert "attempt to write a readonly database" in done["stderr"]


@pytest.mark.parametrize("died", ["nobody", "actor.claimed", "runner.claimed", "coordinator.leased"])
def test_whoever_cannot_be_started_at_once_is_started_a_moment_later(place, died):
    expected = written(place, 0)
    dead = place.directory / "dead"
    fault = {} if died == "nobody" else {"TORC_LOCAL_FAULT": f"{died}:1:KILL:{dead}"}
    done = place.run(2, "journal=delete", "forks=fail", **fault)
    assert (done["code"], done["counts"]) == (0, {"completed": 9}), done
    assert dead.exists() is (died != "nobody")
    assert sorted(place.lines().elements()) == sorted(expected)
