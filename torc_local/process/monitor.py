"""The monitor of one node: samples running jobs now and then, and puts on record what they used.

One for each ``run``, started when its first jobs have lasted, so that a short run has none. It holds nothing: no claim,
no row among the runners. Peaks and averages go to the database when a job has ended, and once a minute; samples go to a
file beside it when the workflow asks for a time series. What a SIGKILL leaves: figures as of the last write, never more
than they were. The supervisor starts another one, which begins anew; the larger figures stay.
"""

import math
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from torc_local.engine.options import Settings
from torc_local.ground import clock, private
from torc_local.ground.durability import Durability
from torc_local.ground.errors import TorcLocalError
from torc_local.process.gpu_usage import GpuMeter
from torc_local.process.inbox import NODE_ENDS, NOT_FOR_WORKERS, Inbox
from torc_local.process.measuring import Meter, Reading
from torc_local.store import samples, usage
from torc_local.store.database import DISK_ERRORS, Database
from torc_local.store.samples import GpuSample, JobSample, NodeSample
from torc_local.store.usage import NodeUsage, Usage

#: Most of one processor that sampling may cost, at intervals and between them: where jobs have very many processes it
#: samples less often.
_SHARE = 0.01
_SHARE_BETWEEN = 0.005

#: How often it looks whether there are young jobs, and how much time on a processor may be saved up for when many begin
#: at once.
_GLANCE_S = 0.05
_SAVED_S = 0.05

#: How often figures of jobs that have ended go to the database, at most.
_ENDED_S = 1.0

#: How often figures of jobs that still run go to the database: so much may the death of this machine cost.
_NOTE_S = 60.0

#: So long a run has lasted before anything is measured.
_PATIENCE_S = 0.2

#: Samples that are kept in memory, at most.
_MOST_SAMPLES = 20_000

#: Keep all samples (``resource_monitor: granularity``).
TIME_SERIES = "time_series"


class Plan(NamedTuple):
    """What a monitor is told by its supervisor."""

    db_path: Path
    workflow_id: int
    run_id: int
    node_id: int
    hostname: str
    output_dir: Path
    token: str  # of the database
    interval_s: float
    settings: Settings
    turnstile: bool
    durability: Durability

    @property
    def patience_s(self) -> float:
        """For how long a run has nothing that is worth another process."""
        return _PATIENCE_S

    @property
    def file(self) -> Path:
        """Where the time series goes (Torc)."""
        name = f"resource_metrics_{self.hostname}_{self.workflow_id}_{self.run_id}.db"
        return self.output_dir / "resource_utilization" / name


class Monitor:
    """The loop of one monitor process. ``say`` reaches the person."""

    def __init__(self, db: Database, plan: Plan, supervisor: int, say: Callable[[str], None]) -> None:
        self._db = db
        self._plan = plan
        self._say = say
        self._inbox = Inbox((signal.SIGTERM, signal.SIGQUIT), ignored=(*NOT_FOR_WORKERS, NODE_ENDS))
        self._meter = Meter(supervisor, plan.token, plan.workflow_id, plan.interval_s)
        settings = plan.settings
        self._node = _Node(settings) if settings.monitor_node is not None else None
        self._glances = _Glances()
        if settings.monitor_jobs is None:
            self._glances.stop()
        self._waiting: dict[tuple[int, int], Usage] = {}  # to be written, by job and attempt
        self._wrote = self._noted = self._flushed = clock.monotonic()
        self._names: dict[int, str] = {}
        self._samples: list[JobSample] = []
        self._node_samples: list[NodeSample] = []
        self._gpus = GpuMeter.open()
        self._gpu_samples: list[GpuSample] = []
        self._has_file = True  # until it turns out that it cannot be written

    def main(self) -> None:
        """Sample until told to stop."""
        look_at = clock.monotonic()
        while True:
            told = self._inbox.wait_until(min(look_at, self._glances.due))
            now, spent = clock.monotonic(), time.process_time()
            is_look = told is not None or now >= look_at
            if is_look:
                self._look()
            else:
                self._glance()
            self._write(all_of_it=told is not None)
            spent = time.process_time() - spent
            if is_look:
                look_at = now + max(self._plan.interval_s, spent / _SHARE)
            else:
                self._glances.took(spent, now)
            if told is not None:
                return

    def _look(self) -> None:
        settings, at = self._plan.settings, int(clock.now())
        readings: list[Reading] = []
        gpus, on_gpus = self._gpus.look() if self._gpus is not None else ([], {})
        if settings.monitor_jobs is not None:
            readings = self._meter.look(on_gpus)
            self._keep(readings, at)
        if self._node is not None:
            cpu, memory = self._node.look()
            if settings.monitor_node == TIME_SERIES:
                self._node_samples.append(NodeSample(at, cpu, memory, len(readings)))
                self._gpu_samples += [GpuSample(at, *one) for one in gpus]

    def _glance(self) -> None:
        try:
            self._keep(self._meter.glance(), int(clock.now()))
        except OSError:
            self._glances.stop()  # jobs are looked at once in an interval, then

    def _keep(self, readings: list[Reading], at: int) -> None:
        if self._plan.settings.monitor_jobs != TIME_SERIES:
            return
        for one in readings:
            self._names[one.job_id] = one.name
            self._samples.append(
                JobSample(
                    one.job_id,
                    at,
                    round(one.cpu_percent, 1),
                    one.memory_bytes,
                    one.num_processes,
                    one.attempt_id,
                    one.cpu_s,
                    one.read_bytes,
                    one.written_bytes,
                    one.gpu_memory_bytes,
                )
            )

    def _write(self, *, all_of_it: bool) -> None:
        now = clock.monotonic()
        tallies = self._meter.take_ended()
        noting = all_of_it or now - self._noted >= _NOTE_S
        if noting:
            tallies += self._meter.tallies()
        for tally in tallies:
            self._waiting[tally.job_id, tally.attempt_id] = tally.usage(self._plan.run_id)
        if noting or (self._waiting and now - self._wrote >= _ENDED_S):
            self._wrote = now
            try:
                self._note(with_node=noting)
            except DISK_ERRORS as error:
                self._db.before_retry(error)  # later; said by those who need it more
            else:
                self._waiting.clear()
                self._noted = now if noting else self._noted
        if (
            all_of_it
            or now - self._flushed >= self._plan.settings.flush_interval_s
            or len(self._samples) >= _MOST_SAMPLES
        ):
            self._flush()
            self._flushed = now

    def _note(self, *, with_node: bool) -> None:
        plan = self._plan
        node = self._node if with_node and self._node is not None and self._node.samples else None
        if not self._waiting and node is None:
            return
        with self._db.write("usage"):
            usage.keep(self._db, list(self._waiting.values()))
            if node is not None:
                usage.keep_node(self._db, node.usage(plan.workflow_id, plan.run_id, plan.node_id))

    def _flush(self) -> None:
        if self._has_file and (self._samples or self._node_samples):
            path = self._plan.file
            try:
                private.make_own_directory(path.parent)
                os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
                samples.append(path, list(self._names.items()), self._samples, self._node_samples, self._gpu_samples)
            except (OSError, TorcLocalError) as error:
                self._has_file = False
                self._say(f"the time series ends here: {error}")
        self._samples, self._node_samples, self._gpu_samples = [], [], []
        self._names.clear()


class _Glances:
    """When to look for young jobs next. Time on a processor that was not needed is saved up, to some extent."""

    def __init__(self) -> None:
        self.due = self._last = clock.monotonic()
        self._saved_s = _SAVED_S
        self._never = False

    def took(self, spent_s: float, at: float) -> None:
        """The one that was due cost so much."""
        self._saved_s = min(self._saved_s + (at - self._last) * _SHARE_BETWEEN, _SAVED_S) - spent_s
        self._last = at
        if not self._never:
            self.due = at + max(_GLANCE_S, -self._saved_s / _SHARE_BETWEEN)

    def stop(self) -> None:
        """There will be no other."""
        self._never, self.due = True, math.inf


class _Node:
    """What was seen of the whole node."""

    def __init__(self, settings: Settings) -> None:
        import psutil  # noqa: PLC0415 - slow to load, and seldom asked for

        self._psutil = psutil
        self._cpu = settings.monitor_node_cpu
        self._memory = settings.monitor_node_memory
        self._cpu_sum = self._cpu_peak = 0.0
        self._memory_sum = self._memory_peak = self.samples = 0
        psutil.cpu_percent(None)  # from now on

    def look(self) -> tuple[float | None, int | None]:
        """Take a sample: percent of all processors since the last one, and memory that is not free for others."""
        cpu = memory = None
        self.samples += 1
        if self._cpu:
            cpu = float(self._psutil.cpu_percent(None))
            self._cpu_sum, self._cpu_peak = self._cpu_sum + cpu, max(self._cpu_peak, cpu)
        if self._memory:
            found = self._psutil.virtual_memory()
            memory = int(found.total - found.available)
            self._memory_sum, self._memory_peak = self._memory_sum + memory, max(self._memory_peak, memory)
        return cpu, memory

    def usage(self, workflow_id: int, run_id: int, node_id: int) -> NodeUsage:
        """What it comes to."""
        return NodeUsage(
            workflow_id,
            run_id,
            node_id,
            self._cpu_peak if self._cpu else None,
            self._cpu_sum / self.samples if self._cpu else None,
            self._memory_peak if self._memory else None,
            self._memory_sum // self.samples if self._memory else None,
            self.samples,
        )
