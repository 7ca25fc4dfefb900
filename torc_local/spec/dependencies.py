"""From dependency texts to interned sets of job indexes.

A set that 25,000 jobs wait for exists once, and so does the work of making it: a regex is matched once, a row of
names is looked up once, and equal sets are one entry.
"""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice

from torc_local.spec.columns import SHARED, Family, Jobs, Rows
from torc_local.spec.patterns import SLOWEST, Pattern, check_pattern, match_all, shown
from torc_local.spec.places import Path
from torc_local.spec.problems import Problems
from torc_local.spec.wording import closest, quote

_MOST_SUGGESTIONS = 20  # each one looks at up to some thousand names
_MOST_CANDIDATES = 2000


class Waits:
    """What every job waits for: indexes into ``sets``, whose members are ascending job indexes."""

    def __init__(self) -> None:
        self.sets: list[tuple[int, ...]] = []
        self.of_job: list[tuple[int, ...]] = []
        self._known: dict[tuple[int, ...], int] = {}

    def intern(self, members: tuple[int, ...]) -> int:
        """The index of a set, new or known. ``members`` ascend and are not empty."""
        index = self._known.setdefault(members, len(self.sets))
        if index == len(self.sets):
            self.sets.append(members)
        return index

    def count(self) -> int:
        """Job-to-job dependencies as people mean them: the union of each job's sets."""
        return sum(jobs * self._union(waits) for waits, jobs in Counter(self.of_job).items())

    def _union(self, waits: tuple[int, ...]) -> int:
        if len(waits) < 2:  # noqa: PLR2004
            return len(self.sets[waits[0]]) if waits else 0
        largest, *others = sorted((self.sets[index] for index in waits), key=len, reverse=True)
        members = self._members(largest)
        return len(largest) + len({m for other in others for m in other if m not in members})

    def _members(self, members: tuple[int, ...]) -> frozenset[int]:
        # One large set with many small ones is the usual mix, so the last large one is kept.
        if getattr(self, "_last", (None,))[0] is not members:
            self._last: tuple[tuple[int, ...] | None, frozenset[int]] = (members, frozenset(members))
        return self._last[1]


class _Rows:
    """The set of each row of names, looked up once per row."""

    def __init__(self, jobs: Jobs, waits: Waits) -> None:
        self._jobs = jobs
        self._waits = waits
        self._known: dict[tuple[str, ...], int | None] = {}
        self._long: dict[int, int | None] = {}  # by identity: hashing a long row for each of its jobs is too slow

    def find(self, row: tuple[str, ...]) -> int | None:
        """The index of the set, or None when a name is unknown. ``row`` is not empty and belongs to a family."""
        if len(row) >= SHARED:
            if id(row) not in self._long:
                self._long[id(row)] = _names_to_set(row, self._jobs, self._waits)
            return self._long[id(row)]
        if row not in self._known:
            self._known[row] = _names_to_set(row, self._jobs, self._waits)
        return self._known[row]


def resolve(jobs: Jobs, problems: Problems) -> Waits:
    """Look up every name and match every regex. Unknown names and regexes without a match are reported."""
    waits = Waits()
    matches = _match_patterns(jobs, waits, problems)
    rows = _Rows(jobs, waits)
    suggestions = 0
    for family in jobs.families:
        if not family.depends_on and not family.regexes:
            waits.of_job += [()] * family.size
            continue
        # By far the most families, and in a file without parameters every job is one.
        shared = family.depends_on if isinstance(family.depends_on, tuple) and not family.regexes else ()
        if shared and (known := rows.find(shared)) is not None:
            waits.of_job += [(known,)] * family.size
            continue
        for row in _distinct(family.depends_on):
            if row and rows.find(row) is None:
                suggestions += 1
                _report_unknown(row, family, jobs, problems, suggesting=suggestions <= _MOST_SUGGESTIONS)
                break
        if problems.full:
            break
        waits.of_job += _family_waits(family, rows, matches)
    return waits


def _distinct(rows: Rows) -> Iterator[tuple[str, ...]]:
    return iter((rows,)) if isinstance(rows, tuple) else iter(rows)


def _family_waits(family: Family, rows: _Rows, matches: dict[str, int]) -> list[tuple[int, ...]]:
    """The sets of each job of a family; one tuple object where all jobs wait for the same."""

    def one(names: tuple[str, ...], regexes: tuple[str, ...]) -> tuple[int, ...]:
        found = [] if not names or (known := rows.find(names)) is None else [known]
        found += [matches[regex] for regex in regexes if regex in matches]
        return tuple(dict.fromkeys(found))

    names, regexes = family.depends_on, family.regexes
    if isinstance(names, tuple):
        if isinstance(regexes, tuple):
            return [one(names, regexes)] * family.size
        return [one(names, row) for row in regexes]
    if isinstance(regexes, tuple):
        return [one(row, regexes) for row in names]
    return [one(*both) for both in zip(names, regexes, strict=True)]


def _names_to_set(row: tuple[str, ...], jobs: Jobs, waits: Waits) -> int | None:
    if len(row) == 1:
        only = jobs.index.get(row[0])
        return None if only is None else waits.intern((only,))
    found = {jobs.index.get(name, -1) for name in row}
    return None if -1 in found else waits.intern(tuple(sorted(found)))


def _report_unknown(row: tuple[str, ...], family: Family, jobs: Jobs, problems: Problems, *, suggesting: bool) -> None:
    """Name the first unknown dependency of a row and what it may have been meant to be."""
    for position, name in enumerate(row):
        if name not in jobs.index:
            path: Path = ("jobs", family.entry, "depends_on", position)
            job = quote(family.template)
            hint = suggest(name, jobs) if suggesting else None
            problems.add(path, f"job {job} depends on {quote(name)}, which does not exist", hint)


def suggest(name: str, jobs: Jobs) -> str | None:
    """A hint on which job an unknown name may have been meant for, or None."""
    for family in islice(jobs.families, _MOST_CANDIDATES):
        if family.size > 1 and "{" in family.template:
            parts = re.split(r"\{[^{}]*\}", family.template)
            if re.fullmatch(".+?".join(map(re.escape, parts[:4])) + (".+" if len(parts) > 4 else ""), name):  # noqa: PLR2004
                first, last = jobs.names[family.start], jobs.names[family.start + family.size - 1]
                return f"the family {family.template} has {family.size:,} jobs: {first} ... {last}"
    alike = (n for n in jobs.names if abs(len(n) - len(name)) <= 2 and (n[:1] == name[:1] or n[-2:] == name[-2:]))  # noqa: PLR2004
    found = closest(name, islice(alike, _MOST_CANDIDATES))
    return None if found is None else f"did you mean {quote(found)}?"


def _match_patterns(jobs: Jobs, waits: Waits, problems: Problems) -> dict[str, int]:
    """The set of every regex that matches something."""
    users: dict[str, Path] = {}
    for family in jobs.families:
        for row in _distinct(family.regexes):
            for position, pattern in enumerate(row):
                users.setdefault(pattern, ("jobs", family.entry, "depends_on_regexes", position))
    checked: dict[str, Pattern] = {}
    for pattern, path in users.items():
        try:
            checked[pattern] = check_pattern(pattern)
        except ValueError as error:
            problems.add(path, str(error), f"the regex is {shown(pattern)}")
    found = {}
    for pattern, members in match_all(checked, jobs.names).items():
        if members is None:
            hint = f"simplify it, or begin it with ^ and text (limit {SLOWEST:g} s)"
            problems.add(users[pattern], f"the regex {shown(pattern)} backtracks for too long", hint)
        elif not members:
            hint = "regexes are searched for in the names of all jobs after expansion"
            problems.add(users[pattern], f"the regex {shown(pattern)} matches no job", hint)
        else:
            found[pattern] = waits.intern(members)
    return found
