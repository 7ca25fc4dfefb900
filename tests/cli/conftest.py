"""Calling the program: in this process for what only looks, as a process of its own for the rest."""

import json
import os
import subprocess
import sys
from typing import Any, NamedTuple

import pytest

from tests.report.small import small_database
from tests.support import loaded
from torc_local.cli.main import main


class Answer(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Each test has a directory of its own to be in, and no settings of whoever runs it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TORC_LOCAL_DB", raising=False)
    monkeypatch.setenv("TERMINAL_WIDTH", "110")
    return tmp_path


@pytest.fixture
def call(capsys):
    """Call the program in this process."""

    def run(*words: str) -> Answer:
        code = main(words)
        return Answer(code, *capsys.readouterr())

    return run


@pytest.fixture
def process():
    """Call the program as a process; with options of ``subprocess.run`` as one that begins from nothing."""

    def run(*words: str, **options: Any) -> Answer:
        if not options:
            return Answer(*loaded.call(words))
        given = {"capture_output": True, "text": True, "timeout": 50, "env": os.environ, **options}
        done = subprocess.run([sys.executable, "-m", "torc_local", *words], check=False, **given)
        return Answer(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def small(here):
    """A finished workflow in the place where the program looks when nothing is said."""
    return small_database(here / "torc_output" / "torc.db")
