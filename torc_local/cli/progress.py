"""How ``run`` shows how far it is: a bar for a terminal, lines for a log, JSON for programs. All on standard error."""

import json
import os
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TextIO

from torc_local.cli import terminal
from torc_local.ground import clock
from torc_local.ground.states import JobStatus, finished_jobs
from torc_local.process.watching import Outcome, Progress, RunInfo, Watcher
from torc_local.report import output, run_screen, summary
from torc_local.report.families import family
from torc_local.report.paint import Line, Looks, painted
from torc_local.report.run_screen import Failed
from torc_local.report.text import duration, iso, local, plural, printable, size
from torc_local.store import overview, reading
from torc_local.store.events import Event
from torc_local.store.overview import LongRunning, Machines

#: Failures shown one by one; more are counted.
MOST_FAILURES = 20
_MOST_KINDS = 5
_LAST_LINES = 5  # of output, of which the last that says anything is shown

#: A terminal with fewer rows has no room for jobs below the bar.
_ROOMY = 12

#: Between two lines of ``lines`` while something changes.
LINE_S = 30.0

#: Between two progress objects of ``json``.
_OBJECT_S = 1.0

#: The rate is that of the last so many seconds, or of the last so many jobs when they took longer.
_RATE_S = 10.0
_RATE_JOBS = 10

#: The bar is painted four times a second at most, and what it takes a query to know once a second.
_PAINT_S = 0.25
_LOOK_S = 1.0

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
        if len(self._seen) > 1 and self._seen[-2][1] == done:
            self._seen.pop()  # nothing was done since: only when that was counts
        self._seen.append((at, done))
        while len(self._seen) > 2 and self._seen[1][0] <= at - _RATE_S:  # noqa: PLR2004 - two make a difference
            if done - self._seen[1][1] < _RATE_JOBS:
                return
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
        if rate is None or self._seen[-1][1] - self._seen[0][1] < _RATE_JOBS:
            return None
        return left / rate


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
    """Shows the first failures, with what was looked up about them, and counts the rest by family and cause."""

    def __init__(self) -> None:
        self.count = 0
        self._waiting: list[Event] = []
        self._rest: dict[tuple[str, str], list[str]] = {}

    def take(self, event: Event) -> str | None:
        """What to print at once; None for nothing, or for a failure that is to be looked up."""
        if event.type not in _SHOWN:
            return None
        if event.job_name is None:
            return printable(event.message)
        self.count += 1
        if self.count > MOST_FAILURES:
            self._rest.setdefault((family(event.job_name), _why(event)), []).append(event.job_name)
        else:
            self._waiting.append(event)
        return None

    def waiting(self, look: Callable[[int], Failed]) -> list[tuple[Event, Failed]]:
        """Those that were taken since the last call, looked up."""
        found = [(event, Failed() if event.job_id is None else look(event.job_id)) for event in self._waiting]
        self._waiting = []
        return found

    def rest(self) -> list[str]:
        """What to say of those that were not shown."""
        if not self._rest:
            return []
        kinds = sorted(self._rest.items(), key=lambda kind: -len(kind[1]))
        lines = [f"... and {self.count - MOST_FAILURES:,} more failures:"]
        lines += [
            f"  {printable(pattern if len(names) > 1 else names[0])}   {printable(why)}"
            + (f"   x {len(names):,} (first: {printable(names[0])})" if len(names) > 1 else "")
            for (pattern, why), names in kinds[:_MOST_KINDS]
        ]
        if len(kinds) > _MOST_KINDS:
            lines.append(f"  ... and {len(kinds) - _MOST_KINDS:,} more kinds")
        return lines


def _why(event: Event) -> str:
    return event.message if event.type == "job_failed" else f"terminated: {event.message}"


def looked_up(progress: Progress, job_id: int) -> Failed:
    """What the database and the output of a job say about its newest attempt; nothing when that cannot be read."""
    if progress.db is None:
        return Failed()
    # A look that fails must not end a run, whatever is wrong.
    with suppress(Exception):
        db = progress.db()
        tries = reading.attempts(db, job_id)
        told = output.telling(db, job_id, _LAST_LINES)
        last = tries[-1] if tries else None
        lines = [] if told is None else told.lines
        return Failed(
            taken_s=None if last is None else last.ended_at - last.started_at,
            node=None if last is None else last.node,
            attempt_id=None if last is None else last.attempt_id,
            file=None if told is None else told.path,
            last_line=next((line.strip() for line in reversed(lines) if line.strip()), ""),
        )
    return Failed()


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
    """``bar``: a bar with lines below it that are painted anew; failures stay above it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._bar: Any = None
        self._below: list[Any] = []
        self._failures = _Failures()
        self._rate = Rate()
        self._name = ""
        self._workflow_id = 0
        self._last: Progress | None = None
        self._stopping = False
        self._painted_at = 0.0
        self._looked_at = 0.0
        self._machines: Machines | None = None
        self._longest: list[LongRunning] = []

    def started(self, info: RunInfo) -> None:
        """Say what begins, and draw the bar."""
        self._name, self._workflow_id = info.workflow_name, info.workflow_id
        if info.how == "nothing to do":
            return
        lines = (_introduction(info), _cut_off(info), _workers(info))
        print("\n".join(line for line in lines if line is not None), file=self._stream)
        from tqdm import tqdm  # noqa: PLC0415 - loaded when needed

        # Its monitor thread, and its lock for several processes, have no place in a process that forks.
        tqdm.monitor_interval = 0
        tqdm.set_lock(threading.RLock())
        self._rate.add(clock.monotonic(), info.finished)
        self._bar = self._line(
            0, total=info.total, initial=info.finished, leave=True, bar_format="{percentage:5.1f}% |{bar}| {desc}"
        )

    def _line(self, position: int, **given: Any) -> Any:  # noqa: ANN401 - tqdm's
        from tqdm import tqdm  # noqa: PLC0415 - loaded when needed

        return tqdm(file=self._stream, **_screen(self._stream), miniters=1, mininterval=0, position=position, **given)

    def progressed(self, progress: Progress) -> None:
        """Print failures, and repaint when it is time."""
        if self._bar is None:
            return
        for event, found in self._failures.waiting(partial(looked_up, progress)):
            self._above(*run_screen.failed_lines(event.job_name or "", _why(event), found))
        self._last = progress
        self._rate.add(progress.at, finished_jobs(progress.counts))
        if progress.at - self._painted_at >= _PAINT_S:
            self._paint(progress)

    def _paint(self, progress: Progress) -> None:
        self._painted_at = progress.at
        if progress.at - self._looked_at >= _LOOK_S and progress.db is not None:
            self._looked_at = progress.at
            with suppress(Exception):  # as in looked_up
                db = progress.db()
                self._machines = overview.machines(db, self._workflow_id)
                self._longest = overview.longest(db, self._workflow_id, run_screen.LONGEST)
        looks = self._looks()
        finished = finished_jobs(progress.counts)
        running = progress.counts.get(JobStatus.RUNNING, 0)
        lines: list[Line] = [run_screen.state_line(progress.counts, self._machines, looks)]
        if finished < progress.total and terminal.height_of() >= _ROOMY:
            lines += run_screen.job_lines(self._longest, running, at=clock.now(), looks=looks)
        self._bar.n, self._bar.total = finished, progress.total
        self._bar.set_description_str(self._text(progress.total, finished), refresh=False)
        self._bar.refresh()
        while len(self._below) < len(lines):
            self._below.append(self._line(len(self._below) + 1, leave=False, bar_format="{desc}"))
        texts = painted(lines, looks)
        for number, line in enumerate(self._below):
            line.set_description_str(texts[number] if number < len(texts) else "", refresh=False)
            line.refresh()

    def _looks(self) -> Looks:
        """As the terminal is; a line that fills it would be broken by some."""
        looks = terminal.looks(self._stream)
        width = terminal.DEFAULT_WIDTH if looks.width is None else looks.width
        return looks._replace(width=max(width - 1, 1))

    def _text(self, total: int, finished: int) -> str:
        parts = [f"{finished:,}/{total:,}"]
        if self._stopping:
            return f"{parts[0]}  stopping"
        if finished < total:
            rate = self._rate.per_second()
            if rate is not None:
                parts.append(per_second(rate))
            remaining = self._rate.remaining_s(total - finished)
            if remaining is not None:
                parts.append(f"about {run_screen.roughly(remaining)} left")
        return "  ".join(parts)

    def event(self, event: Event) -> None:
        """Print it above the bar, or keep it until it is looked up."""
        line = self._failures.take(event)
        if line is not None:
            self._above(f"x {line}")

    def stopping(self, message: str) -> None:
        """Print it above the bar, which tells no more when the rest will be done."""
        self._stopping = True
        self._above(printable(message))

    def ended(self, outcome: Outcome) -> None:
        """Leave the full bar, and say how it ended."""
        if self._bar is not None:
            for event, found in self._failures.waiting(lambda _: Failed()):
                self._above(*run_screen.failed_lines(event.job_name or "", _why(event), found))
            self._above(*self._failures.rest())
            if self._last is not None:
                self._paint(self._last)
            for line in reversed(self._below):
                line.close()
            self._bar.close()
        _print_end(self._stream, self._name, outcome, worked=self._bar is not None)

    def _above(self, *lines: Line) -> None:
        # What stays is not cut: the terminal breaks it, and a wider one shows it whole.
        if not lines:
            return
        text = "\n".join(painted(lines, self._looks()._replace(width=None)))
        if self._bar is None:
            print(text, file=self._stream)
        else:
            self._bar.write(text, file=self._stream)


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
        """A line for each of the first failures, and one when it is time and something changed."""
        for event, found in self._failures.waiting(partial(looked_up, progress)):
            self._say(_failed_line(event, found))
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
        """Say it, or keep it until it is looked up."""
        line = self._failures.take(event)
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
        for event, found in self._failures.waiting(lambda _: Failed()):
            self._say(_failed_line(event, found))
        for line in self._failures.rest():
            self._say(line)
        for explanation in outcome.explanations:
            self._say(printable(explanation))
        taken = duration(outcome.wall_s)
        text = summary.sentence(self._name, outcome.counts, outcome.total, outcome.exit_code, taken)
        self._say(f"{text} (exit code {int(outcome.exit_code)})")

    def _say(self, text: str) -> None:
        moment = local(clock.now()).replace(" ", "T", 1)
        print(f"{moment} {text}", file=self._stream, flush=True)


def _failed_line(event: Event, found: Failed) -> str:
    facts = [
        *([] if found.taken_s is None else [f"wall={duration(found.taken_s)}"]),
        *([] if found.node is None else [f"node={printable(found.node)}"]),
        *([f"attempt={found.attempt_id}"] if (found.attempt_id or 0) > 1 else []),
        *([] if found.file is None or not found.last_line else [f"log={printable(str(found.file))}"]),
    ]
    said = f": {printable(found.last_line)}" if found.last_line else ""
    return " ".join([f"FAILED {printable(event.job_name or '')} {printable(_why(event))}", *facts]) + said


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
