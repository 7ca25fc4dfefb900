"""One screen of a workflow, at every width, as somebody has looked at it."""

from pathlib import Path

import pytest

from tests.report.frozen import GROUPS, STATUS, asks, group
from tests.report.small import SMALL, Worked, store
from tests.support.golden import WIDTHS, named
from tests.support.workflows import NOW, Stage, spec_of
from torc_local.engine.cancel import cancel
from torc_local.report import groups, status, status_screen
from torc_local.report.group_table import group_lines, warning_of
from torc_local.report.paint import PLAIN, Looks, painted
from torc_local.report.text import cells, local
from torc_local.store import opening, workflows


def screen(found, shown=(), looks=PLAIN, **given):
    options = {"dead": set(), "command": "torc-local", **given}
    return painted(status_screen.screen(found, shown, looks=looks, **options), looks)


def text(found, **given):
    ended = local(found.run.ended_at) if found.run is not None and found.run.ended_at else "never"
    return "\n".join(screen(found, **given)).replace(ended, "ENDED")


def gather(db, number):
    workflow = workflows.get(db, number)
    assert workflow is not None
    return status.gather(db, workflow)._replace(path=Path("t.db"))


@pytest.mark.parametrize("width", WIDTHS)
def test_the_screen_of_a_large_workflow(golden, width):
    looks = Looks(width, colour=False)
    lines = screen(STATUS, GROUPS, looks)
    golden.check(named("status", width), lines)
    assert width is None or max(map(cells, lines)) <= width


def test_colours_change_nothing_but_colours(golden):
    golden.check(named("status", 80, colour=True), screen(STATUS, GROUPS, Looks(80, colour=True)))


def test_a_thousand_families_are_folded_and_those_that_matter_are_shown():
    many = [group(f"family_{chr(97 + n % 26)}{chr(97 + n // 26)}_*", {"completed": 10}, asks("r")) for n in range(676)]
    many[300] = group("broken_*", {"completed": 1, "failed": 1}, asks("r"))
    many[301] = group("at_work_*", {"running": 1}, asks("r"))
    folded = painted(group_lines(many, Looks(80), more="torc-local status 1 --all-groups"))
    assert len(folded) == 13
    assert [line.split()[0] for line in folded if line.split()[0] in ("broken_*", "at_work_*")] == [
        "broken_*",
        "at_work_*",
    ]
    assert folded[-1] == ("  + 665 more groups: 6,650 jobs, 6,650 done   (torc-local status 1 --all-groups)")
    assert len(group_lines(many, PLAIN, more=None)) == 677


@pytest.mark.parametrize(
    ("given", "warning"),
    [
        ({"ended_for_memory": 2}, "2 attempts out of memory"),
        ({"ended_for_time": 1}, "1 attempt out of time"),
        ({"peak_memory_bytes": 95 << 20}, "memory within 5% of its limit"),
        ({"peak_memory_bytes": 120 << 20}, "memory over its limit"),
        ({"longest_s": 98.0}, "run time within 2% of its limit"),
        ({"cpu_s": 30.0, "reserved_cpu_s": 80.0}, "used 1.5 of 4 cpus"),
        ({"cpu_s": 30.0, "reserved_cpu_s": 80.0, "samples": 4}, None),
        ({"peak_memory_bytes": 50 << 20, "longest_s": 50.0, "cpu_s": 70.0, "reserved_cpu_s": 80.0}, None),
    ],
)  # fmt: skip
def test_what_deserves_a_look(given, warning):
    one = group("a_*", {"completed": 9}, asks("r", 4, 100 << 20, 100.0))
    assert warning_of(one._replace(**given)) == warning


def test_of_very_many_jobs_the_groups_are_left_out_and_it_says_so():
    found = STATUS._replace(counts={**STATUS.counts, "blocked": groups.QUICK})
    assert "torc-local status 1 --all-groups" in "\n".join(screen(found))


def test_a_finished_workflow_says_what_failed_and_what_to_do_next(db, workflow):
    found = status.gather(db, workflow)._replace(path=Path("t.db"))
    assert (
        text(found, shown=groups.gather(db, 1))
        == """\
small   workflow 1, run 1   t.db   finished with failures in 7.50s, ENDED
  completed 5   failed 1   canceled 1

  GROUP      JOBS  DONE  RUN  FAIL  CANCELED  MEDIAN    P95  PEAK MEM  ASKED  CPU EFF
  one_*         2     2    0     0         0   1.00s  1.00s      4.0M      -      50%
  barrier       1     1    0     0         0   1.00s  1.00s      4.0M      -      50%
  two_*         2     2    0     0         0   1.00s  1.00s      4.0M      -      50%
  bad           1     0    0     1         0       -      -      4.0M      -        -
  after_bad     1     0    0     0         1       -      -         -      -        -

  1 x exit code 3     bad
  1 x could not run   after_bad   something before them did not succeed

  next     torc-local jobs 1 --failed      torc-local run 1"""
    )


def test_a_stored_workflow_has_not_started(tmp_path):
    with opening.open_or_create(tmp_path / "t.db") as db:
        found = gather(db, store(db, SMALL))
        assert (
            text(found)
            == """\
small   workflow 1, run 0   t.db   not started
  completed 0   ready 3   blocked 4

  next     torc-local run 1"""
        )
        assert status.document(found, ())["walltime_seconds"] is None


def test_a_working_runner_and_a_dead_one_look_different(tmp_path):
    with opening.open_or_create(tmp_path / "t.db") as db:
        number = store(db, SMALL)
        Worked(db, number).claim()
        found = gather(db, number)
        found = found._replace(at=found.runners[0].started_at + 9)
        assert "running for 9.00s" in text(found)
        assert "nodes    node01 1/1 slot, 9s ago" in text(found)
        gone = text(found, dead={found.runners[0].id})
        assert "stopped: nobody works on it" in gone
        assert "node01 LOST" in gone


def test_a_canceled_workflow_is_said_to_be_canceled(tmp_path):
    """Torc counts a canceled workflow as complete, whatever is left of it."""
    with opening.open_or_create(tmp_path / "canceled.db") as db:
        stage = Stage(db, spec_of({"a": [], "b": ["a"], "c": []}))
        stage.begin()
        cancel(db, stage.workflow_id, at=NOW, who="tester")
        found = gather(db, stage.workflow_id)
    document = status.document(found, ())
    assert (document["is_complete"], document["is_canceled"]) == (True, True)
    lines = screen(found)
    assert lines[0].endswith("canceled")
    assert "torc-local run 1" in lines[-1]
