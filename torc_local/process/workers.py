"""What a child of the supervisor does first and last: its connection, its death with its parent, its exit status."""

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import apsw

from torc_local.engine.turn import Fenced
from torc_local.ground import clock
from torc_local.ground.bugs import save_traceback
from torc_local.ground.durability import Durability
from torc_local.ground.errors import ExitCode, StateError, TorcLocalError, of_system
from torc_local.process import actor, kernel
from torc_local.process.actor import Actor
from torc_local.process.coordinator import Coordinator, Post
from torc_local.process.monitor import Monitor, Plan
from torc_local.process.runner import Runner, Setup
from torc_local.store import events, examining, mounts, opening
from torc_local.store.database import Database

#: How long a process that ends for an error waits for the lock, to say so (seconds).
_LAST_WORDS_S = 1.0


def run_runner(setup: Setup, parent: int) -> None:
    """Be a runner; does not return."""
    # QUIT, not TERM: without its supervisor a runner ends its jobs at once and gives back what it holds.
    kernel.die_with_parent(parent, signal.SIGQUIT)
    _be(
        setup.db_path,
        setup.workflow_id,
        lambda db, say: _finish(Runner(db, setup, say), parent),
        turnstile=setup.turnstile,
        durability=setup.durability,
    )


def run_actor(post: actor.Post, parent: int) -> None:
    """Be an actor; does not return."""
    kernel.die_with_parent(parent, signal.SIGQUIT)
    setup = post.setup
    _be(
        setup.db_path,
        setup.workflow_id,
        lambda db, say: _finish(Actor(db, post, say), parent),
        turnstile=setup.turnstile,
        durability=setup.durability,
    )


def run_monitor(plan: Plan, parent: int) -> None:
    """Be the monitor of this node; does not return."""
    kernel.die_with_parent(parent, signal.SIGTERM)
    _be(
        plan.db_path,
        plan.workflow_id,
        lambda db, say: Monitor(db, plan, parent, say).main(),
        turnstile=plan.turnstile,
        durability=plan.durability,
    )


def _finish(runner: Runner | Actor, parent: int) -> None:
    """Work to the end, and close the row as it ended."""
    reason = "failed"
    try:
        reason = runner.main()
    except Fenced:
        reason = "lost"  # written by who declared us dead; closing again changes nothing
        raise
    finally:
        if reason == "lost" or os.getppid() != parent:
            runner.end_leftovers()
        if reason != "failed":
            runner.close(reason)


def run_coordinator(db_path: Path, post: Post, parent: int, *, turnstile: bool, durability: Durability) -> None:
    """Be the coordinator, or stand by for it; does not return."""
    kernel.die_with_parent(parent, signal.SIGTERM)
    _be(
        db_path,
        post.workflow_id,
        lambda db, say: Coordinator(db, post, say).main(),
        turnstile=turnstile,
        durability=durability,
    )


def _be(
    db_path: Path,
    workflow_id: int,
    work: Callable[[Database, Callable[[str], None]], None],
    *,
    turnstile: bool,
    durability: Durability,
) -> None:
    # Out of the terminal's foreground group, so that Ctrl-C reaches the supervisor alone. A job is born into its
    # runner's group and leaves it an instant later: in that instant the signal would kill it.
    os.setpgid(0, 0)
    console = 2
    code = ExitCode.OK
    try:
        console = os.dup(2)  # a runner's own standard error becomes that of its jobs
        with opening.open_existing(db_path, turnstile=turnstile, durability=durability) as db:
            try:
                work(db, lambda message: _say(console, message, None))
            except TorcLocalError as error:
                _note(db, workflow_id, error.message, console)
                raise
    except TorcLocalError as error:
        code = _code(error, db_path)
        _say(console, error.message, error.hint)
    except apsw.Error as error:
        code = _code(error, db_path)
        known = opening.translated(error, db_path)
        damaged = known if isinstance(known, StateError) else examining.blame(db_path)
        _say(console, f"the database cannot be used: {error}" if damaged is None else damaged.message, None)
    except Exception as error:  # noqa: BLE001 - the last stop before the process ends
        refused = of_system(error)
        if refused is None and (damaged := examining.blame(db_path)) is not None:
            _say(console, damaged.message, damaged.hint)
            os._exit(damaged.exit_code)
        # What the system refuses now it may grant to a successor: not STATE, after which nobody is started again.
        code = ExitCode.INTERNAL if refused is None else ExitCode.INCOMPLETE
        if refused is None:
            _say(console, f"internal error, a bug in torc-local; details: {save_traceback()}", None)
        else:
            _say(console, f"a process stopped working: {refused.message}", refused.hint)
    os._exit(code)


def _code(error: BaseException, db_path: Path) -> ExitCode:
    """The exit code for an error: not STATE, after which nobody is started again, for one that may be over soon."""
    code = error.exit_code if isinstance(error, TorcLocalError) else ExitCode.STATE
    passes = isinstance(error, apsw.ReadOnlyError) or (
        opening.is_out_of_reach(error) and mounts.use_of(db_path) is mounts.Use.SHARED
    )
    return ExitCode.INCOMPLETE if code is ExitCode.STATE and passes else code


def _note(db: Database, workflow_id: int, message: str, console: int) -> None:
    db.hurry(_LAST_WORDS_S)  # the lock may be what we have waited for in vain
    try:
        with db.write("event"):
            events.record(db, workflow_id, at=clock.now(), kind="process_failed", message=message)
    except (TorcLocalError, apsw.Error) as error:
        _say(console, f"could not record an event: {error}", None)


def _say(console: int, message: str, hint: str | None) -> None:
    text = f"error: {message}\n" + (f"  hint: {hint}\n" if hint else "")
    with suppress(OSError):  # the terminal may be gone
        os.write(console, text.encode(errors="replace"))
