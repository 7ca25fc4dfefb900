"""What a dead runner leaves: its processes are ended first, then its jobs go back to others."""

from typing import NamedTuple

from torc_local.engine.reclaim import Reclaimed, reclaim
from torc_local.ground import clock
from torc_local.process import machine, orphans
from torc_local.process.spawn import RUNNER_VARIABLE
from torc_local.store import checking, meta, reclaiming, runners
from torc_local.store.database import Database
from torc_local.store.runners import RunnerRow


def recover(db: Database, runner: RunnerRow, *, why: str) -> Reclaimed | None:
    """End what is left of a dead runner on this machine and reclaim its jobs; None when that was done before.

    The order matters: a job must not run again while its last attempt still writes.
    """
    end_leftovers(db, runner)
    return reclaim(db, runner, why=why, at=clock.now())


def end_leftovers(db: Database, runner: RunnerRow) -> None:
    """End what jobs of a dead runner of this machine left running."""
    if runner.boot_id == machine.boot_id():
        machine.kill(runner.pid, runner.pid_start)  # it was halted; it may hold the write lock
        for pid, started_at in reclaiming.running_of(db, runner.id):
            orphans.end_group(pid, started_at)
        orphans.end_all(orphans.with_entry(RUNNER_VARIABLE, f"{meta.token(db)}.{runner.id}"))


def recover_others(db: Database, found: list[RunnerRow]) -> None:
    """Recover those of other workflows' runners that certainly died on this machine.

    Nobody may ever go on with their workflow, and they hold their part of this node: processors, memory, GPUs.
    """
    for runner in _gone(found):
        recover(db, runner, why="died")


def _gone(found: list[RunnerRow]) -> list[RunnerRow]:
    return [one for one in found if machine.is_gone(one.boot_id, one.hostname, one.pid, one.pid_start)]


class Recovered(NamedTuple):
    """What was left by runners that died without a goodbye."""

    died: int = 0  # runners
    lost: int = 0  # jobs that were running in them: their attempts are on record as lost
    claimed: int = 0  # jobs that they held and that may have started, or even ended, unrecorded


def recover_dead(db: Database, workflow_id: int) -> Recovered:
    """Recover the runners that certainly died on this machine, an earlier boot of it included.

    Where one died, whatever killed it may have damaged the file (a power loss, a full or failing disk), so its pages
    are checked before anything is written to it. Raises StateError when they are not whole.
    """
    dead = _gone(runners.alive(db, workflow_id))
    others = _gone(runners.of_others(db, workflow_id))
    if dead or others:
        checking.demand(db)
    recover_others(db, others)
    found = [back for runner in dead if (back := recover(db, runner, why="died")) is not None]
    return Recovered(len(found), sum(back.lost + back.failed for back in found), sum(back.unstarted for back in found))
