"""Whether other processes live: on this machine by asking, everywhere by their beat and our own clock."""

from torc_local.ground import clock
from torc_local.process import machine
from torc_local.store.runners import LeaseRow, RunnerRow

#: How often peers are looked at.
WATCH_S = 2.0

#: A peer whose beat has not changed for this long, by the clock of who watches it, is given up.
LEASE_S = 60.0

#: The same when several machines share the file: longer than an NFS server keeps the locks of one that is cut off.
SHARED_LEASE_S = 180.0

#: Between two looks no more than this counts as silence: who was stopped itself has seen nothing of the others.
MOST_PER_LOOK_S = 5.0


def lease_s(*, is_shared: bool) -> float:
    """How long a peer may be silent (seconds)."""
    return SHARED_LEASE_S if is_shared else LEASE_S


class _Seen:
    __slots__ = ("beat", "looked", "silent_s")

    def __init__(self, beat: int, looked: float) -> None:
        self.beat = beat
        self.looked = looked
        self.silent_s = 0.0


class Peers:
    """The beats that one process has seen of the others."""

    def __init__(self, lease: float | None = None) -> None:
        self._lease_s = LEASE_S if lease is None else lease
        self._seen: dict[tuple[str, int, int], _Seen] = {}

    def is_dead(self, peer: RunnerRow | LeaseRow, beat: int) -> bool:
        """Whether this peer is gone, or has been silent for the lease.

        One that lives on this machine and is silent must be halted, too: else it only waits for the write lock, which
        somebody else does not give back. It is to be killed before its work is taken. One of another machine finds
        itself fenced when it goes on.
        """
        if machine.is_gone(peer.boot_id, peer.hostname, peer.pid, peer.pid_start):
            return True
        key = (peer.boot_id, peer.pid, peer.pid_start)
        now = clock.monotonic()
        seen = self._seen.get(key)
        if seen is None or seen.beat != beat:
            self._seen[key] = _Seen(beat, now)
            return False
        seen.silent_s += min(now - seen.looked, MOST_PER_LOOK_S)
        seen.looked = now
        return seen.silent_s > self._lease_s and (peer.boot_id != machine.boot_id() or machine.is_halted(peer.pid))
