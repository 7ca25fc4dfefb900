"""Starting runs as separate processes, and looking at what they left."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

from torc_local.ground.errors import StateError
from torc_local.process import orphans
from torc_local.process.spawn import TOKEN_VARIABLE
from torc_local.store import invariants, meta, opening
from torc_local.store.invariants import Violation

DRIVER = Path(__file__).with_name("driver.py")


class Place:
    """A directory with one workflow, its database and the file to which its jobs append."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.db_path = directory / "out" / "torc.db"
        self.spec = directory / "workflow.json"
        self.log = directory / "log.txt"
        self.started: list[subprocess.Popen[str]] = []

    def write(self, *jobs: dict[str, Any], **top: Any) -> None:
        self.spec.write_text(json.dumps({"name": "test", "jobs": list(jobs), **top}))

    def append(self, text: str, then: str = "") -> str:
        """A command that appends a line to the log, and then does something else."""
        return f"echo {text} >> {self.log}" + (f"; {then}" if then else "")

    def lines(self) -> Counter[str]:
        return Counter(self.log.read_text().split()) if self.log.exists() else Counter()

    def start(self, jobs: int | str, *options: str, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, str(DRIVER), str(self.db_path), str(self.spec), str(jobs), *options],
            env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.started.append(process)
        return process

    def end(self) -> None:
        """End what a test that failed left running."""
        for process in self.started:
            if process.poll() is None:
                for pid in [*orphans.below(process.pid), process.pid]:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                process.communicate()

    def run(self, jobs: int | str, *options: str, **environment: str) -> dict[str, Any]:
        return finished(self.start(jobs, *options, **environment))

    def violations(self) -> list[Violation]:
        with opening.open_existing(self.db_path) as db:
            return invariants.violations(db, at_rest=True)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with opening.open_read_only(self.db_path) as db:
            return db.connection.execute(sql).fetchall()

    def change(self, sql: str) -> None:
        with opening.open_existing(self.db_path) as db, db.write("test"):
            db.connection.execute(sql)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """As ``query``; no rows while the database is being made."""
        try:
            return self.query(sql)
        except StateError:
            return []

    def leftovers(self) -> list[int]:
        """Processes of jobs of this database that still live."""
        with opening.open_read_only(self.db_path) as db:
            word = f"{TOKEN_VARIABLE}={meta.token(db)}.".encode()
        return [pid for pid in orphans._ours() if word in orphans._environment(pid)]


def finished(process: subprocess.Popen[str], timeout_s: float = 60) -> dict[str, Any]:
    """What the driver printed; fails with its messages when it printed nothing."""
    out, err = process.communicate(timeout=timeout_s)
    assert out.strip(), f"exit {process.returncode}: {err}"
    return {**json.loads(out), "stderr": err, "exit": process.returncode}
