"""Opening a database file: ours, of a version we know, private to its owner, or a sentence that says why not.

Crash table of making one: the file is made empty and private first (a kill leaves an empty file, which the next
creator fills); schema, version and the first row are one transaction (a kill leaves the empty file again).
"""

import errno
import os
import stat
import time
from pathlib import Path

import apsw

from torc_local import __version__
from torc_local.ground import clock, private, remembered
from torc_local.ground.durability import Durability
from torc_local.ground.errors import StateError
from torc_local.ground.states import MOVES
from torc_local.store import meta, migrations, mounts
from torc_local.store.database import DISK_ERRORS, STATEMENT_CACHE, WAL_BYTES, Database, log_of

#: "torc" in ASCII: lets ``file`` and us tell our databases from other programs'.
APPLICATION_ID = 0x746F7263


_PATIENCE_S = 10.0
_ALONE_PATIENCE_MS = 1000

_HEADER_BYTES = 100  # of every SQLite file

WAL = "wal"
ROLLBACK = "delete"
JOURNALS = meta.JOURNALS

_FORMATS = slice(18, 20)  # of the header: 2, 2 when the file needs its write-ahead log (SQLite's file format)

# Descriptors on databases of shared file systems, by path. They are never closed: that would drop SQLite's locks.
_looked_at: dict[str, int] = {}


def schema() -> str:
    """The text of ``schema.sql``."""
    from importlib import resources  # noqa: PLC0415 - only for a new file, and slow to load

    return (resources.files(__package__) / "schema.sql").read_text("utf-8")


def open_or_create(
    path: Path, *, turnstile: bool = True, journal: str | None = None, durability: Durability = Durability.NORMAL
) -> Database:
    """Open for writing; make the file and its directory first when they are missing.

    ``journal`` is one of JOURNALS, by default what its file system asks for; one that exists keeps its own.
    Raises StateError when the place cannot be written or the file is not a database of ours.
    """
    private.refuse_trap(path)
    if not path.exists():
        _check_mount(path)  # before anything is made there
        try:
            private.make_directory(path.parent)
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
        except FileExistsError:
            if not path.exists():
                raise StateError(
                    f"cannot make the database {path}: a link that leads nowhere is in the way",
                    hint="choose another place with --db PATH or -o DIR",
                ) from None
        except NotADirectoryError:
            raise StateError(
                f"cannot make the database {path}: something that is not a directory is in the way",
                hint="choose another place with --db PATH or -o DIR",
            ) from None
        except OSError as error:
            raise StateError(
                f"cannot make the database {path}: {_words(error)}", hint="choose another place with --db PATH"
            ) from None
    return open_existing(path, create=True, turnstile=turnstile, journal=journal, durability=durability)


def open_existing(
    path: Path,
    *,
    create: bool = False,
    turnstile: bool = True,
    journal: str | None = None,
    durability: Durability = Durability.NORMAL,
) -> Database:
    """Open for writing a database that exists; ``create`` fills an empty file."""
    _check_file(path)
    is_shared = _check_mount(path) is mounts.Use.SHARED
    # A journal that is there already could be written and not removed where the directory is somebody else's.
    if not os.access(path, os.W_OK) or (is_shared and not os.access(path.parent, os.W_OK)):
        raise _not_writable(path)
    db = Database(path, _connect(path, apsw.SQLITE_OPEN_READWRITE), writable=True, turnstile=turnstile)
    try:
        _check_version(db, (journal or journal_for(path)) if create else None)
        _settings(db, durability)
    except BaseException as error:
        db.close()
        raise translated(error, path) from error
    db.renew = lambda db: _renew(db, durability)
    return db


def _renew(db: Database, durability: Durability) -> None:
    """Open the file anew for an object that is in use. Raises apsw.Error, and it can be tried again."""
    db.attach(_bare(db.path, apsw.SQLITE_OPEN_READWRITE))
    try:
        _settings(db, durability)
    except BaseException:
        db.distrust()
        raise


def open_alone(path: Path) -> Database:
    """Open for repair: nobody else has the database open, and nobody can open it until this connection is closed.

    Raises StateError when somebody has, or when the file cannot be told from somebody else's.
    """
    _check_file(path)
    connection = _connect(path, apsw.SQLITE_OPEN_READWRITE)
    try:
        # Exclusive before the first look: then SQLite leaves the shared index of its log alone and reads the log anew,
        # so that a damaged or deleted -shm does no harm. Every open connection holds a lock that this one needs.
        connection.set_busy_timeout(_ALONE_PATIENCE_MS)
        connection.pragma("locking_mode", "EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("COMMIT")
        db = Database(path, connection, writable=True, turnstile=False)
        version = _identify(db)
    except apsw.BusyError:
        connection.close()
        raise StateError(
            f"somebody works on this database now: {path}",
            hint=f"end all runs on it first; see who has it open with: fuser {path}",
        ) from None
    except BaseException as error:
        connection.close()
        raise translated(error, path) from error
    if version == 0:
        db.close()
        raise _not_ours(path, "it is empty")
    if version != migrations.NEWEST:
        db.close()
        raise StateError(
            f"the database is of an older version ({version}, this program repairs {migrations.NEWEST}): {path}",
            hint="any command that writes, such as torc-local run, brings it up to date",
        )
    return db


def open_read_only(path: Path) -> Database:
    """Open for looking. Works on a file or directory that we cannot write."""
    db = open_to_examine(path)
    try:
        db.is_shared = meta.get(db).journal != WAL
    except BaseException as error:
        db.close()
        raise translated(error, path) from error
    return db


def open_to_examine(path: Path) -> Database:
    """The same, of a file that may not say what it is any more (table meta)."""
    _check_file(path)
    _check_mount(path)
    try:
        db = Database(path, _connect_to_look(path), writable=False)
        version = _identify(db)
    except (apsw.CantOpenError, apsw.ReadOnlyError) as error:
        if getattr(error, "extendedresult", 0) == apsw.SQLITE_READONLY_ROLLBACK:
            _roll_back(path)
            return open_to_examine(path)
        # Reading in WAL mode needs a -shm file. Where it cannot be made and no -wal is left, the file does not change.
        wal = log_of(path)
        if mounts.use_of(path) is mounts.Use.SHARED or (wal.exists() and wal.stat().st_size):
            raise translated(error, path) from error
        uri = path.resolve().as_uri() + "?immutable=1"
        db = Database(path, _connect(uri, apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI), writable=False)
        version = _identify(db)
    except apsw.Error as error:
        raise translated(error, path) from error
    if version == 0:
        db.close()
        raise _not_ours(path, "it is empty")
    if version < migrations.NEWEST:
        db.close()
        raise StateError(
            f"the database is of an older version ({version}, this program reads {migrations.NEWEST}): {path}",
            hint="any command that writes, such as torc-local run, brings it up to date",
        )
    return db


def _connect_to_look(path: Path) -> apsw.Connection:
    """A connection that changes nothing.

    Where several machines write, a journal may seem to be left over that is only not yet seen to be gone; one that may
    write looks again, one that may not gives up. So there it may, and asks not to.
    """
    if mounts.use_of(path) is mounts.Use.LOCAL or not os.access(path, os.W_OK):
        return _connect(path, apsw.SQLITE_OPEN_READONLY)
    connection = _connect(path, apsw.SQLITE_OPEN_READWRITE)
    connection.pragma("query_only", True)
    return connection


def journal_for(path: Path) -> str:
    """The journal of a new database at this place: the write-ahead log where only one machine can have it open."""
    return WAL if mounts.use_of(path) is mounts.Use.LOCAL else ROLLBACK


def share(db: Database, journal: str) -> None:
    """Change the journal of a database that ``open_alone`` has opened.

    Crash: the wish is recorded first. A kill before the file follows leaves a file that the next writer changes, or, on
    a shared file system, refuses with the advice to share it again.
    """
    with db.write("share"):
        db.connection.execute("UPDATE meta SET journal = ?", (journal,))
    mode = _set_journal(db.connection, journal)
    if mode != journal:
        raise StateError(f"SQLite refuses journal mode {journal} for {db.path} (it uses {mode})")


def _roll_back(path: Path) -> None:
    """Undo what a writer left half done when it was killed: without a log, SQLite does so for writers only."""
    connection = _connect(path, apsw.SQLITE_OPEN_READWRITE)
    try:
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    except apsw.Error as error:
        raise translated(error, path) from error
    finally:
        connection.close()


def _connect(path: Path | str, flags: int) -> apsw.Connection:
    try:
        return _bare(path, flags)
    except apsw.Error as error:
        raise translated(error, Path(path)) from error


def _bare(path: Path | str, flags: int) -> apsw.Connection:
    vfs = None
    if isinstance(path, Path) and mounts.use_of(path) is mounts.Use.SHARED:  # else a URI: nothing can be undone there
        from torc_local.store import hot_journal  # noqa: PLC0415 - loads ctypes, which costs each command 7 ms

        vfs = hot_journal.vfs_for(path)
    connection = apsw.Connection(str(path), flags=flags, vfs=vfs, statementcachesize=STATEMENT_CACHE)
    # Plans do not depend on bound values. Otherwise SQLite prepares a statement anew each time that values are bound,
    # because a value might tell its planner something: measured, four fifths of the time of a look at the queue.
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    connection.set_busy_timeout(10_000)  # before the first pragma, which would fail at once otherwise
    return connection


def _check_file(path: Path) -> None:
    private.refuse_trap(path)
    try:
        found = remembered.stat(path)
    except FileNotFoundError:
        raise StateError(
            f"there is no database at {path}", hint="torc-local run WORKFLOW.yaml makes one; or name it with --db PATH"
        ) from None
    except OSError as error:
        raise StateError(f"cannot open the database {path}: {_words(error)}") from None
    if stat.S_ISDIR(found.st_mode):
        raise StateError(f"the database is a directory: {path}", hint="name the file in it, for example torc.db")
    if not stat.S_ISREG(found.st_mode):
        raise StateError(f"the database is not a regular file: {path}")
    # Its size once more, after the log was seen: somebody may just be filling a new one, and the log comes last.
    if found.st_size < _HEADER_BYTES and _size(wal := log_of(path)) and _size(path) < _HEADER_BYTES:
        # SQLite would take the log for a leftover and delete it. No death of ours leaves this.
        raise StateError(
            f"the database was cut short, and its log was not: {path}",
            hint=f"most of it may be in {wal}: copy that before anything else is done",
        )


def _check_mount(path: Path) -> mounts.Use:
    """Raise StateError where several machines could have the file open, and locks or the journal do not allow that."""
    use = mounts.use_of(path)
    if use is mounts.Use.LOCAL:
        return use
    mount = mounts.mount_of(path)
    if mount.local_locks is not None:
        option, cure = mount.local_locks
        raise StateError(
            f"locks are not shared by the machines that mount this {mount.kind} file system (option {option}): {path}",
            hint=f"{cure}; or, when only this machine will ever use the database, say --local",
        )
    if _needs_log(path):
        raise StateError(
            f"the database keeps a write-ahead log, which only one machine can use, and this is {_shared_place(mount)}"
            f": {path}",
            hint=f"end all runs on it, then: torc-local --db {path} db share; or say --local when only this machine "
            "will ever use it",
        )
    return use


def _shared_place(mount: mounts.Mount) -> str:
    if mount.use is mounts.Use.LOCAL:
        return "said to be a shared file system"
    return f"{mount.kind}, which several may have mounted"


def _needs_log(path: Path) -> bool:
    """What the header says, read without SQLite: opening such a file would make its log and index."""
    key = os.path.realpath(path)
    try:
        if key not in _looked_at:
            _looked_at[key] = os.open(key, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        return os.pread(_looked_at[key], _HEADER_BYTES, 0)[_FORMATS] == b"\2\2"
    except OSError:
        return False


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _settings(db: Database, durability: Durability) -> None:
    connection = db.connection
    wanted = meta.get(db).journal
    db.is_shared = wanted != WAL
    mode = _set_journal(connection, wanted)
    if mode != wanted:
        raise StateError(f"SQLite refuses journal mode {wanted} for {db.path} (it uses {mode})")
    connection.pragma("synchronous", synchronous(wanted, durability))
    connection.pragma("journal_size_limit", WAL_BYTES)
    connection.pragma("foreign_keys", True)
    connection.pragma("temp_store", "MEMORY")
    connection.pragma("cell_size_check", True)
    connection.pragma("trusted_schema", False)


def synchronous(journal: str, durability: Durability) -> str:
    """How SQLite syncs: what its ``PRAGMA synchronous`` is set to in every connection that writes.

    With the log, NORMAL keeps the file whole and loses at most what was committed since the last sync (the supervisor
    makes one every second); FULL syncs each commit. Without it, NORMAL could cost the file itself, and FULL loses the
    last commit: it does not sync the directory after it removed the journal, and a journal that is back undoes the
    commit. EXTRA does.
    """
    if journal != WAL:
        return "EXTRA"
    return "FULL" if durability is Durability.FULL else "NORMAL"


def _set_journal(connection: apsw.Connection, journal: str) -> object:
    """Set the journal mode; the mode there is now.

    SQLite refuses at once, without waiting, while another process does the same.
    """
    until = clock.monotonic() + _PATIENCE_S
    while True:
        try:
            return connection.pragma("journal_mode", journal)
        except apsw.BusyError:
            if clock.monotonic() > until:
                raise
        time.sleep(0.01)


def _check_version(db: Database, journal: str | None) -> None:
    """Bring the file to our version; an empty one is filled when ``journal`` says how."""
    version = _identify(db)
    if version == 0:
        if journal is None:
            raise _not_ours(db.path, "it is empty")
        _fill(db, journal)
    elif version < migrations.NEWEST:
        migrations.migrate(db, version)


def _identify(db: Database) -> int:
    """The schema version of the file; 0 when it is empty. Raises StateError when it is not ours or newer than us."""
    # All of one moment: another process may be filling the file.
    with db.read():
        tables = db.connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()[0][0]
        application = int(db.connection.pragma("application_id"))
        version = int(db.connection.pragma("user_version"))
    if application != APPLICATION_ID:
        if tables or application or version:
            raise _not_ours(db.path, "it belongs to another program")
        return 0
    if version > migrations.NEWEST:
        raise StateError(
            f"the database is of a newer version ({version}; this program knows up to {migrations.NEWEST}): {db.path}",
            hint="use the torc-local that made it, or a newer one",
        )
    return version


def check_version(db: Database) -> None:
    """Raise StateError when an open file was brought to another version by somebody."""
    version = _identify(db)
    if version != migrations.NEWEST:
        raise StateError(
            f"the database is of another version by now ({version}, this program reads {migrations.NEWEST}): {db.path}",
            hint="use the torc-local that did it",
        )


def _fill(db: Database, journal: str) -> None:
    import secrets  # noqa: PLC0415 - as above

    connection = db.connection
    _set_journal(connection, journal)
    connection.execute("BEGIN IMMEDIATE")
    try:
        if connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()[0][0] == 0:
            for _ in connection.execute(schema()):
                pass
            connection.executemany("INSERT INTO move (before, after) VALUES (?, ?)", sorted(MOVES))
            connection.execute(
                "INSERT INTO meta (id, token, created_by, created_at, journal) VALUES (1, ?, ?, ?, ?)",
                (secrets.token_hex(8), __version__, clock.now(), journal),
            )
            connection.pragma("application_id", APPLICATION_ID)
            connection.pragma("user_version", migrations.NEWEST)
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _not_ours(path: Path, why: str) -> StateError:
    return StateError(f"not a torc-local database: {path} ({why})", hint="choose another place with --db PATH")


def translated(error: BaseException, path: Path) -> BaseException:
    """SQLite's error as a sentence with a cure, for the command line to show; other errors unchanged."""
    match error:
        case apsw.NotADBError():
            return _not_ours(path, "it is not an SQLite file")
        case apsw.CorruptError():
            return StateError(
                f"the database is damaged: {path} ({error})",
                hint="torc-local doctor says more, torc-local doctor --repair mends what can be mended",
            )
        case apsw.ReadOnlyError():
            return StateError(
                f"cannot open the database {path} for writing: the system lets it be read only",
                hint="check its permissions (ls -l), and how many files may be open (ulimit -n)",
            )
        case apsw.CantOpenError() | apsw.PermissionsError():
            return StateError(f"cannot open the database {path}: {error}", hint="check permissions and free space")
        case apsw.FullError() | apsw.IOError() if _is_full(error):
            return StateError(f"the disk is full: {path}", hint="make room (df -h), then run again: nothing is lost")
        case apsw.IOError():
            return StateError(f"input/output error on the database {path}: {error}", hint="check the file system")
        case apsw.ProtocolError():
            # SQLite looked at the log for ten seconds and found it locked each time: locks that fail, or are not kept.
            return StateError(
                f"the locks of the file system do not work as they should: {path}",
                hint="torc-local doctor says which file system it is; choose a place on another one with --db PATH",
            )
        case apsw.BusyError():
            return StateError(f"the database is locked by another program: {path}", hint=f"fuser {path}")
        case _:
            return error


def is_out_of_reach(error: BaseException) -> bool:
    """Whether an error, or what it is a sentence for, is one of a file system that is not full: it may pass."""
    for one in (error, error.__cause__ or error.__context__):
        if isinstance(one, (*DISK_ERRORS, OSError)) and not isinstance(one, apsw.FullError):
            return True
    return False


def _not_writable(path: Path) -> StateError:
    try:
        os.statvfs(path)  # a file server that is out of reach denies access, too, and only this says why
    except OSError as error:
        refused = StateError(f"cannot open the database {path}: {_words(error)}")
        refused.__cause__ = error
        return refused
    return StateError(f"the database cannot be written: {path}", hint="check its owner and permissions (ls -l)")


def _is_full(error: BaseException) -> bool:
    """Whether there is no room: SQLite calls it an I/O error when it is the index of its log that does not fit."""
    return isinstance(error, apsw.FullError) or getattr(error, "extendedresult", 0) == apsw.SQLITE_IOERR_SHMSIZE


def _words(error: OSError) -> str:
    return (os.strerror(error.errno) if error.errno else str(error)).lower() + (
        " (read-only file system)" if error.errno == errno.EROFS and not error.strerror else ""
    )
