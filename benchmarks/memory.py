"""How much memory a process and its descendants use together, while they run.

Proportional set size: a page that several processes share counts once, in parts.
"""

import re
import time
from pathlib import Path
from typing import NamedTuple

_PSS = re.compile(rb"^Pss:\s+(\d+) kB", re.MULTILINE)


class Sample(NamedTuple):
    """The memory of a process tree at one moment."""

    at: float  # time.monotonic()
    pss_bytes: int
    processes: int


def sample(root: int, depth: int) -> Sample:
    """PSS of ``root`` and its descendants down to ``depth`` generations below it."""
    family = [root]
    generation = [root]
    for _ in range(depth):
        generation = [child for parent in generation for child in children(parent)]
        family += generation
    sizes = [size for pid in family if (size := _pss(pid)) is not None]
    return Sample(time.monotonic(), sum(sizes), len(sizes))


def children(pid: int) -> list[int]:
    """The children of a process; none when it is gone."""
    try:
        threads = Path(f"/proc/{pid}/task").iterdir()
        return [int(child) for thread in threads for child in (thread / "children").read_text().split()]
    except OSError:
        return []  # it ended meanwhile


def _pss(pid: int) -> int | None:
    try:
        found = _PSS.search(Path(f"/proc/{pid}/smaps_rollup").read_bytes())
    except OSError:
        return None
    return int(found[1]) * 1024 if found else None
