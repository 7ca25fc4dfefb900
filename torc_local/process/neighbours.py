"""Whether the nodes of a shared database see each other's locks and each other's writes.

SQLite needs both, and mounts that lack either hand a job out twice within seconds: over NFS without a lock service
locks are known to one machine alone, on GlusterFS with its default caches they are global and the pages read under them
are old. So a node that comes asks every node that is there, on files beside the database and never on the database
itself, before it opens that. Each test is one that the other mount passes:

*exclusion*  a byte that the other node has locked must not be lockable here, nor ours there;
*freshness*  both take turns at a counter under a lock, each with one descriptor that stays open: who does not see the
             other's number within ``PATIENCE_S`` reads old pages.

Every node has a process that answers (``answer``). It holds a lock on its file for as long as it lives, and counts in
it, so that who gets the lock can tell a node that is gone from locks that do nothing.

    <db>.nodes/KEY.node     bytes 0-7 the beat, then the host's name; its byte ``_BYTE`` is locked by the node
    <db>.nodes/KEY.turns    bytes 0-7 the counter, odd when an answer is due; 8-15 the verdict; then whose file
"""

import errno
import fcntl
import hashlib
import os
import signal
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from torc_local.ground import private
from torc_local.ground.errors import StateError
from torc_local.process import kernel, machine
from torc_local.store import mounts

#: How long a node may take for its turn.
PATIENCE_S = 3.0

TURNS = 20

#: For all questions to one node; a lock call may hang in the kernel, so they are asked by a child that can be killed.
LIMIT_S = 10.0

_BEAT_S = 0.5
_IDLE_S = 0.1
_BUSY_S = 0.002
_BUSY_FOR_S = 5.0

_BYTE = 1 << 30  # of the lock; beyond anything that is written
_QUEUE = _BYTE + 1  # of the lock of who asks, so that only one does
_NUMBER = struct.Struct("<Q")
_NAME_AT = 16
_NAME_BYTES = 240

_UNKNOWN, _EXCLUDED, _LET_IN = range(3)


class Neighbour(NamedTuple):
    """Another node's file, and its host's name."""

    file: Path
    host: str


def directory(database: Path) -> Path:
    """Where the nodes of a database have their files."""
    file = database.resolve()
    return file.with_name(f"{file.name}.nodes")


def key(identity: str, pid: int) -> str:
    """A node's name: a digest of what tells machines apart, and who supervises it."""
    return f"{hashlib.sha256(identity.encode()).hexdigest()[:16]}-{pid}"


def answer(place: Path, name: str, host: str, ready: int) -> None:
    """Be a node's answering process, until it is ended; ``ready`` is written to when it can be asked."""
    node, turns = place / f"{name}.node", place / f"{name}.turns"
    fd = os.open(node, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    of_turns = os.open(turns, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    _lock(fd, _BYTE)
    os.pwrite(fd, host.encode()[:_NAME_BYTES], _NAME_AT)
    os.pwrite(of_turns, bytes(_NAME_AT + _NAME_BYTES), 0)
    os.fsync(of_turns)
    beat, beaten, asked = 0, 0.0, -_BUSY_FOR_S
    os.write(ready, b".")
    os.close(ready)
    while True:
        now = time.monotonic()
        if now - beaten >= _BEAT_S:
            beat, beaten = beat + 1, now
            os.pwrite(fd, _NUMBER.pack(beat), 0)
            os.fsync(fd)
        if _reply(place, of_turns):
            asked = now
        time.sleep(_BUSY_S if now - asked < _BUSY_FOR_S else _IDLE_S)


def _reply(place: Path, fd: int) -> bool:
    """Take our turn if it is ours."""
    _lock(fd, _BYTE, wait=True)
    try:
        page = os.pread(fd, _NAME_AT + _NAME_BYTES, 0)
        number = _NUMBER.unpack_from(page)[0]
        if number % 2 == 0:
            return False
        verdict = _NUMBER.unpack_from(page, 8)[0]
        if verdict == _UNKNOWN:
            asker = page[_NAME_AT:].rstrip(b"\0").decode()
            try:
                verdict = _LET_IN if _can_lock(place / asker) else _EXCLUDED
            except OSError:
                verdict = _EXCLUDED  # who asked has left
        os.pwrite(fd, _NUMBER.pack(number + 1) + _NUMBER.pack(verdict), 0)
        os.fsync(fd)
        return True
    finally:
        _unlock(fd, _BYTE)


def others(place: Path, identity: str) -> list[Neighbour]:
    """Nodes on other machines that have files here, alive or not."""
    # A directory that this machine has listed before may be remembered as it was; a change of its own ends that.
    fresh = place / f".{os.getpid()}"
    with suppress(OSError):
        fresh.touch(mode=0o600)
        fresh.unlink()
    ours = key(identity, 0).rpartition("-")[0]
    found = []
    for file in sorted(place.glob("*.node")):
        if not file.name.startswith(ours):
            with suppress(OSError):
                found.append(Neighbour(file, file.read_bytes()[_NAME_AT:].rstrip(b"\0").decode(errors="replace")))
    return found


def ask(neighbour: Neighbour, ours: str) -> str | None:
    """What is wrong between this node and another; None when nothing is, or when that one is gone.

    ``ours`` is the name of this node's file, which is locked by then.
    """
    try:
        free = _can_lock(neighbour.file)
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"locks do not work here at all ({os.strerror(error.errno or 0).lower()})"
    if free:
        if not _beats(neighbour.file):
            for file in (neighbour.file, neighbour.file.with_suffix(".turns")):
                file.unlink(missing_ok=True)
            return None
        return f"what {neighbour.host} has locked can be locked here, too: locks are known to each machine alone"
    try:
        fd = os.open(neighbour.file.with_suffix(".turns"), os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        _lock(fd, _QUEUE, wait=True)
        return _take_turns(fd, neighbour, ours)
    finally:
        os.close(fd)


def _take_turns(fd: int, neighbour: Neighbour, ours: str) -> str | None:
    name = ours.encode().ljust(_NAME_BYTES, b"\0")
    for turn in range(TURNS):
        _lock(fd, _BYTE, wait=True)
        number = _NUMBER.unpack(os.pread(fd, _NUMBER.size, 0))[0]
        number += 1 + number % 2  # whoever asked before us may have died in the middle
        if turn == 0:
            os.pwrite(fd, _NUMBER.pack(number) + _NUMBER.pack(_UNKNOWN) + name, 0)
        else:
            os.pwrite(fd, _NUMBER.pack(number), 0)
        os.fsync(fd)
        _unlock(fd, _BYTE)
        if not _answered(fd, number + 1):
            if _beats(neighbour.file):
                return f"what {neighbour.host} writes under a lock is not seen here: old pages are read"
            return (
                f"{neighbour.host} does not answer, and its lock is still held: it hangs, is cut off, or has died and "
                "the file server does not know yet"
            )
    verdict = _NUMBER.unpack(os.pread(fd, _NUMBER.size, 8))[0]
    if verdict == _LET_IN:
        return f"what is locked here can be locked on {neighbour.host}, too: locks are known to each machine alone"
    return None


def _answered(fd: int, wanted: int) -> bool:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        _lock(fd, _BYTE, wait=True)
        number = _NUMBER.unpack(os.pread(fd, _NUMBER.size, 0))[0]
        _unlock(fd, _BYTE)
        if number == wanted:
            return True
        time.sleep(_BUSY_S)
    return False


def _beats(file: Path) -> bool:
    """Whether its node counts in it, by content or by time of change.

    Opened anew for each look, the content is fresh over NFS; where old pages are kept all the same, the time is not.
    """
    seen = set()
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        try:
            seen.add((file.read_bytes()[: _NUMBER.size], file.stat().st_mtime_ns))
        except OSError:
            return False
        if len(seen) > 1:
            return True
        time.sleep(_BEAT_S / 2)
    return False


def _can_lock(file: Path) -> bool:
    """Whether the byte that a node holds in its file can be locked by us, too."""
    fd = os.open(file, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        _lock(fd, _BYTE)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES):
            return False
        raise
    finally:
        os.close(fd)  # which gives the lock back
    return True


def _lock(fd: int, byte: int, *, wait: bool = False) -> None:
    fcntl.lockf(fd, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB), 1, byte)


def _unlock(fd: int, byte: int) -> None:
    fcntl.lockf(fd, fcntl.LOCK_UN, 1, byte)


class Presence:
    """This node among those of a shared database, from before it opens that until it leaves."""

    def __init__(self, database: Path, identity: str, host: str) -> None:
        self._place = directory(database)
        self._identity = identity
        self._name = key(identity, os.getpid())
        self._place.mkdir(mode=0o700, exist_ok=True)
        self._tidy_up()
        ready, told = os.pipe()
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(ready)
            _as_child(parent, lambda: answer(self._place, self._name, host, told))
        os.close(told)
        up = os.read(ready, 1)
        os.close(ready)
        if not up:
            self.leave()
            raise StateError(f"this node cannot lock a file beside the database: {self._place}", hint=_CURE)

    def meet(self, kind: str) -> None:
        """Ask the nodes that are there. Raises StateError, having left, when one of them and this one do not agree.

        ``kind`` names the file system.
        """
        # All at once: of those that are gone, each takes its time.
        asked = [self._begin_to_ask(neighbour) for neighbour in others(self._place, self._identity)]
        until = time.monotonic() + LIMIT_S
        wrong = [answer for one in asked if (answer := _end_of(one, until)) is not None]
        if wrong:
            self.leave()
            raise StateError(f"the database cannot be used by several machines on this {kind}: {wrong[0]}", hint=_CURE)

    def _begin_to_ask(self, neighbour: Neighbour) -> tuple[int, int]:
        """A child that asks, and where it will tell what is wrong."""
        heard, told = os.pipe()
        parent, pid = os.getpid(), os.fork()
        if pid == 0:
            os.close(heard)
            _as_child(parent, lambda: os.write(told, (ask(neighbour, f"{self._name}.node") or "").encode()))
        os.close(told)
        return pid, heard

    def _tidy_up(self) -> None:
        """Take away what supervisors of this machine left that were killed."""
        ours = key(self._identity, 0).rpartition("-")[0]
        for file in self._place.glob(f"{ours}-*"):
            pid = file.stem.rpartition("-")[2]
            if not (pid.isdigit() and Path(f"/proc/{pid}").exists()):
                file.unlink(missing_ok=True)

    def leave(self) -> None:
        """End the answering process and take its files away."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)
        for suffix in (".node", ".turns"):
            with suppress(OSError):
                (self._place / f"{self._name}{suffix}").unlink()
        with suppress(OSError):
            self._place.rmdir()  # when nobody else is there


def _end_of(asked: tuple[int, int], until: float) -> str | None:
    pid, heard = asked
    while os.waitpid(pid, os.WNOHANG) == (0, 0):
        if time.monotonic() > until:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            os.close(heard)
            return f"a lock call did not return within {LIMIT_S:g} s"
        time.sleep(0.01)
    with os.fdopen(heard, "rb") as answered:
        return answered.read().decode() or None


@contextmanager
def present(database: Path) -> Iterator[int | None]:
    """Be one of the nodes of a database while in here; the pid of the process that answers for this one.

    None on a file system that is this machine's own: there is nobody to meet. Raises StateError before the database is
    touched, when its nodes would not see each other's locks or writes.
    """
    if mounts.use_of(database) is mounts.Use.LOCAL:
        yield None
        return
    private.make_directory(database.parent)
    here = Presence(database, machine.boot_id(), socket.gethostname())
    try:
        here.meet(mounts.mount_of(database).kind)
        yield here.pid
    finally:
        here.leave()


_CURE = (
    "docs/shared-file-systems.md says what to mount how; to use it from one machine alone: torc-local --local; nothing "
    "was touched"
)


def _as_child(parent: int, work: Callable[[], object]) -> None:
    """Run something in a forked child, which ends with it, or with its parent."""
    code = 1
    try:
        kernel.die_with_parent(parent, signal.SIGKILL)
        for kind in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGCHLD):
            signal.signal(kind, signal.SIG_IGN if kind != signal.SIGCHLD else signal.SIG_DFL)
        work()
        code = 0
    finally:
        os._exit(code)
