"""Commands that stay until a workflow has ended: ``wait``, ``watch``, ``events -f``; and who works on it.

None of them holds a read transaction while it waits: a reader that stays would keep the log from being cut.
"""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torc_local.cli import answer, place, terminal
from torc_local.cli.looking import dead_runners, open_workflow
from torc_local.cli.words import did_you_mean
from torc_local.ground import clock
from torc_local.ground.errors import ExitCode, InputError
from torc_local.ground.units import parse_duration
from torc_local.report import crew, groups, status, status_screen
from torc_local.report.groups import Group
from torc_local.report.paint import Looks, painted
from torc_local.report.text import iso, local, printable
from torc_local.store import events, overview, runners, workflows
from torc_local.store.database import Database
from torc_local.store.events import Event
from torc_local.store.workflows import WorkflowRow

#: Between two looks.
_LOOK_S = 0.2

#: Nobody at work for so long: whoever worked has stopped. A supervisor that replaces a runner needs less.
_NOBODY_S = 3.0

#: Between two pictures of ``watch`` on a terminal, and between two lines elsewhere.
_PICTURE_S = 1.0
_LINE_S = 30.0


class Outcome:
    """What has become of a workflow: looked at again and again until it is known."""

    def __init__(self, db: Database, workflow_id: int) -> None:
        self._db = db
        self._workflow_id = workflow_id
        self._first_runner = overview.newest_runner(db, workflow_id)
        self._seen_at_work = False
        self._idle_since: float | None = None
        self.somebody_works = False

    def look(self) -> ExitCode | None:
        """The exit code that says it; None while it may still change. Without work for a while it has stopped."""
        with self._db.read():
            workflow = _get(self._db, self._workflow_id)
            run, counts = workflows.newest_run(self._db, workflow.id), workflows.counts(self._db, workflow.id)
            alive = runners.alive(self._db, workflow.id)
            newest = overview.newest_runner(self._db, workflow.id)
        known = status.outcome(workflow, run, counts)
        if known is not None:
            return known
        dead = dead_runners(alive)
        self.somebody_works = any(runner.id not in dead for runner in alive)
        if self.somebody_works:
            self._seen_at_work, self._idle_since = True, None
            return None
        if workflow.is_canceled:
            return ExitCode.INCOMPLETE
        if not self._seen_at_work and newest == self._first_runner:
            return None
        now = clock.monotonic()
        self._idle_since = self._idle_since or now
        return ExitCode.INCOMPLETE if now - self._idle_since > _NOBODY_S else None


def _get(db: Database, workflow_id: int) -> WorkflowRow:
    found = workflows.get(db, workflow_id)
    if found is None:
        raise InputError(f"workflow {workflow_id} was deleted meanwhile")
    return found


def wait(option: Path | None, word: str | None, *, timeout: str | None, as_json: bool) -> int:
    """``wait``: until the workflow has ended; exit code 0, 1, or 3 when work remains."""
    until = None if timeout is None else clock.monotonic() + _seconds(timeout)
    with open_workflow(option, word) as (db, workflow):
        outcome = Outcome(db, workflow.id)
        code = outcome.look()
        if code is None and not outcome.somebody_works:
            answer.note(
                f"nobody works on workflow {workflow.id} now; waiting for: {place.command(db.path)} run {workflow.id}"
            )
        while code is None and (until is None or clock.monotonic() < until):
            time.sleep(_LOOK_S)
            code = outcome.look()
        found = status.gather(db, _get(db, workflow.id))
        dead = dead_runners(found.runners)
        if as_json:
            said = status.document(found, dead)
            answer.document({**said, "exit_code": int(ExitCode.INCOMPLETE if code is None else code)})
        elif code is None:
            answer.note(f"workflow {workflow.id} has not ended in {timeout}")
        else:
            answer.screen(status_screen.head(found, dead, terminal.looks(sys.stdout)))
    return ExitCode.INCOMPLETE if code is None else code


def _seconds(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise InputError(f"--timeout: {error}") from None


def watch(option: Path | None, word: str | None, *, interval: float | None) -> int:
    """``watch``: the status again and again, until the workflow has ended; exit codes as for ``wait``."""
    with open_workflow(option, word) as (db, workflow):
        outcome = Outcome(db, workflow.id)
        painting = sys.stdout.isatty()
        show = _Picture() if painting else _Lines()
        pause = interval if interval is not None else _PICTURE_S if painting else _LINE_S
        adding = _Adding(db, workflow.id)
        while True:
            code = outcome.look()
            found = status.gather(db, _get(db, workflow.id))
            looks = _looks()
            lines = status_screen.screen(
                found,
                adding.groups(found, at_once=code is not None) if painting or code is not None else [],
                dead=dead_runners(found.runners),
                command=place.command(db.path),
                looks=looks,
            )
            show.show(found, painted(lines, looks), last=code is not None)
            if code is not None:
                return code
            again = clock.monotonic() + pause
            while code is None and clock.monotonic() < again:
                time.sleep(min(_LOOK_S, pause))
                code = outcome.look()


def _looks() -> Looks:
    """As the terminal is; no line fills it, or some terminals would begin another one."""
    looks = terminal.looks(sys.stdout)
    return looks if looks.width is None else looks._replace(width=max(looks.width - 1, 1))


class _Adding:
    """The groups of a workflow, added up so seldom that it costs a twentieth of the time at most."""

    def __init__(self, db: Database, workflow_id: int) -> None:
        self._db = db
        self._workflow_id = workflow_id
        self._found: list[Group] = []
        self._next = 0.0

    def groups(self, found: status.Status, *, at_once: bool) -> list[Group]:
        """As they are, or were some seconds ago; none of a workflow that is too large to be added up."""
        began = clock.monotonic()
        if found.total <= groups.QUICK and (at_once or began >= self._next):
            self._found = groups.gather(self._db, self._workflow_id)
            taken = clock.monotonic() - began
            self._next = began + 20 * taken
        return self._found


class _Picture:
    """The status painted over the last one."""

    def __init__(self) -> None:
        self._height = 0

    def show(self, _found: status.Status, lines: list[str], *, last: bool) -> None:
        """Paint; no line may be broken by the terminal, or the next picture would begin at the wrong place."""
        cut = lines if last else lines[: terminal.height_of() - 1]
        back = f"\x1b[{self._height}A\r\x1b[J" if self._height else ""
        sys.stdout.write(back + "".join(f"{line}\n" for line in cut))
        sys.stdout.flush()
        self._height = len(cut)


class _Lines:
    """A line when something has changed, for logs."""

    def __init__(self) -> None:
        self._said: dict[str, int] | None = None

    def show(self, found: status.Status, lines: list[str], *, last: bool) -> None:
        """Say it; at the end all of it."""
        if last:
            answer.lines(lines)
        elif found.counts != self._said:
            self._said = found.counts
            answer.lines([f"{local(found.at)} {lines[1]}"])
        sys.stdout.flush()


def show_runners(option: Path | None, word: str | None, *, all_runs: bool, as_json: bool) -> int:
    """``runners``."""
    with open_workflow(option, word) as (db, workflow):
        with db.read():
            rows = overview.of_workflow(db, workflow.id, all_runs=all_runs)
            dead = dead_runners(runners.alive(db, workflow.id))
            lease = runners.lease(db, workflow.id)
        if as_json:
            answer.items(crew.item(row, dead) for row in rows)
        else:
            answer.lines(crew.screen(rows, dead, lease, at=clock.now(), width=terminal.width_of(sys.stdout)))
    return ExitCode.OK


def show_events(
    option: Path | None, word: str | None, *, follow: bool, kinds: str | None, tail: int | None, as_json: bool
) -> int:
    """``events``: what has happened, and with ``follow`` what happens until the workflow has ended."""
    if word in ("json", "table") and follow:
        raise InputError(f"'{word}' is no workflow: here -f is --follow", hint=f"torc-local events --format {word}")
    with open_workflow(option, word) as (db, workflow):
        wanted = None if kinds is None else _kinds(db, workflow.id, kinds, follow=follow)
        past = [one for one in _since(db, workflow.id, 0) if wanted is None or one.type in wanted]
        shown = past if tail is None else past[len(past) - min(tail, len(past)) :]
        if not follow:
            if as_json:
                answer.items(map(_item, shown))
            else:
                answer.lines(map(_line, shown))
            return ExitCode.OK
        say = _say_json if as_json else _say_line
        for one in shown:
            say(one)
        _follow(db, workflow.id, max((one.id for one in past), default=0), wanted, say)
    return ExitCode.OK


def _follow(db: Database, workflow_id: int, last: int, wanted: set[str] | None, say: Any) -> None:  # noqa: ANN401
    outcome = Outcome(db, workflow_id)
    seen = None
    while True:
        # Whether it is over is asked before the last events are read, so that none of them is missed.
        code = outcome.look()
        version = db.data_version
        if version != seen or code is not None:
            seen = version
            for one in _since(db, workflow_id, last):
                last = one.id
                if wanted is None or one.type in wanted:
                    say(one)
        if code is not None:
            return
        time.sleep(_LOOK_S)


def _since(db: Database, workflow_id: int, event_id: int) -> Iterator[Event]:
    while found := events.since(db, workflow_id, event_id):
        yield from found
        event_id = found[-1].id


def _kinds(db: Database, workflow_id: int, listed: str, *, follow: bool) -> set[str]:
    """Types of events; one that there is none of may still come, when it is waited for."""
    wanted = {word.strip() for word in listed.split(",") if word.strip()}
    known = sorted({one.type for one in _since(db, workflow_id, 0)})
    missing = sorted(wanted - set(known))
    if missing and follow:
        answer.note(f"there is no event of type '{printable(missing[0])}' so far")
    elif missing or not wanted:
        word = missing[0] if missing else listed
        hint = did_you_mean(word, known) or f"there are: {', '.join(known)}"
        raise InputError(f"there is no event of type '{printable(word)}'", hint=hint)
    return wanted


def _item(one: Event) -> dict[str, Any]:
    return {
        "id": one.id,
        "timestamp": iso(one.at),
        "type": one.type,
        "job_id": one.job_id,
        "job_name": one.job_name,
        "message": one.message,
    }


def _line(one: Event) -> str:
    about = "" if one.job_name is None else f"{printable(one.job_name)}: "
    return f"{local(one.at)}  {one.type:<16}  {about}{printable(one.message)}"


def _say_line(one: Event) -> None:
    print(_line(one), flush=True)


def _say_json(one: Event) -> None:
    print(json.dumps(_item(one)), flush=True)
