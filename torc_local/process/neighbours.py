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
import secrets
import signal
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from torc_local.ground import private, remembered
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
_AGAIN_S = 1.0
_NAMED_S = 0.5

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
    """Be a node's answering process, until it is ended; ``ready`` is written to when it can be asked.

    When the file server was out of reach, it took our lock for that of a dead one, and another node may have taken our
    file for its: both are made again. Raises OSError when they cannot be made the first time.
    """
    told = False

    def tell() -> None:
        nonlocal told
        if not told:
            os.write(ready, b".")
            os.close(ready)
            told = True

    while True:
        try:
            _attend(place, name, host, tell)
        except OSError:
            if not told:
                raise
        time.sleep(_AGAIN_S)


def _attend(place: Path, name: str, host: str, tell: Callable[[], None]) -> None:
    """Answer until our file is not ours any more."""
    place.mkdir(mode=0o700, exist_ok=True)
    node, turns = place / f"{name}.node", place / f"{name}.turns"
    with ExitStack() as opened:
        fd, of_turns = (opened.enter_context(_file(path)) for path in (node, turns))
        _lock(fd, _BYTE)
        os.pwrite(fd, host.encode()[:_NAME_BYTES], _NAME_AT)
        os.pwrite(of_turns, bytes(_NAME_AT + _NAME_BYTES), 0)
        os.fsync(of_turns)
        beat, beaten, asked = 0, 0.0, -_BUSY_FOR_S
        tell()
        while True:
            now = time.monotonic()
            if now - beaten >= _BEAT_S:
                beat, beaten = beat + 1, now
                _lock(fd, _BYTE)  # held already, unless the file server has dropped it meanwhile
                os.pwrite(fd, _NUMBER.pack(beat), 0)
                os.fsync(fd)
                if node.stat().st_ino != os.fstat(fd).st_ino:
                    return
            if _reply(place, of_turns):
                asked = now
            time.sleep(_BUSY_S if now - asked < _BUSY_FOR_S else _IDLE_S)


@contextmanager
def _file(path: Path) -> Iterator[int]:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        yield fd
    finally:
        with suppress(OSError):  # of a file server that is out of reach: it is closed all the same
            os.close(fd)


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
    ours = key(identity, 0).rpartition("-")[0]
    return [Neighbour(place / name, _host(place / name)) for name in names(place, ".node") if not name.startswith(ours)]


def names(place: Path, suffix: str) -> list[str]:
    """The files that are there now, sorted.

    A directory that this machine has listed before, and names that it has missed there, may be remembered as they were
    (NFS); a change of its own ends that. So ask for names here, and not whether a file exists.
    """
    fresh = place / f".{secrets.token_hex(8)}"
    with suppress(OSError):
        fresh.touch(mode=0o600)
        fresh.unlink()
    with suppress(OSError):
        return sorted(name for name in os.listdir(place) if name.endswith(suffix))  # noqa: PTH208 - names are wanted
    return []


def _host(file: Path) -> str:
    """The name of the host that made this file, which is empty for a moment."""
    until = time.monotonic() + _NAMED_S
    while True:
        with suppress(OSError):
            if (name := file.read_bytes()[_NAME_AT:].rstrip(b"\0")) or time.monotonic() > until:
                return name.decode(errors="replace") or "another machine"
        if time.monotonic() > until:
            return "another machine"
        time.sleep(_BEAT_S / 10)


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
        # Back from being cut off, it takes its lock again with its next beat.
        if _can_lock(neighbour.file):
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
        self.place = directory(database)
        self._identity = identity
        self.name = key(identity, os.getpid())
        self.place.mkdir(mode=0o700, exist_ok=True)
        self._tidy_up()
        ready, told = os.pipe()
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(ready)
            _as_child(parent, lambda: answer(self.place, self.name, host, told))
        os.close(told)
        up = os.read(ready, 1)
        os.close(ready)
        if not up:
            self.leave()
            raise StateError(f"this node cannot lock a file beside the database: {self.place}", hint=CURE)

    def others(self) -> list[Neighbour]:
        """The nodes on other machines that have files here, alive or not."""
        return others(self.place, self._identity)

    def meet(self, kind: str) -> None:
        """Ask the nodes that are there. Raises StateError, having left, when one of them and this one do not agree.

        ``kind`` names the file system.
        """
        wrong = [answer for _, answer in self.ask() if answer is not None]
        if wrong:
            self.leave()
            raise StateError(f"the database cannot be used by several machines on this {kind}: {wrong[0]}", hint=CURE)

    def ask(self) -> list[tuple[str, str | None]]:
        """Ask the nodes that are there: the host of each, and what is wrong between it and this one."""
        # All at once: of those that are gone, each takes its time.
        asked = [(neighbour.host, self._begin_to_ask(neighbour)) for neighbour in self.others()]
        until = time.monotonic() + LIMIT_S
        return [(host, _end_of(one, until)) for host, one in asked]

    def _begin_to_ask(self, neighbour: Neighbour) -> tuple[int, int]:
        """A child that asks, and where it will tell what is wrong."""
        heard, told = os.pipe()
        parent, pid = os.getpid(), os.fork()
        if pid == 0:
            os.close(heard)
            _as_child(parent, lambda: os.write(told, (ask(neighbour, f"{self.name}.node") or "").encode()))
        os.close(told)
        return pid, heard

    def _tidy_up(self) -> None:
        """Take away what supervisors of this machine left that were killed."""
        ours = key(self._identity, 0).rpartition("-")[0]
        for file in self.place.glob(f"{ours}-*"):
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
                (self.place / f"{self.name}{suffix}").unlink()
        with suppress(OSError):
            self.place.rmdir()  # when nobody else is there


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


def consult(database: Path) -> None:
    """Ask the nodes that work on a database, for who is about to write to it once from this machine.

    Raises StateError when one of them and this machine do not agree. Where nobody works, nobody is asked: a file that
    is opened anew is seen as it was left, also over NFS (close-to-open) and on mounts that keep old pages. Nor is
    anybody where a node of this machine is at work: it has asked.
    """
    place, identity = directory(database), machine.boot_id()
    remembered.look_again(place.parent)
    if mounts.use_of(database) is mounts.Use.LOCAL or not place.is_dir():
        return
    if _works_here(place, identity) or not others(place, identity):
        return
    here = Presence(database, identity, socket.gethostname())
    here.meet(mounts.mount_of(database).kind)
    here.leave()


def _works_here(place: Path, identity: str) -> bool:
    ours = key(identity, 0).rpartition("-")[0]
    pids = (file.stem.rpartition("-")[2] for file in place.glob(f"{ours}-*.node"))
    return any(pid.isdigit() and Path(f"/proc/{pid}").exists() for pid in pids)


#: What to do where machines do not agree.
CURE = (
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
