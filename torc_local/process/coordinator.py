"""The coordinator: one per workflow over all nodes, held by a lease row. Unblocks, reclaims, closes the run.

Every node starts one; all but the holder of the lease wait for it to die or finish. It holds no state of its own:
all it knows is in the database, so the next one goes on where it was.

Crash table: what a SIGKILL leaves (ground/faults.py).

    moment                  on record                                  afterwards
    coordinator.leased      its lease, nothing else                    dead by its pid, or silent: the next takes over
    coordinator.unblocked   a batch counted off, with its place in     the next coordinator goes on with the next edge
                            the queue of ended jobs
    coordinator.closed      the run is closed, its lease is not        nothing is left to do; the next run has its own
"""

import os
import signal
import time
from collections.abc import Callable
from typing import NamedTuple

from torc_local.engine.close import close
from torc_local.engine.unblock import Deposed, unblock
from torc_local.ground import clock, faults
from torc_local.process import machine, peers
from torc_local.process.backlog import RETRY_S
from torc_local.process.inbox import NOT_FOR_WORKERS, Inbox
from torc_local.process.metrics import write_figures
from torc_local.process.pause import Pause
from torc_local.process.peers import Peers, lease_s
from torc_local.process.recovery import recover, recover_others
from torc_local.store import jobs, runners, unblocking, workflows
from torc_local.store.database import DISK_ERRORS, Database
from torc_local.store.opening import translated

#: While runners have enough to do, ended jobs may wait this long to be counted off in one batch.
GATHER_S = 0.02

#: The same where every look asks a file server.
SHARED_GATHER_S = 0.2


class Post(NamedTuple):
    """What a coordinator is told by its supervisor."""

    workflow_id: int
    run_id: int
    node_id: int


class Coordinator:
    """The loop of the coordinator process."""

    def __init__(self, db: Database, post: Post, say: Callable[[str], None]) -> None:
        self._db = db
        self._say = say
        self._post = post
        self._inbox = Inbox((signal.SIGTERM, signal.SIGQUIT), ignored=NOT_FOR_WORKERS)
        self._pause = Pause(longest_s=SHARED_GATHER_S if db.is_shared else GATHER_S)
        self._peers = Peers(lease_s(is_shared=db.is_shared))
        self._epoch = 0
        self._said = ""  # last complaint about the disk
        self._cpu_s = 0.0  # of this process, as far as it is in the database

    def main(self) -> None:
        """Wait for the lease, then work until the run is closed, or until told to stop."""
        while True:
            try:
                unblocking.prepare(self._db)
                if self._take_lease():
                    self._work()
            except Deposed:
                continue
            except DISK_ERRORS as error:
                # Nothing is held here: what could not be counted off is still in the queue.
                self._db.before_retry(error)
                self._complain(error)
                if self._inbox.wait(RETRY_S) is None:
                    continue
            return

    def _complain(self, error: Exception) -> None:
        message = str(translated(error, self._db.path))
        if message != self._said:
            self._said = message
            self._say(message)

    def _take_lease(self) -> bool:
        """Become the coordinator as soon as there is none; False when that is not needed any more."""
        while not self._closed():
            holder = runners.lease(self._db, self._post.workflow_id)
            if holder is not None and (holder.epoch, holder.pid) == (self._epoch, os.getpid()):
                return True  # it is ours still: we were only kept from writing
            if holder is None or holder.released_at is not None or self._peers.is_dead(holder, holder.beat):
                if holder is not None and holder.boot_id == machine.boot_id():
                    machine.kill(holder.pid, holder.pid_start)
                with self._db.write("take lease"):
                    if runners.lease(self._db, self._post.workflow_id) == holder:
                        pid = os.getpid()
                        self._epoch = runners.take_lease(
                            self._db,
                            self._post.workflow_id,
                            node_id=self._post.node_id,
                            pid=pid,
                            pid_start=machine.start_of(pid) or 0,
                        )
                        faults.reach("coordinator.leased")
                        return True
                continue
            if self._inbox.wait(0.2) is not None:
                return False
        return False

    def _work(self) -> None:
        watched = gathered = 0.0
        looked = drawn = -1  # versions of the database: at the last look, and when consequences were last drawn
        while True:
            now = clock.monotonic()
            if now - watched >= peers.WATCH_S:  # the lease is renewed then, too
                watched = now
                self._watch()
            version = self._db.data_version
            if version != looked:
                # Where something happened, more will: the end of a round must not find us asleep.
                looked = version
                self._pause.reset()
            if version != drawn and (now - gathered >= GATHER_S or self._somebody_waits()):
                drawn, gathered = version, now
                self._unblock_all()
                if close(self._db, self._post.workflow_id, self._post.run_id, at=clock.now()):
                    faults.reach("coordinator.closed")
                    break
            if self._inbox.wait(self._pause.next_s()) is not None:
                break
        with self._db.write("release lease"):
            runners.release_lease(
                self._db,
                self._post.workflow_id,
                self._epoch,
                at=clock.now(),
                cpu_s=self._cpu_since(),
                write_figures=write_figures(self._db.stats),
            )

    def _somebody_waits(self) -> bool:
        return not jobs.standing(self._db, self._post.workflow_id).ready

    def _unblock_all(self) -> None:
        """Work the queue off."""
        if not unblocking.waiting(self._db, self._post.workflow_id):
            return
        while unblock(self._db, self._post.workflow_id, self._epoch, cpu_s=self._cpu_since()).more:
            faults.reach("coordinator.unblocked")
        faults.reach("coordinator.unblocked")

    def _watch(self) -> None:
        """Show that we live, and take back the work of runners that do not."""
        with self._db.write("renew lease"):
            if not runners.renew_lease(self._db, self._post.workflow_id, self._epoch, cpu_s=self._cpu_since()):
                raise Deposed("another coordinator has taken over this workflow")
        for runner in runners.alive(self._db, self._post.workflow_id):
            if self._peers.is_dead(runner, runner.beat):
                recover(self._db, runner, why="died or fell silent")
        recover_others(self._db, runners.of_others(self._db, self._post.workflow_id))

    def _closed(self) -> bool:
        run = workflows.newest_run(self._db, self._post.workflow_id)
        return run is None or run.run_id != self._post.run_id or run.ended_at is not None

    def _cpu_since(self) -> float:
        used = time.process_time()
        since, self._cpu_s = used - self._cpu_s, used
        return since
