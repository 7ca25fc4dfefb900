"""How ``run`` shows how far it is: a bar for a terminal, lines for a log, JSON for programs. All on standard error."""

import json
import os
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, TextIO

from torc_local.ground import clock
from torc_local.ground.states import JobStatus, finished_jobs
from torc_local.process.watching import Outcome, Progress, RunInfo, Watcher
from torc_local.report import summary
from torc_local.report.text import duration, iso, local, plural, printable, size
from torc_local.store.events import Event

#: Failures shown one by one; more are counted.
MOST_FAILURES = 20

#: Between two lines of ``lines`` while something changes.
LINE_S = 30.0

#: Between two progress objects of ``json``.
_OBJECT_S = 1.0

#: The rate is that of the last so many seconds.
_RATE_S = 10.0

#: Events that are shown as they happen.
_SHOWN = frozenset(
    {
        "job_failed",
        "job_terminated",
        "job_too_large",
        "jobs_changed",
        "runner_lost",
        "process_failed",
        "workflow_canceled",
        "action_failed",
        "action_noted",
        "action_interrupted",
    }
)


def watcher(style: str, stream: TextIO) -> Watcher:
    """The watcher for a ``--progress`` style; ``auto`` is a bar on a terminal and lines elsewhere."""
    if style == "auto":
        style = "bar" if stream.isatty() and os.environ.get("TERM") != "dumb" else "lines"
    made: dict[str, Callable[[TextIO], Watcher]] = {"bar": Bar, "lines": Lines, "json": Objects, "none": Silent}
    return Careful(made[style](stream))


class Rate:
    """Jobs per second lately, and how long the rest will take at that rate."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def add(self, at: float, done: int) -> None:
        """Note how many jobs are done at a moment."""
        self._seen.append((at, done))
        while len(self._seen) > 2 and self._seen[1][0] <= at - _RATE_S:  # noqa: PLR2004 - two make a difference
            self._seen.popleft()

    def per_second(self) -> float | None:
        """None until something was done."""
        if len(self._seen) < 2:  # noqa: PLR2004 - two make a difference
            return None
        (began, first), (now, last) = self._seen[0], self._seen[-1]
        return (last - first) / (now - began) if now > began and last > first else None

    def remaining_s(self, left: int) -> float | None:
        """None while nobody can tell."""
        rate = self.per_second()
        return None if rate is None else left / rate


def per_second(rate: float | None) -> str:
    """A rate with as many digits as mean something."""
    if rate is None:
        return "-/s"
    return f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.1f}/s"  # noqa: PLR2004 - two digits


def _figures(counts: dict[str, int]) -> list[tuple[str, int]]:
    """The states worth watching; running always, the others when there are any."""
    names = (JobStatus.RUNNING, JobStatus.PENDING, JobStatus.READY, JobStatus.FAILED, JobStatus.TERMINATED)
    shown = [(name.value, counts.get(name, 0)) for name in names]
    return [
        *((name, jobs) for name, jobs in shown if jobs or name == "running"),
        *([("could not run", counts[JobStatus.CANCELED])] if counts.get(JobStatus.CANCELED) else []),
    ]


class _Failures:
    """Shows the first failures and counts the rest."""

    def __init__(self) -> None:
        self.count = 0

    def line(self, event: Event) -> str | None:
        """What to print for an event; None for nothing."""
        if event.type not in _SHOWN:
            return None
        if event.job_name is None:
            return printable(event.message)
        self.count += 1
        if self.count > MOST_FAILURES:
            return None
        verb = "failed" if event.type == "job_failed" else "terminated"
        return f"{printable(event.job_name)} {verb}: {printable(event.message)}"

    def rest(self) -> str | None:
        """What to say of those that were not shown."""
        return f"... and {self.count - MOST_FAILURES:,} more failures" if self.count > MOST_FAILURES else None


def _introduction(info: RunInfo) -> str:
    changed = f" ({info.changed:,} because of changes)" if info.changed else ""
    again = f", {info.again:,} run again{changed}" if info.again else ""
    finished = f", {info.finished:,} already done" if info.finished else ""
    return f"{printable(info.workflow_name)}: {info.how}, {plural(info.total, 'job')}{finished}{again}"


def _cut_off(info: RunInfo) -> str | None:
    """How the jobs stood when the run before this one was cut off; None when it ended as it should.

    Jobs are claimed in batches and recorded after them, so of a job that was only claimed nobody knows how far it came.
    """
    if not info.died:
        return None
    rest = max(info.total - info.finished - info.again - info.lost - info.claimed, 0)
    parts = []
    if info.lost:
        parts.append(f"{plural(info.lost, 'job')} {_were(info.lost)} running and {_run(info.lost)} again")
    if info.claimed:
        parts.append(
            f"{plural(info.claimed, 'job')} {_were(info.claimed)} claimed, may have started or even ended unrecorded, "
            f"and {_run(info.claimed)} again"
        )
    parts.append(f"{plural(rest, 'job')} had not started")
    return f"the last run was cut off: {'; '.join(parts)}"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _run(count: int) -> str:
    return "runs" if count == 1 else "run"


def _workers(info: RunInfo) -> str:
    budget = info.budget
    limits = [
        text
        for text, counts in (
            (f"{info.slots} at once", not budget.nodes),  # -j
            (plural(info.cpus, "cpu"), budget.cpus),
            (size(info.memory_bytes), budget.memory),
            (plural(info.gpus, "gpu"), budget.gpus),
        )
        if counts
    ]
    where = f"workflow {info.workflow_id}, run {info.run_id} in {info.db_path} on {info.hostname}"
    return f"{where}: {', '.join([plural(info.runners, 'runner'), *limits])}"


class Silent:
    """``none``: only what explains the exit code."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def started(self, info: RunInfo) -> None:
        """Nothing."""

    def progressed(self, progress: Progress) -> None:
        """Nothing."""

    def event(self, event: Event) -> None:
        """Nothing."""

    def stopping(self, message: str) -> None:
        """Nothing."""

    def ended(self, outcome: Outcome) -> None:
        """Say what could not be done."""
        for explanation in outcome.explanations:
            print(f"error: {printable(explanation)}", file=self._stream)


class Bar:
    """``bar``: one line that is repainted; failures stay above it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._bar: Any = None
        self._failures = _Failures()
        self._rate = Rate()
        self._name = ""
        self._painted: tuple[int, str] | None = None

    def started(self, info: RunInfo) -> None:
        """Say what begins, and draw the bar."""
        self._name = info.workflow_name
        if info.how == "nothing to do":
            return
        lines = (_introduction(info), _cut_off(info), _workers(info))
        print("\n".join(line for line in lines if line is not None), file=self._stream)
        from tqdm import tqdm  # noqa: PLC0415 - loaded when needed

        # Its monitor thread, and its lock for several processes, have no place in a process that forks.
        tqdm.monitor_interval = 0
        tqdm.set_lock(threading.RLock())
        self._rate.add(clock.monotonic(), info.finished)
        self._bar = tqdm(
            total=info.total,
            initial=info.finished,
            file=self._stream,
            **_screen(self._stream),
            miniters=1,
            mininterval=0,
            leave=True,
            bar_format="{percentage:5.1f}% |{bar}| {desc}",
        )

    def progressed(self, progress: Progress) -> None:
        """Repaint when something changed."""
        if self._bar is None:
            return
        finished = finished_jobs(progress.counts)
        self._rate.add(progress.at, finished)
        text = self._text(progress, finished)
        if (finished, text) != self._painted:
            self._painted = finished, text
            self._bar.n, self._bar.total = finished, progress.total
            self._bar.set_description_str(text, refresh=False)
            self._bar.refresh()

    def _text(self, progress: Progress, finished: int) -> str:
        parts = [f"{finished:,}/{progress.total:,}"]
        if finished < progress.total:
            rate = self._rate.per_second()
            if rate is not None:
                parts.append(per_second(rate))
            remaining = self._rate.remaining_s(progress.total - finished)
            if remaining is not None:
                parts.append(f"about {duration(max(1.0, round(remaining)))} left".replace(".00s", "s"))
        parts += [f"{name} {jobs:,}" for name, jobs in _figures(progress.counts)]
        return "  ".join(parts)

    def event(self, event: Event) -> None:
        """Print failures above the bar."""
        line = self._failures.line(event)
        if line is not None:
            self._above(f"x {line}")

    def stopping(self, message: str) -> None:
        """Print it above the bar."""
        self._above(printable(message))

    def ended(self, outcome: Outcome) -> None:
        """Leave the full bar, and say how it ended."""
        if self._bar is not None:
            if (rest := self._failures.rest()) is not None:
                self._above(rest)
            self._bar.close()
        _print_end(self._stream, self._name, outcome, worked=self._bar is not None)

    def _above(self, line: str) -> None:
        if self._bar is None:
            print(line, file=self._stream)
        else:
            self._bar.write(line, file=self._stream)


def _screen(stream: TextIO) -> dict[str, Any]:
    """How large the bar may be: as the terminal is at each moment, unless it does not know its size."""
    try:
        known = all(os.get_terminal_size(stream.fileno()))
    except (OSError, ValueError):
        known = False
    return {"dynamic_ncols": True} if known else {"ncols": 80, "nrows": 24}


def _print_end(stream: TextIO, name: str, outcome: Outcome, *, worked: bool) -> None:
    if worked:
        taken = duration(outcome.wall_s)
        print(summary.sentence(name, outcome.counts, outcome.total, outcome.exit_code, taken), file=stream)
    else:
        print(_nothing_to_do(name, outcome), file=stream)
    for explanation in outcome.explanations:
        print(f"  {printable(explanation)}", file=stream)


def _nothing_to_do(name: str, outcome: Outcome) -> str:
    completed = outcome.counts.get(JobStatus.COMPLETED, 0)
    if completed == outcome.total:
        return f"{printable(name)}: nothing to do, all {plural(outcome.total, 'job')} completed before"
    return f"{printable(name)}: nothing to do, every job has ended; {completed:,} of {outcome.total:,} completed"


class Lines:
    """``lines``: for logs. A line at the beginning and the end, each half minute if something changed, and failures."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._failures = _Failures()
        self._rate = Rate()
        self._name = ""
        self._worked = False
        self._said_at = 0.0
        self._said: dict[str, int] | None = None

    def started(self, info: RunInfo) -> None:
        """The first line."""
        self._name = info.workflow_name
        if info.how == "nothing to do":
            return
        self._worked = True
        self._said_at = clock.monotonic()
        self._rate.add(self._said_at, info.finished)
        self._say(
            f"start {printable(info.workflow_name)} how={info.how} workflow={info.workflow_id} run={info.run_id}"
            f" jobs={info.total} done={info.finished} db={info.db_path} node={info.hostname} runners={info.runners}"
            f" slots={info.slots} cpus={info.cpus} memory={size(info.memory_bytes).replace(' ', '')} gpus={info.gpus}"
        )
        if (line := _cut_off(info)) is not None:
            self._say(line)

    def progressed(self, progress: Progress) -> None:
        """A line when it is time and something changed."""
        finished = finished_jobs(progress.counts)
        self._rate.add(progress.at, finished)
        if progress.at - self._said_at < LINE_S or progress.counts == self._said:
            return
        self._said_at, self._said = progress.at, progress.counts
        share = finished / progress.total if progress.total else 1.0
        figures = " ".join(f"{name.replace(' ', '_')}={jobs}" for name, jobs in _figures(progress.counts))
        remaining = self._rate.remaining_s(progress.total - finished)
        self._say(
            f"{finished}/{progress.total} {share:.1%} {figures} rate={per_second(self._rate.per_second())}"
            + ("" if remaining is None else f" eta={remaining:.0f}s")
        )

    def event(self, event: Event) -> None:
        """The first failures."""
        line = self._failures.line(event)
        if line is not None:
            self._say(line)

    def stopping(self, message: str) -> None:
        """Say it."""
        self._say(printable(message))

    def ended(self, outcome: Outcome) -> None:
        """The last line."""
        if not self._worked:
            self._say(_nothing_to_do(self._name, outcome))
            return
        if (rest := self._failures.rest()) is not None:
            self._say(rest)
        for explanation in outcome.explanations:
            self._say(printable(explanation))
        taken = duration(outcome.wall_s)
        text = summary.sentence(self._name, outcome.counts, outcome.total, outcome.exit_code, taken)
        self._say(f"{text} (exit code {int(outcome.exit_code)})")

    def _say(self, text: str) -> None:
        moment = local(clock.now()).replace(" ", "T", 1)
        print(f"{moment} {text}", file=self._stream, flush=True)


class Objects:
    """``json``: one object per line and event."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._said_at = 0.0
        self._said: dict[str, int] | None = None

    def started(self, info: RunInfo) -> None:
        """The first object."""
        self._say(
            "started",
            schema_version=1,
            **{**info._asdict(), "db_path": str(info.db_path), "budget": info.budget._asdict()},
        )

    def progressed(self, progress: Progress) -> None:
        """When something changed, at most once a second."""
        if progress.at - self._said_at < _OBJECT_S or progress.counts == self._said:
            return
        self._said_at, self._said = progress.at, progress.counts
        finished = finished_jobs(progress.counts)
        self._say("progress", jobs_by_status=progress.counts, total_jobs=progress.total, done=finished)

    def event(self, event: Event) -> None:
        """Every event."""
        self._say(event.type, job_id=event.job_id, job_name=event.job_name, message=event.message)

    def stopping(self, message: str) -> None:
        """Somebody asked to stop."""
        self._say("stopping", message=message)

    def ended(self, outcome: Outcome) -> None:
        """The last object."""
        self._say(
            "ended",
            exit_code=int(outcome.exit_code),
            jobs_by_status=outcome.counts,
            total_jobs=outcome.total,
            wall_seconds=outcome.wall_s,
            explanations=list(outcome.explanations),
        )

    def _say(self, event: str, **fields: Any) -> None:  # noqa: ANN401 - whatever JSON has
        print(json.dumps({"event": event, "time": iso(clock.now()), **fields}), file=self._stream, flush=True)


class Careful:
    """Keeps a watcher from disturbing the run: when the terminal is gone or the log's disk is full, it falls silent."""

    def __init__(self, inner: Watcher) -> None:
        self._inner = inner
        self._broken = False

    def started(self, info: RunInfo) -> None:
        """Pass it on."""
        self._try(self._inner.started, info)

    def progressed(self, progress: Progress) -> None:
        """Pass it on."""
        self._try(self._inner.progressed, progress)

    def event(self, event: Event) -> None:
        """Pass it on."""
        self._try(self._inner.event, event)

    def stopping(self, message: str) -> None:
        """Pass it on."""
        self._try(self._inner.stopping, message)

    def ended(self, outcome: Outcome) -> None:
        """Pass it on."""
        self._try(self._inner.ended, outcome)

    def _try(self, tell: Callable[[Any], None], what: object) -> None:
        if self._broken:
            return
        try:
            tell(what)
        except (OSError, ValueError):
            self._broken = True
