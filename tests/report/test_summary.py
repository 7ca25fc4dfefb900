"""The last words of a run, as somebody has looked at them."""

import pytest

from tests.report.frozen import GROUPS, STATUS, asks, group
from tests.support.golden import named
from torc_local.ground.errors import ExitCode
from torc_local.report import summary
from torc_local.report.failing import by_cause, failure_lines, title
from torc_local.report.paint import Looks, painted
from torc_local.store.reading import CoreTime, FailureRow

COST = CoreTime(12_240.0, 18_720.0)


def told(code=ExitCode.FAILED, *, looks=None, **given):
    looks = looks or Looks()
    found = given.pop("status", STATUS)
    return painted(
        summary.lines(found, code, command="torc-local", width=looks.width, **given), looks._replace(width=None)
    )


@pytest.mark.parametrize("width", [80, 160])
def test_the_end_of_a_run_with_failures(golden, width):
    golden.check(named("end", width), told(cost=COST, groups=GROUPS, looks=Looks(width)))


def test_colours_change_nothing_but_colours(golden):
    golden.check(named("end", 80, colour=True), told(cost=COST, groups=GROUPS, looks=Looks(80, colour=True)))


def test_a_short_run_that_went_well_says_no_more():
    assert told(ExitCode.OK, cost=CoreTime(5.0, 10.0), status=STATUS._replace(failures=[])) == []


def test_a_long_run_that_went_well_says_what_it_cost():
    lines = told(ExitCode.OK, cost=COST, groups=GROUPS, status=STATUS._replace(failures=[]))
    assert lines[0] == "  3 nodes, 3.4 core-hours used of 5.2 asked for: 65%"
    assert lines[-1] == "  everything:      torc-local report 1 -o report.html"


def test_the_end_of_a_run_that_was_stopped(golden):
    counts = {"completed": 61_290, "ready": 8249, "blocked": 30_461}
    first = summary.sentence("sim-campaign", counts, 100_000, ExitCode.INTERRUPTED, "2m09s")
    golden.check("stopped", [first, *told(ExitCode.INTERRUPTED, cost=COST, status=STATUS._replace(failures=[]))])


def test_how_to_go_on_comes_last():
    assert told(ExitCode.INTERRUPTED, cost=COST)[-1] == "  go on:           torc-local run 1"


def test_advice_is_about_what_costs_most_for_nothing():
    idle = group("a_*", {"completed": 9}, asks("r", 8), cpu_s=10.0, reserved_cpu_s=100.0)
    worse = idle._replace(name="b_*", cpu_s=100.0, reserved_cpu_s=1000.0)
    assert summary.advice_of([idle, worse]) == "b_* asked for 8 cpus, used 0.8"
    roomy = group("c_*", {"completed": 9}, asks("r", memory=16 << 30), peak=1 << 30)
    assert summary.advice_of([roomy]) == "c_* asked for 16.0G of memory, used 1.0G at most"
    assert summary.advice_of([idle._replace(samples=4), roomy._replace(peak_memory_bytes=9 << 30)]) is None


@pytest.mark.parametrize(
    ("reason", "outcome", "shown"),
    [
        ("oom: more than the 2.0 GiB", "failed", "out of memory"),
        ("timeout: it ran for longer", "failed", "out of time"),
        ("exit 127: command not found", "failed", "command not found"),
        ("exit 3: no data", "failed", "exit code 3"),
        ("killed by SIGSEGV", "failed", "killed by SIGSEGV"),
        ("runner 3 on node01 was killed", "lost", "lost with its runner"),
    ],
)
def test_each_cause_has_a_few_words(reason, outcome, shown):
    [(cause, _)] = by_cause([FailureRow("failed", reason, 1, "a", "a", outcome)])
    assert title(cause) == shown


def test_reasons_of_one_cause_are_one_line():
    rows = [FailureRow("failed", f"exit 1: no data for {year}", 2, f"y{year}_1", f"y{year}_2", "failed")
            for year in range(2000, 2010)]  # fmt: skip
    [_, line] = painted(failure_lines(rows, cures=False, command="torc-local", workflow_id=1))
    assert line == "  20 x exit code 1   y2000_1, y2000_2 and 18 more   10 different reasons"
    [_, line] = painted(failure_lines(rows[:1], cures=False, command="torc-local", workflow_id=1))
    assert line == "  2 x exit code 1   y2000_1, y2000_2   no data for 2000"
