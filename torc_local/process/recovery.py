"""What a dead runner leaves: its processes are ended first, then its jobs go back to others."""

from torc_local.engine.reclaim import Reclaimed, reclaim
from torc_local.ground import clock
from torc_local.process import machine, orphans
from torc_local.process.spawn import RUNNER_VARIABLE
from torc_local.store import meta, reclaiming, runners
from torc_local.store.database import Database
from torc_local.store.runners import RunnerRow


def recover(db: Database, runner: RunnerRow, *, why: str) -> Reclaimed | None:
    """End what is left of a dead runner on this machine and reclaim its jobs; None when that was done before.

    The order matters: a job must not run again while its last attempt still writes.
    """
    if runner.boot_id == machine.boot_id():
        machine.kill(runner.pid, runner.pid_start)  # it was halted; it may hold the write lock
        for pid, started_at in reclaiming.running_of(db, runner.id):
            orphans.end_group(pid, started_at)
        orphans.end_all(orphans.with_entry(RUNNER_VARIABLE, f"{meta.token(db)}.{runner.id}"))
    return reclaim(db, runner, why=why, at=clock.now())


def recover_dead(db: Database, workflow_id: int) -> int:
    """Recover the runners that certainly died on this machine, an earlier boot of it included; how many."""
    boot = machine.boot_id()
    recovered = 0
    for runner in runners.alive(db, workflow_id):
        if runner.boot_id == boot:
            dead = not machine.is_alive(runner.pid, runner.pid_start)
        else:
            dead = machine.same_machine_rebooted(runner.boot_id, runner.hostname)
        if dead and recover(db, runner, why="died") is not None:
            recovered += 1
    return recovered
