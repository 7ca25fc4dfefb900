"""Who works on a workflow, as lines."""

import pytest

from tests.report.frozen import CREW, NOW
from tests.report.small import SMALL, Worked, store
from tests.support.golden import WIDTHS, named
from torc_local.report import crew
from torc_local.store import opening, overview, runners


def look(db, number, *, dead=()):
    rows = overview.of_workflow(db, number, all_runs=False)
    return "\n".join(crew.screen(rows, dead, runners.lease(db, number), at=1_700_000_060.0))


def test_a_runner_at_work_is_shown_with_what_it_has_and_what_is_left_of_its_machine(tmp_path):
    with opening.open_or_create(tmp_path / "t.db") as db:
        number = store(db, SMALL)
        assert look(db, number) == "nobody has worked on it yet"
        worked = Worked(db, number)
        worked.claim()
        with db.write("test"):
            runners.beat(db, worked.runner_id, runners.Held(1, 1 << 30, 0), at=1_700_000_055.0)
        assert (
            look(db, number)
            == """\
RUNNER  NODE    PID  STATE  SLOTS  RUNNING  CLAIMED  JOBS RUN  HOLDS           FOR
     1  node01    1  alive      1        0        1         0  1 cpu, 1.0 GiB  1m00s
node01: 0 of 1 slot with a job, 1 of 2 cpu held, 1.0 GiB of 8.0 GiB held
coordinator: node01, pid 1"""
        )
        assert (
            look(db, number, dead={worked.runner_id})
            == """\
RUNNER  NODE    PID  STATE  SLOTS  RUNNING  CLAIMED  JOBS RUN  HOLDS           FOR
     1  node01    1  LOST       1        0        1         0  1 cpu, 1.0 GiB  1m00s
node01: LOST, last heard 5.00s ago
coordinator: node01, pid 1"""
        )


def test_an_actor_is_called_one_and_those_that_ended_are_counted(tmp_path):
    with opening.open_or_create(tmp_path / "t.db") as db:
        number = store(db, SMALL)
        worked = Worked(db, number)
        worked.to_the_end()
        assert look(db, number) == "not at work any more: 1 finished"
        with db.write("test"):
            runners.insert(
                db, workflow_id=number, run_id=1, node_id=1, pid=7, pid_start=1, slots=1, at=1_700_000_000.0, acts=True
            )
        assert "2  node01    7  alive  actor        0" in look(db, number)
        actor = [crew.item(row, ()) for row in overview.of_workflow(db, number, all_runs=False) if row.acts]
        assert [(one["is_actor"], one["state"]) for one in actor] == [(True, "alive")]


@pytest.mark.parametrize("width", WIDTHS)
def test_the_screen_at_every_width(golden, width):
    golden.check(named("runners", width), crew.screen(CREW, {2}, None, at=NOW, width=width))
