"""Setting right values that are not what their columns hold: of the wrong kind, or text in no encoding.

What only tells is made up, as nothing or as zero. What says what runs is not: a command that cannot be read becomes one
that fails, and settings, options and actions stay as they are, so that ``doctor`` goes on naming them and nothing runs
without them. Keys are never touched. The caller has the database for itself, with checks and triggers off.
"""

from typing import Any

from torc_local.ground.states import MOVES
from torc_local.store.database import Database
from torc_local.store.missing import LOST_COMMAND
from torc_local.store.registry import action

_RUNNER_FIGURES = (
    "beat", "held_cpus", "held_memory_bytes", "held_gpus", "jobs_run", "claim_transactions", "settle_transactions",
    "write_transactions", "write_s", "idle_s", "cpu_s", "lock_wait_s", "lock_wait_max_s", "lock_retries", "lock_errors",
)  # fmt: skip

#: Columns that only tell: what is written in place of what cannot be right, by table.
_TELLING: dict[str, dict[str, str]] = {
    "workflow": {
        **dict.fromkeys(("user", "name"), "'lost'"),
        **dict.fromkeys(("description", "spec_path", "creation_s", "creation_bytes"), "NULL"),
        **dict.fromkeys(("dependency_count", "created_at", "is_canceled", "is_archived", "cancels", "run_id"), "0"),
        "spec_digest": "''",
        "sort_method": "'none'",
    },
    "run": {"started_at": "0", "ended_at": "NULL", "directory": "NULL"},
    "job_count": {"jobs": "0"},
    "resource_requirements": {"name": "'lost_' || id"},
    "job": {
        "name": "'lost_' || id",
        "command": f"'{LOST_COMMAND.replace(chr(39), chr(39) * 2)}'",
        **dict.fromkeys(("priority", "blockers", "blocker_failed", "losses"), "0"),
        "cancel_on_blocking_job_failure": "1",
        "attempt_id": "1",
        "status": "'uninitialized'",
        "runner_id": "NULL",
        "origin": "NULL",
    },
    "gate": {"failed": "0"},
    "ended": {"failed": "0"},
    "node": {
        **dict.fromkeys(("hostname", "boot_id"), "'lost_' || id"),
        **dict.fromkeys(("num_cpus", "memory_bytes", "num_gpus"), "0"),
    },
    "runner": {
        **dict.fromkeys(_RUNNER_FIGURES, "0"),
        **dict.fromkeys(("pid", "pid_start", "started_at"), "0"),
        "slots": "1",
        "ended_at": "0",
        **dict.fromkeys(("beat_at", "ends_at"), "NULL"),
        "end_reason": "'lost'",
        "lock_wait_histogram": "'[]'",
        "write_figures": "'{}'",
    },
    "coordinator": {
        **dict.fromkeys(("epoch", "pid", "pid_start", "beat", "cpu_s", "transactions", "released_at"), "0"),
        "write_figures": "'{}'",
    },
    "segment": {"path": "'lost'"},
    "attempt": {
        **dict.fromkeys(("started_at", "ended_at", "cpu_s", "peak_memory_bytes"), "0"),
        **dict.fromkeys(("stdout_start", "stdout_bytes", "stderr_start", "stderr_bytes"), "0"),
        "segment_id": "NULL",
        "reason": "CASE WHEN status = 'completed' THEN NULL ELSE 'lost' END",
    },
    "file": {"mtime_at": "NULL"},
    "user_data": {"version": "0", "job_id": "NULL", "put_at": "NULL"},
    "job_file": {"mtime_at": "NULL"},
    "job_user_data": {"version": "NULL"},
    "recovery": {
        **dict.fromkeys(("started_at", "ended_at"), "0"),
        **dict.fromkeys(("stdout_start", "stdout_bytes", "stderr_start", "stderr_bytes"), "0"),
        "segment_id": "NULL",
    },
    "action_run": {"started_at": "0", "losses": "0", "reason": "NULL", "log": "NULL"},
    "allocation": {"nodes": "1", "scheduler": "NULL", "submitted_at": "0"},
    "event": {"at": "0", "type": "'lost'", "job_id": "NULL", "message": "'lost'"},
}

#: Rows that only tell how much was seen of something: one with a wrong figure is forgotten, for none would be true.
_SEEN = ("attempt_usage", "node_usage")

#: The kinds of values that a column holds, besides NULL where it may be.
_KINDS = {"INTEGER": "'integer'", "REAL": "'real'", "TEXT": "'text'"}

_MOVES = action("mend_move", "INSERT INTO move (before, after) VALUES (?, ?)")
_NO_MOVES = action("mend_move_forget", "DELETE FROM move")
_NEWEST_RUN = action(
    "mend_workflow_run",
    "UPDATE workflow SET run_id = (SELECT max(r.run_id) FROM run r WHERE r.workflow_id = workflow.id)"
    " WHERE run_id < (SELECT max(r.run_id) FROM run r WHERE r.workflow_id = workflow.id) OR run_id > 1 << 40",
)
_LAST_RUN = action("mend_run_number", "DELETE FROM run WHERE run_id > 1 << 40")
_ENDED = action(
    "mend_runner_end",
    "UPDATE runner SET end_reason = 'lost', ended_at = coalesce(ended_at, started_at)"
    " WHERE (ended_at IS NULL) <> (end_reason IS NULL)"
    " OR end_reason NOT IN ('finished', 'stopped', 'lost', 'failed')",
)


def values(db: Database) -> int:
    """Set right what can be; how many values that took."""
    _NO_MOVES.run(db)
    _MOVES.many(db, sorted(MOVES))
    changed = sum(_column(db, table, name, new) for table, told in _TELLING.items() for name, new in told.items())
    changed += sum(_forget(db, table) for table in _SEEN)
    _LAST_RUN.run(db)
    return changed + _NEWEST_RUN.run(db) + _ENDED.run(db)


def _column(db: Database, table: str, name: str, new: str) -> int:
    ((kind, required),) = db.connection.execute(
        'SELECT type, "notnull" FROM pragma_table_info(?) WHERE name = ?', (table, name)
    )
    db.connection.execute(f"UPDATE OR IGNORE {table} SET {name} = {new} WHERE {_is_odd(name, kind, required)}")
    changed: int = db.connection.changes()
    return changed + (_texts(db, table, name, new) if kind == "TEXT" else 0)


def _forget(db: Database, table: str) -> int:
    columns: list[tuple[Any, ...]] = db.connection.execute(
        'SELECT name, type, "notnull" FROM pragma_table_info(?)', (table,)
    ).fetchall()
    db.connection.execute(f"DELETE FROM {table} WHERE {' OR '.join(_is_odd(*column) for column in columns)}")
    return int(db.connection.changes())


def _is_odd(name: str, kind: str, required: int) -> str:
    may_be = _KINDS[kind] if required else f"{_KINDS[kind]}, 'null'"
    return f"typeof({name}) NOT IN ({may_be})"


def _texts(db: Database, table: str, name: str, new: str) -> int:
    """Text in no encoding: looked for byte by byte, because nobody can read it as what it is."""
    rows = db.connection.execute(f"SELECT DISTINCT CAST({name} AS BLOB) FROM {table} WHERE {name} IS NOT NULL")
    broken = [(value,) for (value,) in rows if not _is_text(value)]
    db.connection.executemany(f"UPDATE OR IGNORE {table} SET {name} = {new} WHERE CAST({name} AS BLOB) = ?", broken)
    return len(broken)


def _is_text(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True
