"""Reading what is to be added to a workflow: a workflow file, a bare list of jobs, or JSON lines with a job in each.

Whatever it is becomes one tree with ``jobs``, and keeps the places of everything in the text.
"""

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from torc_local.ground.errors import Problem, SpecError
from torc_local.spec.json_tree import json_steps, read_json
from torc_local.spec.places import Step, repeated_keys
from torc_local.spec.problems import Problems
from torc_local.spec.source import Source, Unreadable, decode
from torc_local.spec.wording import quote

_JSON = frozenset({".json", ".jsonl", ".ndjson"})


class Fragment:
    """The parsed text: ``tree`` has the jobs, ``problems`` what was wrong so far."""

    def __init__(self, source: Source, tree: object, steps: Callable[[], Iterator[Step]], problems: Problems) -> None:
        self.tree = tree
        self.problems = problems
        self._source = source
        self._steps = steps

    @classmethod
    def of_tree(cls, tree: object, file: str) -> "Fragment":
        """A tree that stands in no text."""
        return cls(Source(file, ""), tree, lambda: iter(()), Problems())

    def error(self) -> SpecError:
        """Everything that is wrong, with places."""
        return SpecError(self.problems.errors(self._source, self._steps))

    def warnings(self) -> list[Problem]:
        """What the author should know, with places."""
        return self.problems.warnings(self._source, self._steps)

    def again(self) -> "Fragment":
        """The same text with nothing found wrong yet, to be checked once more."""
        return Fragment(self._source, self.tree, self._steps, Problems())


def read_fragment(data: bytes, file: str, *, may_be_empty: bool = False) -> Fragment:
    """Parse a text; the suffix of ``file`` says what it is, and without one it is found out.

    With ``may_be_empty`` nothing at all is an empty list of jobs.

    Raises SpecError for what is neither JSON, JSON lines nor another format of workflow files.
    """
    if may_be_empty and not data.strip():
        data = b"[]"
    try:
        source = Source(file, decode(data, file))
    except Unreadable as error:
        raise SpecError([Problem(file, 0, 0, error.message, error.hint)]) from None
    try:
        return _read(source)
    except Unreadable as error:
        raise SpecError([source.problem(error.message, error.hint, error.start, error.end)]) from None


def _read(source: Source) -> Fragment:
    suffix = Path(source.file).suffix.lower()
    begins = source.text.lstrip()[:1]
    if suffix in _JSON or (begins in ("{", "[") and suffix not in {".yaml", ".yml", ".json5", ".kdl"}):
        walk: Callable[[], Iterator[Step]] = partial(json_steps, source)
        try:
            tree, repeats = read_json(source)
        except Unreadable as error:
            if begins != "{":
                raise
            tree = {"jobs": _lines(source, error)}
            return _made(source, tree, partial(_as_jobs, walk, bare=True), Problems(), repeats=True, lines=False)
        return _made(source, tree, walk, Problems(), repeats=repeats, lines=suffix != ".json")
    from torc_local.spec.load import read_tree  # noqa: PLC0415 - a job that spawns in JSON needs no other reader

    tree, repeats, steps, problems = read_tree(source)
    return _made(source, tree, steps, problems, repeats=repeats, lines=False)


def _made(
    source: Source,
    tree: object,
    steps: Callable[[], Iterator[Step]],
    problems: Problems,
    *,
    repeats: bool,
    lines: bool,
) -> Fragment:
    if repeats:
        for first, again in repeated_keys(steps()):
            message = f"the key {quote(again.value)} is repeated; it is already in line {source.line(first.start)}"
            problems.add_placed(message, "remove one of them", again.start, again.end)
    if isinstance(tree, list):
        return Fragment(source, {"jobs": tree}, partial(_as_jobs, steps, bare=False), problems)
    if lines and isinstance(tree, dict) and "jobs" not in tree and "command" in tree:
        return Fragment(source, {"jobs": [tree]}, partial(_as_jobs, steps, bare=True), problems)
    return Fragment(source, tree, steps, problems)


def _lines(source: Source, whole: Unreadable) -> list[object]:
    """The values of a text with one in each line. Raises Unreadable: for the first line that is none."""
    found: list[object] = []
    offset = 0
    for line in source.text.splitlines(keepends=True):
        start = offset
        offset += len(line)
        if not line.strip():
            continue
        try:
            found.append(json.loads(line))
        except (ValueError, RecursionError):
            if not found:
                raise whole from None
            raise Unreadable("this line is not JSON", "write one job in each line", start, offset) from None
    return found


def _as_jobs(steps: Callable[[], Iterator[Step]], *, bare: bool) -> Iterator[Step]:
    """The steps of a list of jobs, or of jobs one after another (``bare``), as those of a mapping with ``jobs``."""
    yield Step("{", 0, 0, "")
    yield Step(".", 0, 0, "jobs")
    if bare:
        yield Step("[", 0, 0, "")
    yield from steps()
    if bare:
        yield Step("]", 0, 0, "")
    yield Step("}", 0, 0, "")


def commands(data: bytes, file: str) -> list[str]:
    """One command per line: trimmed; blank lines and those that begin with ``#`` are left out (Torc).

    Raises SpecError when there is none.
    """
    try:
        lines = decode(data, file).splitlines()
    except Unreadable as error:
        if not data.strip():
            lines = []
        else:
            raise SpecError([Problem(file, 0, 0, error.message, error.hint)]) from None
    found = [stripped for line in lines if (stripped := line.strip()) and not stripped.startswith("#")]
    if not found:
        raise SpecError([Problem(file, 0, 0, "No valid commands found in file", "write one command per line")])
    return found
