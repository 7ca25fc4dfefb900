"""What ``run`` paints on a terminal, as somebody has looked at it."""

from pathlib import Path

import pytest

from tests.report.frozen import COUNTS, NOW
from tests.support.golden import named
from torc_local.report.paint import Looks, painted
from torc_local.report.run_screen import Failed, failed_lines, job_lines, roughly, state_line
from torc_local.report.text import cells
from torc_local.store.overview import LongRunning, Machines

_GIB = 1 << 30
MACHINES = Machines(3, 94, 341 * _GIB, 2, 96, 480 * _GIB, 2)
LONGEST = [
    LongRunning(7, "train_0007", "node02", NOW - 723, 16, 16 * _GIB, 7200.0, 3, 15_247_000_000, 790.0),
    LongRunning(
        8, "模型_with_a_long_name_that_goes_on_0008", "node01", NOW - 191, 1, 2 * _GIB, 3600.0, 3, 858993459, 99.0
    ),
    LongRunning(9, "sim_061181", "node01", NOW - 100, 1, 1 << 20, 120.0, 2, None, None),
    LongRunning(10, "sim_061182", "node01", NOW - 9, 1, 1 << 20, 60.0, 0, None, None),
]


def screen(looks):
    log = Path("torc_output/stdio/node01-2-3.001.err")
    oom = Failed(41.0, "node01", 2, log, "MemoryError: Unable to allocate 1.1 GiB")
    failures = [
        *failed_lines("sim_000412", "oom: more than the 2.0 GiB of memory that it asks for", oom),
        *failed_lines("prep_07", "exit 127: command not found", Failed(0.01, "node02", 1)),
        *failed_lines("prep_08", "its runner died 3 times while it ran", Failed()),
    ]
    below = [state_line(COUNTS, MACHINES, looks), *job_lines(LONGEST, 94, at=NOW, looks=looks)]
    # Failures stay, and are not cut.
    return painted(failures, looks._replace(width=None)), painted(below, looks)


@pytest.mark.parametrize("width", [40, 80, 160])
def test_what_is_painted_around_the_bar(golden, width):
    failures, below = screen(Looks(width))
    golden.check(named("run", width), [*failures, *below])
    assert max(map(cells, below)) <= width


def test_colours_change_nothing_but_colours(golden):
    failures, below = screen(Looks(80, colour=True))
    golden.check(named("run", 80, colour=True), [*failures, *below])


def test_jobs_are_named_when_they_last():
    young = [one._replace(started_at=NOW - 1) for one in LONGEST]
    assert job_lines(young, 4, at=NOW, looks=Looks(80)) == []
    assert len(job_lines(LONGEST[:1], 1, at=NOW, looks=Looks(80))) == 1


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.2, "5s"), (7.4, "5s"), (58.0, "1m"), (95.0, "1m30s"), (611.0, "10m"), (4000.0, "1h05m"), (90_000.0, "1d01h")],
)
def test_a_guess_is_round(seconds, said):
    assert roughly(seconds) == said
