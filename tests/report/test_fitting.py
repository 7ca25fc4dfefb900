"""Tables as wide as a terminal is, as somebody has looked at them."""

import time

import pytest

from tests.report.small import GATED, SMALL, Worked, store
from tests.support.golden import WIDTHS, named
from torc_local.report import listing
from torc_local.report.fitting import Column, Table, fit
from torc_local.report.text import cells
from torc_local.store import opening
from torc_local.store.reading import AttemptRow, JobRow

_OOM = "oom: more than the 2.0 GiB of memory that it asks for (it used 2.1 GiB)"
JOBS = [
    JobRow(1, "prep_07", "failed", "gdalwarp -of GTiff in.tif out.tif", 1, 0, "exit 127: command not found"),
    JobRow(100_413, "simulate_the_whole_region_000412", "failed", "python sim.py --seed 412 --region all", 2, 0, _OOM),
    JobRow(100_999, "模型_训练_2024", "completed", "true", 1, 0, None),
]
RESULTS = [
    AttemptRow(one.id, one.name, 2, one.attempt_id, 137 if one.reason else 0, one.status, one.reason, 0.0, 41.5, 39.0,
               2 << 30, 12, "node01.cluster.example")
    for one in JOBS
]  # fmt: skip


@pytest.mark.parametrize("width", WIDTHS)
def test_jobs_and_results_at_every_width(golden, width):
    for name, table in (("jobs", listing.job_table(JOBS)), ("results", listing.result_table(RESULTS))):
        found = fit(table, width)
        golden.check(named(name, width), [*found.lines, f"(no room for: {', '.join(found.left_out)})"])
        assert width is None or max(map(cells, found.lines)) <= width


@pytest.fixture
def in_utc():
    """The C library keeps the zone until it is told to look again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("in_utc")
@pytest.mark.parametrize("width", WIDTHS)
def test_the_list_of_workflows_at_every_width(golden, tmp_path, width):
    with opening.open_or_create(tmp_path / "t.db") as db:
        Worked(db, store(db, SMALL)).to_the_end()
        store(
            db, GATED._replace(name="a_long_name_for_what_is_tried_again_next_week", description="with gates between")
        )
        with db.write("test"):
            db.connection.execute("UPDATE workflow SET created_at = 1700000000.0")
        found = fit(listing.workflow_table(db, {False, True}), width)
    golden.check(named("list", width), [*found.lines, f"(no room for: {', '.join(found.left_out)})"])


def test_nothing_is_left_out_where_there_is_room():
    table = Table([Column("A", spare=2), Column("B", spare=1)], [["1", "2"]])
    assert fit(table, 4) == (["A  B", "1  2"], [])
    assert fit(table, 3) == (["B", "2"], ["A"])
    assert fit(table, 0).left_out == ["A", "B"]


def test_an_empty_table_is_its_heading_at_any_width():
    assert fit(listing.job_table([]), 80).lines == ["ID  NAME  STATUS  ATTEMPT  COMMAND"]
