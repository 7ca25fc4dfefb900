"""One moment of a large workflow, made by hand: what the screens of the design show."""

from pathlib import Path

from torc_local.ground.states import JobStatus
from torc_local.report.groups import Group
from torc_local.report.status import Status
from torc_local.store.actions import Summary
from torc_local.store.overview import RunnerNow
from torc_local.store.reading import FailureRow, Requirements
from torc_local.store.runners import RunnerRow
from torc_local.store.workflows import RunRow, WorkflowRow

NOW = 1_700_000_862.0
_GIB = 1 << 30


def asks(name, cpus=1, memory=0, runtime=0.0):
    limits = bool(memory) + 2 * bool(runtime)
    return Requirements(1, name, cpus, 0, 1, memory or 1 << 20, runtime or 60.0, limits)


def group(name, counts, asked, median=None, p95=None, peak=None, **given):
    figures = {
        "samples": counts.get("completed", 0), "longest_s": p95, "cpu_s": 0.0, "reserved_cpu_s": 0.0,
        "peak_memory_bound_bytes": None, "ended_for_memory": 0, "ended_for_time": 0, **given,
    }  # fmt: skip
    return Group(
        name=name, jobs=sum(counts.values()), counts=counts, asks=(asked,), median_s=median, p95_s=p95,
        peak_memory_bytes=peak, **figures,
    )  # fmt: skip


GROUPS = [
    group("prep_*", {"completed": 95, "failed": 1}, asks("prep", memory=_GIB), 2.1, 4.0, 322 << 20,
          cpu_s=88.0, reserved_cpu_s=100.0),
    group("sim_*", {"completed": 61_080, "running": 88, "ready": 8211, "blocked": 28_610, "failed": 11},
          asks("sim", memory=2 * _GIB), 14.1, 22.0, 1181116006, cpu_s=96.0, reserved_cpu_s=100.0, ended_for_memory=11),
    group("train_*", {"completed": 17, "running": 6, "blocked": 881}, asks("train", 16, 16 * _GIB, 1200.0), 580.0,
          782.0, 15_998_753_177, cpu_s=38.0, reserved_cpu_s=100.0),
    group("evaluate_with_a_name_that_is_long_and_has_numbers_*", {"canceled": 30}, asks("merge", memory=4 * _GIB)),
    group("模型_*", {"blocked": 970}, asks("merge", memory=4 * _GIB)),
]  # fmt: skip

COUNTS = {
    **dict.fromkeys(map(str, JobStatus), 0), "completed": 61_192, "running": 94, "ready": 8211, "blocked": 30_461,
    "failed": 12, "canceled": 30,
}  # fmt: skip

FAILURES = [
    FailureRow(
        "canceled",
        None,
        30,
        "evaluate_with_a_name_that_is_long_and_has_numbers_1",
        "evaluate_with_a_name_that_is_long_and_has_numbers_30",
    ),
    FailureRow(
        "failed", "oom: more than the 2.0 GiB of memory that it asks for", 11, "sim_000412", "sim_061180", "failed"
    ),
    FailureRow("failed", "exit 127: command not found", 1, "prep_07", "prep_07", "failed"),
]


def runner(number, node, *, slots=4, claimed=4, cpus=4, held=4, ended=None, reason=None, beat=1):
    return RunnerNow(
        number, 2, node, f"{node}:boot", 4000 + number, 1, 0, slots, min(claimed, slots), claimed, 100, held, 0, 0,
        cpus, 240 * _GIB, 0, NOW - 862, ended, reason, NOW - beat, None,
    )  # fmt: skip


CREW = [
    runner(1, "node01", slots=24, claimed=60, cpus=48, held=24),
    runner(2, "node01", slots=24, claimed=60, cpus=48, held=24),
    runner(3, "node02", slots=48, claimed=46, cpus=48, held=46),
    runner(4, "node03", slots=48, claimed=0, cpus=48, held=0, ended=NOW - 200, reason="lost", beat=240),
]

WORKFLOW = WorkflowRow(
    1, "sim-campaign", "ann", None, "none", "/home/ann/sim.yaml", "digest", 0, NOW - 900, 1.0, 1 << 20, 2, 0, 0, "{}"
)

STATUS = Status(
    workflow=WORKFLOW,
    run=RunRow(1, 2, NOW - 862.0, None, None),
    counts=COUNTS,
    runners=[
        RunnerRow(one.id, 1, 2, 1, one.boot_id, one.node, one.pid, 1, one.slots, one.started_at, 7, 0)
        for one in CREW
        if one.ended_at is None
    ],
    crew=CREW,
    failures=FAILURES,
    actions=Summary(3, 1, 0),
    at=NOW,
    path=Path("torc_output/torc.db"),
)
