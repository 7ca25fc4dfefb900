"""The journal that a dead writer left, and the size of the database, are asked for at the file server.

SQLite looks for it by name, under a lock, before it reads (https://sqlite.org/lockingv3.html, hot journals), and undoes
what is half written. An NFS client remembers for up to a minute that a name was not there, and no lock makes it ask
again (nfs(5), ``lookupcache``): a writer on another machine that was killed among its pages goes unnoticed, and half of
a transaction is taken for all of it. Looking at the directory first is not enough, since its time of change may be as
old as the memory. So:

- a name that is known is asked for with AT_STATX_FORCE_SYNC (statx(2)). Before a journal with something in it is
  believed, the name is looked up: a file that was removed while somebody had it open lives on under another name;
- a name that is not known is made, with O_EXCL, which the server decides. That leaves an empty journal, which to SQLite
  is none, and which the next writer takes for its own. Nobody removes it but a writer that commits: another might have
  it open already. Only the owner of the database makes one, since the next writer could not use somebody else's; others
  open the directory, which makes an NFS client ask for its names again (NFS 3: a moment later).

SQLite takes the size right afterwards, under the same lock. One that the machine remembers from before it opened the
file (FUSE: for a second; a lock changes nothing there, reading does) is smaller than what the first page says when
another machine has let the database grow, which SQLite takes for damage. So the size is asked for with the journal.
"""

import ctypes
import errno
import os
import stat
import struct
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import apsw

from torc_local.ground import remembered

NAME = "torc-local-asks"

_SUFFIX = "-journal"
_OURS = 0o600  # read and written by its owner

#: How often the name may mean another file when it is looked at again: each time somebody has committed meanwhile.
_TRIES = 100
_PAUSE_S = 0.005

#: NFS 3 makes a file without a mode, and gives it one by a second call. Whoever has not after so many looks has died.
_BEING_MADE = 20

_CWD, _FORCE_SYNC = -100, 0x2000  # fcntl.h; a mask that asks for no times spares the client from writing back
_MODE, _NLINK, _SIZE = 0x2, 0x4, 0x200
_STATX = struct.Struct("<16xI8xH10xQ")  # stx_nlink, stx_mode and stx_size

_libc = ctypes.CDLL(None, use_errno=True)


class _File(NamedTuple):
    links: int
    mode: int
    size: int


class _Asks(apsw.VFS):
    """The file system as SQLite knows it, but for that question."""

    def __init__(self) -> None:
        super().__init__(NAME, "")

    def xFullPathname(self, name: str) -> str:  # noqa: N802
        # That of unix says by its return code that it has followed a link, which apsw takes for an error.
        return os.path.realpath(name)

    def xAccess(self, pathname: str, flags: int) -> bool:  # noqa: N802
        if flags != apsw.SQLITE_ACCESS_EXISTS or pathname not in _journals:
            return super().xAccess(pathname, flags)
        _learn_size(_database_of(pathname))
        try:
            return _is_filled(pathname)
        except FileNotFoundError:
            return False  # nor is there its directory
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                return False  # there is no room to make one, so there is none
            told = apsw.IOError(f"{pathname}: {os.strerror(error.errno or 0)}")
            told.extendedresult = apsw.SQLITE_IOERR_ACCESS  # type: ignore[attr-defined]  # known to apsw, not to its stub
            raise told from error

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        try:
            super().xDelete(filename, syncdir)
        except apsw.IOError as error:
            # A server that is asked twice, because its answer was lost, says the second time that there is none.
            is_gone = getattr(error, "extendedresult", 0) == apsw.SQLITE_IOERR_DELETE_NOENT
            if not is_gone or filename not in _journals:
                raise


def _is_filled(journal: str) -> bool:
    """Whether there is a journal with anything in it. Raises OSError."""
    is_named = False  # by the server, just now
    for attempt in range(_TRIES):
        if attempt:
            time.sleep(_PAUSE_S)
        try:
            found = _asked(journal)
        except FileNotFoundError:
            found = _File(0, 0, 0)
        except OSError as error:
            if error.errno != errno.ESTALE:
                raise
            continue
        if found.links and found.size and is_named:
            return True
        if found.links and not found.size:
            if found.mode & _OURS:
                return False
            if attempt < _BEING_MADE:
                continue
            _give_mode(journal)
            return False
        if not _makes(journal):
            return _as_others_see(journal)
        try:
            _make(journal)
        except FileExistsError:
            is_named = True
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
                return _as_others_see(journal)
            raise
        else:
            return False
    raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))


def _as_others_see(journal: str) -> bool:
    """The same without making one: what its directory says when it was opened anew."""
    remembered.look_again(os.path.dirname(journal))  # noqa: PTH120 - SQLite's own path, as text
    try:
        found = _asked(journal)
    except FileNotFoundError:
        return False
    return found.links > 0 and found.size > 0


def _asked(path: str) -> _File:
    """The file as the server knows it. Raises OSError."""
    if (found := _by_statx(path)) is not None:
        return found
    # To open a file asks for it, too.
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        same = os.fstat(fd)
    finally:
        os.close(fd)
    return _File(same.st_nlink, same.st_mode, same.st_size)


def _learn_size(database: str) -> None:
    """Let this machine know the size that the server knows. Never by opening it: to close it would end our locks."""
    with suppress(OSError):  # SQLite meets the same, and tells
        _by_statx(database)


def _by_statx(path: str) -> _File | None:
    """The file as the server knows it; None on an old kernel, or in a container that does not let it pass.

    Raises OSError.
    """
    if not hasattr(_libc, "statx"):
        return None
    found = ctypes.create_string_buffer(256)
    if _libc.statx(_CWD, os.fsencode(path), _FORCE_SYNC, _MODE | _NLINK | _SIZE, found) == 0:
        return _File(*_STATX.unpack_from(found))
    number = ctypes.get_errno()
    if number in (errno.ENOSYS, errno.EPERM):
        return None
    raise OSError(number, os.strerror(number), path)


def _makes(journal: str) -> bool:
    """Whether the next writer could use, and remove, what we make here."""
    try:
        database, directory = (os.stat(path) for path in (_database_of(journal), os.path.dirname(journal)))  # noqa: PTH116,PTH120
    except OSError:
        return False
    us = os.geteuid()
    is_ours = us in (0, database.st_uid)
    is_sticky = directory.st_mode & stat.S_ISVTX and us not in (0, directory.st_uid, database.st_uid)
    return bool(is_ours and not is_sticky and os.access(os.path.dirname(journal), os.W_OK))  # noqa: PTH120


def _make(journal: str) -> None:
    """As SQLite makes it: for everybody who may write to the database. Raises OSError."""
    fd = os.open(journal, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with suppress(OSError):
            database = os.stat(_database_of(journal))  # noqa: PTH116 - SQLite's own path, as text
            if database.st_mode & 0o777 != _OURS:
                os.fchmod(fd, database.st_mode & 0o777)
            if os.geteuid() == 0 and database.st_uid:
                os.fchown(fd, database.st_uid, database.st_gid)
    finally:
        os.close(fd)


def _give_mode(journal: str) -> None:
    """To one whose maker died before it had a mode."""
    with suppress(OSError):
        os.chmod(journal, os.stat(_database_of(journal)).st_mode & 0o777)  # noqa: PTH101,PTH116


def _database_of(journal: str) -> str:
    return journal.removesuffix(_SUFFIX)


def vfs_for(database: Path) -> str:
    """The name by which SQLite knows a file system that asks for the journal of this database.

    Registered with the first call, for as long as we live. Other files, such as the copy of a ``VACUUM INTO``, are left
    to SQLite.
    """
    if not _registered:
        _registered.append(_Asks())
    _journals.add(os.path.realpath(database) + _SUFFIX)  # which is how SQLite calls it
    return NAME


_registered: list[_Asks] = []
_journals: set[str] = set()
