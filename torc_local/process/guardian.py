"""What a supervisor does about processes that died or are halted: it ends what they left, and gives their jobs away."""

import os

from torc_local.process import machine, orphans, spawn
from torc_local.process.peers import Peers
from torc_local.process.recovery import recover
from torc_local.store import meta, runners
from torc_local.store.database import Database
from torc_local.store.runners import LeaseRow, RunnerRow


class Guardian:
    """Watches over the processes of one workflow on this node."""

    def __init__(self, workflow_id: int, run_id: int, node_id: int) -> None:
        self._workflow_id = workflow_id
        self._run_id = run_id
        self._node_id = node_id
        self._peers = Peers()
        self._here = machine.boot_id()

    def bury(self, db: Database, pid: int | None, workers: set[int], *, why: str) -> None:
        """A runner of ours died: end what it left, then give its jobs to others. ``workers`` are ours that live."""
        self._end_strays(db, workers)
        for row in self._of_this_node(db):
            if row.pid == pid:
                recover(db, row, why=why)

    def _end_strays(self, db: Database, workers: set[int]) -> None:
        """End what we were given by the kernel, except what jobs of runners that live have left behind."""
        alive = [row.id for row in self._of_this_node(db) if row.pid in workers]
        # What an action of the start has left behind may be a server for the jobs: who executed it has ended since.
        alive += runners.finished_actors(db, self._workflow_id, self._run_id, self._node_id)
        entries = {f"{spawn.RUNNER_VARIABLE}={meta.token(db)}.{number}".encode() for number in alive}
        orphans.end_strays(os.getpid(), workers, lambda environment: not entries.isdisjoint(environment.split(b"\0")))

    def kill_halted(self, db: Database, workers: set[int]) -> None:
        """Kill processes of this workflow on this machine that were halted for longer than their lease.

        Only who reads can: a coordinator needs the write lock, and they may hold it. As dead ones they are replaced,
        and their jobs given to others. So are those of ours that were declared dead by another node, and live.
        """
        lease = runners.lease(db, self._workflow_id)
        peers: list[RunnerRow | LeaseRow] = [*self._of_this_node(db)]
        if lease is not None and lease.released_at is None:
            peers.append(lease)
        for peer in peers:
            if peer.boot_id == self._here and self._peers.is_dead(peer, peer.beat):
                machine.kill(peer.pid, peer.pid_start)
        for gone in runners.lost(db, self._workflow_id, self._run_id, self._node_id):
            if gone.pid in workers:
                machine.kill(gone.pid, gone.pid_start)

    def _of_this_node(self, db: Database) -> list[RunnerRow]:
        """The open rows of runners of this node, ours and others'; also of those that have just died."""
        return [row for row in runners.alive(db, self._workflow_id) if row.node_id == self._node_id]
