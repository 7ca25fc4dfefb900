"""Somebody sets the clock while a program runs: a file says by how many seconds it is off."""

import os
import time
from pathlib import Path

FILE = os.environ.get("TEST_CLOCK")
_true = time.time


def _set() -> float:
    assert FILE is not None
    return _true() + float(Path(FILE).read_text())


if FILE is not None:
    time.time = _set
