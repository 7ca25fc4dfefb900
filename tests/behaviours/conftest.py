"""Behaviours of the whole program: a workflow file, a run with real processes, and what is on record afterwards."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from tests.support.waiting import wait_for
from torc_local.cli import place as places
from torc_local.ground.errors import InputError, StateError
from torc_local.report import listing
from torc_local.store import opening, reading
from torc_local.store.database import Database


class Answer(NamedTuple):
    """What a call of the program gave back."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Place:
    """A directory with a workflow file in it, and the program called there."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, spec: str | dict[str, Any], name: str = "w.yaml") -> None:
        """Write the workflow file; a mapping is written as YAML."""
        (self.root / name).write_text(spec if isinstance(spec, str) else yaml.safe_dump(spec, sort_keys=False))

    def call(self, *words: str, program: str | None = None, **options: Any) -> Answer:
        """Call the program (or Python code in its place) and wait for it."""
        given = {"capture_output": True, "text": True, "timeout": 60, "cwd": self.root, **options}
        python = ["-m", "torc_local"] if program is None else ["-c", program]
        done = subprocess.run([sys.executable, *python, *words], check=False, **given)
        return Answer(done.returncode, done.stdout, done.stderr)

    def start(self, *words: str, **options: Any) -> "subprocess.Popen[str]":
        """Call the program and go on."""
        given = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": self.root, **options}
        return subprocess.Popen([sys.executable, "-m", "torc_local", *words], **given)

    def run(self, *words: str, code: int = 0, **options: Any) -> Answer:
        """Run the workflow file and ask for the exit code."""
        answer = self.call("run", "w.yaml", "-j", "4", "--progress", "none", *words, **options)
        assert answer.code == code, answer.err
        return answer

    def states(self) -> dict[str, str]:
        """The status of every job by name, of the only workflow that is not archived; none while there is none."""
        try:
            with self._open() as db:
                return {job.name: job.status for job in reading.jobs(db, places.workflow(db, None).id, None, None)}
        except (StateError, InputError):
            return {}

    def results(self) -> list[dict[str, Any]]:
        """All attempts on record, as ``results --all-runs -f json`` has them."""
        with self._open() as db:
            rows = reading.results(db, places.workflow(db, None).id, all_runs=True)
            return [listing.result_item(row) for row in rows]

    def exists(self) -> bool:
        """Whether there is a database to ask."""
        return (self.root / "torc_output" / "torc.db").exists()

    def events(self, kind: str) -> list[str]:
        """The messages of one kind of event, in their order."""
        return [
            str(row[0]) for row in self.rows(f"SELECT message FROM v_events WHERE type = '{kind}' ORDER BY event_id")
        ]

    def text(self, name: str) -> str:
        """The content of a file that jobs wrote; empty when there is none."""
        path = self.root / name
        return path.read_text() if path.exists() else ""

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What a query of the database returns."""
        with self._open() as db:
            return db.connection.execute(sql).fetchall()

    def _open(self) -> Database:
        # In this process: starting one takes a quarter of a second.
        return opening.open_read_only(self.root / "torc_output" / "torc.db")

    def wait_until(self, holds: Callable[[], object], seconds: float = 30) -> None:
        """Wait until something holds."""
        wait_for(holds, seconds, pause_s=0.05)

    def wait_for(self, name: str, seconds: float = 30, *, filled: bool = False) -> None:
        """Wait until a job has made a file, and, if asked to, has written something into it."""
        path = self.root / name
        wait_for(lambda: self.text(name) if filled else path.exists(), seconds, told=lambda: f"{name} did not appear")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A directory of its own, and no settings of whoever runs the tests."""
    for name in [name for name in os.environ if name.startswith(("TORC_", "CUDA_", "HIP_", "ROCR_"))]:
        monkeypatch.delenv(name)
    return Place(tmp_path)
