"""``doctor --repair`` killed at each moment of its crash table: the next one finishes, and nothing is lost."""

import os
import shutil
import signal

import apsw
import pytest

from tests.report.small import Worked
from tests.support.damage import DAMAGES, completed, half_done
from torc_local.ground import faults
from torc_local.process.repair import repair
from torc_local.store import invariants, opening

#: Which damage leads past which moments.
MOMENTS = {
    "index": ("repair.reindexed", "repair.mending", "repair.mended"),
    "counts": ("repair.mending", "repair.mended"),
    "page": ("repair.salvaged", "repair.mending", "repair.kept", "repair.unlogged", "repair.replaced"),
    "table": ("repair.salvaged", "repair.kept", "repair.unlogged", "repair.replaced"),
}

#: The others are for the long suite: each of these is of another kind.
QUICK = {("index", "repair.reindexed"), ("page", "repair.unlogged")}


@pytest.fixture
def path(here):
    """A database in which ten jobs are on record as completed, and whose runner died."""
    place = here / "torc_output" / "torc.db"
    half_done(place)
    return place


def killed(path, moment, **instead):
    """Let a process repair it and die at this moment; ``instead`` takes the place of names of apsw there."""
    flag = path.parent / "died"
    pid = os.fork()
    if pid == 0:
        try:
            for name, value in instead.items():
                setattr(apsw, name, value)
            faults.arm(f"{moment}:1:KILL:{flag}")
            repair(path)
        finally:
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL, "nobody reached the moment"


def goes_on(call, path, before):
    """The next repair is the last that is needed, and every job that is not on record can still run."""
    assert call("doctor", "--repair").code == 0
    assert call("doctor", "--repair", "-f", "json").json["repairs"] == ["there was nothing to mend"]
    assert completed(path) >= before
    assert [one.name for one in path.parent.iterdir() if ".part" in one.name] == []
    with opening.open_existing(path) as db:
        assert invariants.violations(db, at_rest=True) == []
        Worked(db, 1, now=1_800_000_000.0).to_the_end()
        ran = db.connection.execute("SELECT job_id FROM attempt WHERE started_at > 1750000000").fetchall()
        left = db.connection.execute("SELECT count(*) FROM job WHERE status NOT IN ('completed', 'failed', 'canceled')")
        assert left.fetchall() == [(0,)]
    assert not {number for (number,) in ran} & {number for number, *_ in before}, "a completed job ran again"


@pytest.mark.parametrize(
    ("kind", "moment"),
    [
        pytest.param(kind, moment, marks=() if (kind, moment) in QUICK else pytest.mark.fault)
        for kind, moments in MOMENTS.items()
        for moment in moments
    ],
)
def test_after_a_kill_at_any_moment_the_next_repair_finishes_and_nothing_is_lost(call, path, kind, moment):
    before = completed(path)
    DAMAGES[kind](path)
    content = path.read_bytes()
    killed(path, moment)
    if kind == "page" and moment != "repair.replaced":
        assert path.read_bytes() == content, "the damaged file is whole until the new one is"
    goes_on(call, path, before)


def test_every_moment_of_the_crash_table_is_tried():
    tried = {moment for moments in MOMENTS.values() for moment in moments}
    assert tried == {point for point in faults.POINTS if point.startswith("repair")}


class Stuck(apsw.Connection):
    """A connection whose log cannot be copied into the database."""

    def wal_checkpoint(self, dbname=None, mode=apsw.SQLITE_CHECKPOINT_PASSIVE):
        raise apsw.IOError("disk I/O error")


@pytest.mark.parametrize("moment", [pytest.param("repair.kept", marks=pytest.mark.fault), "repair.unlogged"])
def test_a_log_that_could_not_be_copied_is_not_lost_with_a_killed_repair(call, path, moment):
    DAMAGES["page"](path)
    live = path.with_name("live.db")
    shutil.copyfile(path, live)
    with opening.open_existing(live) as db:
        db.connection.execute(
            "INSERT INTO attempt SELECT id, 1, 1, 1, 'completed', NULL, 0, 1, 1.5, 0, 0, NULL, 0, 0, 0, 0 FROM job"
            " WHERE id = 30"
        )
        log = path.with_name("torc.db-wal")
        shutil.copyfile(f"{live}-wal", log)  # the record is nowhere else
    live.unlink()
    content = log.read_bytes()
    killed(path, moment, Connection=Stuck)
    assert log.exists() == (moment == "repair.kept")
    (kept,) = path.parent.glob("torc.db.damaged-*-wal")
    assert kept.read_bytes() == content
    answer = call("doctor", "--repair")
    assert answer.code == 0, answer.err
    assert (30, 1, 1, 1.5) in completed(path)
