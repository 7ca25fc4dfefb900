"""Setting the clock decides nothing: not who is dead, not what is due, not what came first."""

import os
import signal

import pytest

from tests.process.running import finished
from tests.support.waiting import wait_for

HOUR = 3600
ONCE = {f"{letter}{i}": 1 for letter in "ab" for i in range(1, 41)}


def workflow(place):
    place.write(
        {"name": "a{i}", "command": place.append("a{i}", "sleep 0.05"), "parameters": {"i": "1:40"}},
        {
            "name": "b{i}",
            "command": place.append("b{i}", "sleep 0.05"),
            "parameters": {"i": "1:40"},
            "depends_on": ["a{i}"],
        },
    )


@pytest.fixture
def clock(tmp_path):
    """The clock of all runs in this test; call it to set it."""
    path = tmp_path / "clock"

    def put(seconds):
        beside = path.with_suffix(".new")
        beside.write_text(str(seconds))
        beside.replace(path)
        return str(path)

    put(0)
    return put


def _after(place, lines):
    wait_for(lambda: place.lines().total() > lines)


def times_are_in_order(place):
    """Every attempt lasted about as long as its job sleeps, and lies within its run."""
    rows = place.query("SELECT exec_time_s, started_at, ended_at FROM v_attempts WHERE status = 'completed'")
    assert len(rows) == 80
    assert all(0.05 <= lasted < 5 for lasted, *_ in rows)
    return min(start for _, start, _ in rows), max(end for *_, end in rows)


@pytest.mark.fault
@pytest.mark.parametrize("step", [HOUR, -HOUR])
def test_a_clock_that_is_set_during_a_run_changes_nothing(place, clock, step):
    workflow(place)
    run = place.start(4, "lease=2", TEST_CLOCK=clock(0))
    for lines, off in ((10, step), (30, -step), (50, step)):
        _after(place, lines)
        clock(off)
    assert finished(run)["counts"] == {"completed": 80}
    began, ended = times_are_in_order(place)
    assert ended - began < 60
    assert place.lines() == ONCE
    assert place.query("SELECT count(*) FROM v_runners WHERE end_reason = 'lost'") == [(0,)]


@pytest.mark.fault
@pytest.mark.parametrize("step", [HOUR, -HOUR])
def test_a_run_that_joins_with_another_clock_takes_nobody_for_dead(place, clock, step):
    workflow(place)
    first = place.start(2, "lease=2", TEST_CLOCK=clock(0))
    wait_for(lambda: place.lines().total() > 10)
    # As if they were on two machines, so that only beats tell who lives.
    place.change("UPDATE node SET boot_id = 'machine:boot:namespace'")
    second = place.start(2, "lease=2", TEST_CLOCK=clock(step))
    assert finished(first)["counts"] == finished(second)["counts"] == {"completed": 80}
    assert place.lines() == ONCE
    assert place.query("SELECT count(*) FROM v_runners WHERE end_reason = 'lost'") == [(0,)]


@pytest.mark.parametrize("step", [-HOUR, pytest.param(HOUR, marks=pytest.mark.fault)])
def test_a_run_is_taken_up_after_the_clock_was_set(place, clock, step):
    """What is on record stays in order: no job seems to have started before what it waited for."""
    workflow(place)
    first = place.start(2, TEST_CLOCK=clock(0))
    wait_for(lambda: place.lines().total() > 30)
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    wait_for(lambda: place.leftovers() == [])
    done = place.run(4, TEST_CLOCK=clock(step))
    assert done["counts"] == {"completed": 80}
    assert place.violations() == []
    times_are_in_order(place)
