"""Databases after an accident, made on purpose."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.report.small import Worked, job, spec, store
from torc_local.process import machine
from torc_local.spec.model import Spec
from torc_local.store import opening
from torc_local.store.database import Database

PAGE = 4096


def cut_off(path: Path, made: Spec, *, claims: int = 1, running: int = 0) -> None:
    """A workflow whose only runner died while it held jobs, on this machine, as a SIGKILL of everything leaves it."""
    with opening.open_or_create(path) as db:
        worked = Worked(db, store(db, made))
        held = [worked.claim()[0] for _ in range(claims)]
        for claim in held[:running]:
            db.connection.execute("UPDATE job SET status = 'running' WHERE id = ?", (claim.id,))
            db.connection.execute("INSERT INTO running VALUES (?, 1073741824, ?, 0, 0, 0)", (claim.id, worked.now))
        db.connection.execute("UPDATE job_count SET jobs = jobs - ? WHERE status = 'pending'", (running,))
        db.connection.execute("UPDATE job_count SET jobs = jobs + ? WHERE status = 'running'", (running,))
        db.connection.execute("UPDATE node SET boot_id = ?", (machine.boot_id(),))


def wide(jobs: int, *, waits: bool = True) -> Spec:
    """So many jobs side by side, with long commands, and one that waits for them all."""
    side = [job(f"j_{number}", command=f"true {'x' * 200} {number}") for number in range(1, jobs + 1)]
    last = [job("last", 0, command="true")] if waits else []
    made: Spec = spec("wide", side + last, [tuple(range(jobs))] if waits else (), dependency_count=jobs * waits)
    return made


def half_done(path: Path) -> None:
    """Forty jobs side by side and one that waits for them; ten are on record as completed, and their runner died."""
    with opening.open_or_create(path) as db:
        worked = Worked(db, store(db, wide(40)))
        (claim,) = worked.claim()
        for _ in range(10):
            (claim,) = worked.claim(worked.result(claim))


def completed(path: Path) -> set[tuple[Any, ...]]:
    """What is on record as completed: job, run, attempt, when it ended."""
    with opening.open_read_only(path) as db:
        rows = db.connection.execute("SELECT job_id, run_id, attempt_id, ended_at FROM attempt WHERE return_code = 0")
        return set(rows.fetchall())


def pages_of(db: Database, name: str) -> list[int]:
    """The leaves of a table or index, in its order."""
    rows = db.connection.execute(
        "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY path", (name,)
    )
    return [number for (number,) in rows]


def leaves(path: Path, name: str) -> list[int]:
    with opening.open_existing(path) as db:
        return pages_of(db, name)


def scribble(path: Path, page: int, *, offset: int = 0, content: bytes = b"\xff" * 512) -> None:
    """Overwrite a part of a page, as a failing disk does. Nobody may have the database open."""
    assert not path.with_name(path.name + "-wal").exists()
    fd = os.open(path, os.O_WRONLY)
    os.pwrite(fd, content, (page - 1) * PAGE + offset)
    os.close(fd)


def _wrong_index(path: Path) -> None:
    # A leaf with nothing in it: whole as a page, and wrong.
    scribble(path, leaves(path, "job_ready")[0], content=b"\x0a\x00\x00\x00\x00\x10\x00\x00")


def _run(path: Path, sql: str) -> None:
    with opening.open_existing(path) as db:
        db.connection.execute(sql)


#: One of each kind that is mended in its own way; done to a database that ``half_done`` has made.
DAMAGES: dict[str, Callable[[Path], None]] = {
    "counts": lambda path: _run(path, "UPDATE job_count SET jobs = jobs + 5 WHERE status = 'ready'"),
    "index": _wrong_index,
    "page": lambda path: scribble(path, leaves(path, "job")[0]),
    "table": lambda path: _run(path, "DROP TABLE event"),
    "meta": lambda path: _run(path, "DELETE FROM meta"),
}
