"""``logs --analyze``: lines of known meaning in what jobs wrote, and in the reasons on record.

A job that was killed has often written nothing, so why each attempt did not complete is looked at like a line of it.
Output is read once, in blocks, and bytes that are no text are no hindrance.
"""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from torc_local.ground.reasons import first_line
from torc_local.report.patterns import Pattern, compiled
from torc_local.report.text import plural, printable, table
from torc_local.store.outputs import AttemptOutput

#: Torc cuts lines at as much.
WIDTH = 120

_EXAMPLES = 3
_BLOCK = 1 << 22
_LONGEST_LINE = 1 << 16
_MOST_OPEN = 32


class Example(NamedTuple):
    """A line: of which attempt, in which stream (stdout, stderr, or reason: on record), and its number from 1."""

    job_id: int
    job_name: str
    run_id: int
    attempt_id: int
    stream: str
    line_number: int
    line: str


class Found(NamedTuple):
    """One kind of line: how many there are, in how many jobs, and the first ones, each of another job."""

    pattern: Pattern
    lines: int
    jobs: int
    examples: list[Example]


class Analysis(NamedTuple):
    """All of it; ``gone`` are output files that are not there any more."""

    attempts: int
    bytes: int
    found: list[Found]
    gone: list[str]


class Source(NamedTuple):
    """What one attempt wrote into one stream: where it is, and how long; None: to the end of the file."""

    path: Path
    start: int
    length: int | None


class _Kind:
    def __init__(self) -> None:
        self.lines = 0
        self.jobs: set[int] = set()
        self.examples: list[Example] = []


def analyze(attempts: Iterable[AttemptOutput], directory: Path, chosen: set[int] | None) -> Analysis:
    """Look at what attempts wrote, of all jobs or of those chosen. ``directory``: that of the database."""
    patterns = compiled()
    any_of = re.compile(b"|".join(b"(?%s:%s)" % (_flags(regex), regex.pattern) for _, regex in patterns), re.MULTILINE)
    kinds = {one.name: _Kind() for one, _ in patterns}
    files = _Files()
    count, read = 0, 0
    try:
        for attempt in attempts:
            if chosen is not None and attempt.job_id not in chosen:
                continue
            count += 1
            if attempt.reason:
                _note(kinds, patterns, attempt, "reason", 1, first_line(attempt.reason).encode())
            for stream, source in sources(attempt, directory):
                for number, line in _matching(files.blocks(source), any_of):
                    _note(kinds, patterns, attempt, stream, number, line)
            read += files.taken()
    finally:
        files.close()
    found = [
        Found(one, kinds[one.name].lines, len(kinds[one.name].jobs), kinds[one.name].examples)
        for one, _ in patterns
        if kinds[one.name].lines
    ]
    found.sort(key=lambda one: (one.pattern.severity != "error", -one.jobs))
    return Analysis(count, read, found, sorted(files.gone))


def sources(attempt: AttemptOutput, directory: Path) -> Iterator[tuple[str, Source]]:
    """Where an attempt's two streams are, those that have anything in them."""
    if attempt.path is None:
        return
    # Nobody lived to measure the end of a lost attempt: the rest of its file is its own.
    is_lost = attempt.status == "lost"
    for stream, suffix, start, length in (
        ("stdout", ".out", attempt.stdout_start, attempt.stdout_bytes),
        ("stderr", ".err", attempt.stderr_start, attempt.stderr_bytes),
    ):
        if is_lost or length:
            yield stream, Source(directory / f"{attempt.path}{suffix}", start, None if is_lost else length)


def _flags(regex: "re.Pattern[bytes]") -> bytes:
    return b"i" if regex.flags & re.IGNORECASE else b"-i"


def _note(
    kinds: dict[str, _Kind],
    patterns: list[tuple[Pattern, "re.Pattern[bytes]"]],
    attempt: AttemptOutput,
    stream: str,
    number: int,
    line: bytes,
) -> None:
    """Count a line for the first pattern that it matches."""
    name = next((one.name for one, regex in patterns if regex.search(line)), None)
    if name is None:
        return
    kind = kinds[name]
    kind.lines += 1
    if len(kind.examples) < _EXAMPLES and attempt.job_id not in kind.jobs:
        text = line.decode("utf-8", "replace").strip()[:WIDTH]
        kind.examples.append(
            Example(
                attempt.job_id, attempt.job_name, attempt.run_id, attempt.attempt_id, stream, number, printable(text)
            )
        )
    kind.jobs.add(attempt.job_id)


def _matching(blocks: Iterator[bytes], any_of: "re.Pattern[bytes]") -> Iterator[tuple[int, bytes]]:
    """Lines in which anything is found, with their numbers. Blocks end at line ends."""
    before = 1  # the number of the first line of the block
    for block in blocks:
        counted, number, after = 0, before, 0
        for match in any_of.finditer(block):
            if match.start() < after:
                continue  # a line counts once
            begin = block.rfind(b"\n", 0, match.start()) + 1
            end = block.find(b"\n", match.end())
            after = len(block) if end < 0 else end + 1
            number += block.count(b"\n", counted, begin)
            counted = begin
            yield number, block[begin : len(block) if end < 0 else end]
        before = number + block.count(b"\n", counted)


class _Files:
    """Output files, kept open while they are read piece by piece."""

    def __init__(self) -> None:
        self._open: dict[Path, int] = {}
        self._read = 0
        self.gone: set[str] = set()

    def taken(self) -> int:
        """Bytes read since the last call."""
        read, self._read = self._read, 0
        return read

    def blocks(self, source: Source) -> Iterator[bytes]:
        """The bytes in blocks that end at the end of a line; a line that is too long is cut."""
        fd = self._descriptor(source.path)
        if fd is None:
            return
        at, left, rest = source.start, source.length, b""
        while left is None or left > 0:
            piece = os.pread(fd, _BLOCK if left is None else min(_BLOCK, left), at)
            if not piece:
                break
            at += len(piece)
            self._read += len(piece)
            left = None if left is None else left - len(piece)
            whole, line_end, new = (rest + piece).rpartition(b"\n")
            if line_end:
                yield whole + line_end
                rest = new
            elif len(new) > _LONGEST_LINE:
                yield new
                rest = b""
            else:
                rest = new
        if rest:
            yield rest

    def _descriptor(self, path: Path) -> int | None:
        fd = self._open.pop(path, None)
        if fd is None:
            if len(self._open) >= _MOST_OPEN:
                os.close(self._open.pop(next(iter(self._open))))
            try:
                fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                self.gone.add(str(path))
                return None
        self._open[path] = fd  # at the end: the one that was used longest ago is closed first
        return fd

    def close(self) -> None:
        """Close all of them."""
        for fd in self._open.values():
            os.close(fd)
        self._open.clear()


def document(found: Analysis) -> dict[str, Any]:
    """The JSON object."""
    return {
        "attempts": found.attempts,
        "bytes": found.bytes,
        "errors": sum(one.lines for one in found.found if one.pattern.severity == "error"),
        "warnings": sum(one.lines for one in found.found if one.pattern.severity != "error"),
        "patterns": [
            {
                "name": one.pattern.name,
                "severity": one.pattern.severity,
                "lines": one.lines,
                "jobs": one.jobs,
                "cure": one.pattern.cure,
                "examples": [example._asdict() for example in one.examples],
            }
            for one in found.found
        ],
        "gone_files": found.gone,
    }


def screen(found: Analysis) -> list[str]:
    """Lines for people: a table, then each kind with its first lines and what to do."""
    looked = f"looked at {plural(found.attempts, 'attempt')} of jobs, {plural(found.bytes, 'byte')} of output"
    if not found.found:
        return [f"nothing of known meaning found; {looked}"]
    lines = table(
        ["PATTERN", "SEVERITY", "LINES", "JOBS"],
        [[one.pattern.name, one.pattern.severity, f"{one.lines:,}", f"{one.jobs:,}"] for one in found.found],
        right=(2, 3),
    )
    for one in found.found:
        lines += ["", f"{one.pattern.name}: {one.pattern.cure}"]
        lines += [f"  {_where(example)}: {example.line}" for example in one.examples]
    return [*lines, "", looked]


def _where(example: Example) -> str:
    again = f", attempt {example.attempt_id}" if example.attempt_id > 1 else ""
    if example.stream == "reason":
        return f"{printable(example.job_name)} (on record{again})"
    return f"{printable(example.job_name)} ({example.stream} line {example.line_number}{again})"
