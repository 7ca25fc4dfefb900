"""Databases after an accident, made on purpose."""

import os
from pathlib import Path

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
