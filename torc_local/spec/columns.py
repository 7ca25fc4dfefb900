"""Expanded jobs as columns: one list per property, because 100,000 objects with six fields are slow to make twice."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from torc_local.spec.fields import texts
from torc_local.spec.options import NONE, Options
from torc_local.spec.places import Path
from torc_local.spec.problems import Problems

#: One row of dependency texts for every job of a family, or the same row for all of them.
Rows = tuple[str, ...] | list[tuple[str, ...]]

#: Lists from this length on are recognised by identity instead of by their content.
SHARED = 16

#: The entry of the family of jobs that the workflow has already.
KNOWN = -1


class Family(NamedTuple):
    """The jobs of one entry; they are neighbours in the order of all jobs."""

    entry: int  # index under 'jobs'
    template: str  # the name before expansion
    start: int
    size: int
    depends_on: Rows
    regexes: Rows
    names: "Names | None" = None  # None: it names neither files nor user data


class Names(NamedTuple):
    """Files and user data that the jobs of one entry name."""

    rows: dict[str, Rows]  # by key of the job
    tokens: bool  # the command has something that looks like a token


class Jobs:
    """All expanded jobs, as columns of equal length."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.commands: list[str] = []
        self.resources: list[int] = []
        self.priorities: list[int] = []
        self.cancels: list[bool] = []
        self.options: list[int] = []
        self.options_index: dict[Options, int] = {NONE: 0}
        self.handlers: Collection[str] = ()  # names of the workflow's failure handlers
        self.families: list[Family] = []
        self.index: dict[str, int] = {}
        self.known = 0  # so many of them the workflow has already
        self._rows: dict[int, tuple[str, ...]] = {}

    def know(self, names: Sequence[str]) -> None:
        """Begin with jobs that the workflow has already: others may wait for them, and they wait for nobody."""
        count = len(names)
        self.known = count
        self.names += names
        self.index.update(zip(names, range(count), strict=True))
        self.commands += [""] * count
        for column in (self.resources, self.priorities, self.options):
            column.extend([0] * count)
        self.cancels += [True] * count
        if count:
            self.families.append(Family(KNOWN, "", 0, count, (), ()))

    def intern(self, options: Options) -> int:
        """The number of these options: jobs that say the same share one."""
        return self.options_index.setdefault(options, len(self.options_index))

    def row(self, value: object, key: str, path: Path, problems: Problems) -> tuple[str, ...]:
        """A list of text as a tuple. A list that many jobs share by an alias is read once: same list, same tuple."""
        found = self._rows.get(id(value))
        if found is None:
            found = tuple(texts(value, key, (*path, key), problems))
            if isinstance(value, list) and len(value) >= SHARED:
                self._rows[id(value)] = found  # the parsed tree outlives this, so the id stays taken
        return found
