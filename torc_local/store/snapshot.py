"""A copy of the database as it is at one moment, while others write to it; and making the file small again.

Crash table of a snapshot: it is written under a name of its own and gets its real one when it is whole. A kill leaves
the part, which nothing reads.
"""

import os
import secrets
from pathlib import Path

import apsw

from torc_local.ground.errors import InputError, StateError
from torc_local.store.database import Database

_FLAGS = os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def snapshot(db: Database, copy: Path) -> None:
    """Copy the database into a new file that only its owner can read. Raises InputError when ``copy`` exists.

    ``VACUUM INTO`` reads one moment, keeps no writer waiting and leaves free pages out. The backup interface in steps
    begins again whenever somebody commits, and among many writers comes to no end.
    """
    if os.path.lexists(copy):
        raise _exists(copy)
    part = copy.with_name(f".{copy.name[:200]}.{secrets.token_hex(4)}.part")
    try:
        os.close(os.open(part, _FLAGS, 0o600))  # SQLite fills an empty file, and keeps its mode
        _copy(db.connection, part)
        _sync(part)
        publish(part, copy)
        _sync(copy.parent)
    except OSError as error:
        raise StateError(
            f"cannot write the snapshot {copy}: {os.strerror(error.errno or 0).lower()}", hint="choose another place"
        ) from None
    except (apsw.FullError, apsw.IOError, apsw.CantOpenError) as error:
        raise StateError(f"cannot write the snapshot {copy}: {error}", hint="is there room? (df -h)") from None
    finally:
        part.unlink(missing_ok=True)


def _copy(connection: apsw.Connection, part: Path) -> None:
    # On a shared file system a connection that only looks could write, and has promised not to; this is not writing.
    promised = connection.pragma("query_only")
    connection.pragma("query_only", False)
    try:
        connection.execute("VACUUM INTO ?", (str(part),))
    finally:
        connection.pragma("query_only", promised)


def publish(part: Path, final: Path) -> None:
    """Give a finished file its name, unless there is a file of that name by now. Raises InputError then."""
    try:
        try:
            os.link(part, final, follow_symlinks=False)
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links: take the name first, then what belongs to it
            os.close(os.open(final, _FLAGS, 0o600))
            part.replace(final)
        else:
            part.unlink()
    except FileExistsError:
        raise _exists(final) from None


def vacuum(db: Database) -> None:
    """Write the database anew without its free pages. Others wait meanwhile; no transaction may be open."""
    db.connection.execute("VACUUM")
    db.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)


def _exists(copy: Path) -> InputError:
    return InputError(f"this file exists and is not overwritten: {copy}", hint="name another one, or move it away")


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
