"""The workflows that are measured: made here, never checked in."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

Spec = dict[str, Any]

ROUNDS = 4


def barrier_spec(size: int) -> Spec:
    """The scale test with ``size`` jobs in each of its rounds."""
    jobs: list[Spec] = []
    for number in range(1, ROUNDS + 1):
        jobs.append(
            {
                "name": f"r{number}_{{i:05d}}",
                "command": f"echo round {number} job {{i}}",
                "parameters": {"i": f"1:{size}"},
                **({"depends_on": [f"barrier_r{number - 1}"]} if number > 1 else {}),
            }
        )
        jobs.append({"name": f"barrier_r{number}", "command": "echo done", "depends_on_regexes": [f"^r{number}_"]})
    return {"name": "scale_test", "jobs": jobs}


def layers_spec(size: int, *, barrier: bool) -> Spec:
    """Two layers of ``size`` jobs, each of the second waiting for all of the first; with or without a barrier job."""
    first = {"name": "a_{i:05d}", "command": "echo a {i}", "parameters": {"i": f"1:{size}"}}
    second = {"name": "b_{i:05d}", "command": "echo b {i}", "parameters": {"i": f"1:{size}"}}
    if barrier:
        middle = {"name": "barrier", "command": "echo barrier", "depends_on_regexes": ["^a_"]}
        return {"name": "with_barrier", "jobs": [first, middle, {**second, "depends_on": ["barrier"]}]}
    return {"name": "all_to_all", "jobs": [first, {**second, "depends_on_regexes": ["^a_"]}]}


def independent(count: int) -> Spec:
    """``count`` jobs that wait for nothing."""
    job = {"name": "j_{i:07d}", "command": "echo job {i}", "parameters": {"i": f"1:{count}"}}
    return {"name": "independent", "jobs": [job]}


def sleeps(count: int, seconds: float) -> Spec:
    """``count`` jobs that sleep."""
    job = {"name": "s_{i:05d}", "command": f"sleep {seconds:g}", "parameters": {"i": f"1:{count}"}}
    return {"name": "sleeps", "jobs": [job]}


def write(spec: Spec, directory: Path) -> Path:
    """Store a workflow as a file in a directory of its own."""
    directory.mkdir(parents=True)
    path = directory / "workflow.json"
    path.write_text(json.dumps(spec))
    return path


class Commands(NamedTuple):
    """The same work for the peers: one program, called once for each line of arguments."""

    program: str
    lines: Sequence[str]

    @property
    def commands(self) -> list[str]:
        """As a person would type them."""
        return [f"{self.program} {line}" for line in self.lines]


def echoes(count: int) -> Commands:
    """The commands of a round of the scale test."""
    return Commands("echo", [f"round 1 job {i}" for i in range(1, count + 1)])


def sleep_commands(count: int, seconds: float) -> Commands:
    """The commands of ``sleeps``."""
    return Commands("sleep", [f"{seconds:g}"] * count)
