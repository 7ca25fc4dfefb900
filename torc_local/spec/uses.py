"""Which job reads and writes which files and user data, and the order that this implies.

As with dependencies, a set of names that thousands of jobs share exists once, and so does the work of looking it up:
what 25,000 jobs wait for because of 25,000 files is one set of jobs.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice

from torc_local.ground import io
from torc_local.spec import tokens
from torc_local.spec.columns import SHARED, Family, Jobs, Names, Rows
from torc_local.spec.declared import FILES, KINDS, USER_DATA, Declared, Kind
from torc_local.spec.dependencies import Waits
from torc_local.spec.model import Uses
from torc_local.spec.patterns import SLOWEST, Pattern, check_pattern, match_all, shown
from torc_local.spec.places import Path
from torc_local.spec.problems import Problems
from torc_local.spec.wording import closest, quote

#: Declared outputs of all jobs together: each one is a row, and is looked at after its job.
MOST_OUTPUTS = 10_000_000

_MOST_CANDIDATES = 2000  # names that a suggestion looks at
_MOST_SUGGESTIONS = 20
_STEP = 4  # pieces per token: see tokens.split
_ALONE = 2  # jobs that read what they write, per set: more of them are in a cycle anyway

Sets = tuple[int, ...]  # of one job: indexes into Side.sets


class Side:
    """What jobs read, or write, of one kind: per job the sets whose union it is."""

    def __init__(self, size: int) -> None:
        self.of_job: list[Sets] = [()] * size
        self.sets: list[tuple[int, ...]] = []  # ascending indexes of files or user data, none empty
        self._known: dict[tuple[int, ...], int] = {}

    def intern(self, members: tuple[int, ...]) -> int:
        """The index of a set, new or known. ``members`` ascend and are not empty."""
        index = self._known.setdefault(members, len(self.sets))
        if index == len(self.sets):
            self.sets.append(members)
        return index


class Io:
    """What all jobs read and write. ``bits`` is for ``job.io``."""

    def __init__(self, size: int) -> None:
        self.bits = bytearray(size)
        self.sides = {(kind.section, way): Side(size) for kind in KINDS for way in ("input", "output")}

    def uses(self, kind: Kind) -> Uses:
        """As the model has it."""
        inputs, outputs = self.sides[kind.section, "input"], self.sides[kind.section, "output"]
        if not inputs.sets and not outputs.sets:
            return Uses()
        return Uses(inputs.of_job, tuple(inputs.sets), outputs.of_job, tuple(outputs.sets))

    def common(self, before: int, after: int) -> tuple[Kind, int] | None:
        """What one job writes and another reads, if anything: the first of it."""
        for kind in KINDS:
            written, read = self.sides[kind.section, "output"], self.sides[kind.section, "input"]
            wanted = {member for index in read.of_job[after] for member in read.sets[index]}
            for index in written.of_job[before]:
                for member in written.sets[index]:
                    if member in wanted:
                        return kind, member
        return None


def resolve_uses(
    jobs: Jobs,
    declared: Sequence[Declared],
    waits: Waits,
    problems: Problems,
    writers: Sequence[Mapping[int, tuple[int, ...]]] = (),
) -> Io | None:
    """Look up every name, match every regex, fill in paths, add to ``waits`` what follows; None: nobody uses any.

    ``writers`` say for each kind what jobs of the workflow that were there before write.
    """
    families = [family for family in jobs.families if family.names is not None]
    if not families:
        return None
    uses = Io(len(jobs.names))
    found = _Tokens(jobs, uses, declared, problems)
    for family in families:
        if family.names is not None and family.names.tokens:
            found.scan(family)
    for kind, names in zip(KINDS, declared, strict=True):
        for way, list_key, regex_key in zip(("input", "output"), kind.keys[:2], kind.keys[2:], strict=True):
            lookup = _Lookup(uses.sides[kind.section, way], names, families, (list_key, regex_key), jobs, problems)
            for family in families:
                lookup.resolve(family, found.names[kind.section, way])
                if problems.full:
                    return uses
    if not problems:
        for kind, known in zip(KINDS, writers, strict=False):
            side = uses.sides[kind.section, "output"]
            for job, items in known.items():
                side.of_job[job] = (side.intern(items),)
        for kind, names in zip(KINDS, declared, strict=True):
            _imply(uses, kind, names, waits, problems)
        _mark(uses)
    return uses


class _Tokens:
    """Tokens of all commands: names per job, paths filled in at once, user data left for the start of the job."""

    def __init__(self, jobs: Jobs, uses: Io, declared: Sequence[Declared], problems: Problems) -> None:
        self._jobs = jobs
        self._options = list(jobs.options_index)
        self._bits = uses.bits
        self._problems = problems
        self.names: dict[tuple[str, str], dict[int, tuple[int, ...]]] = {side: {} for side in uses.sides}
        of_section = {one.kind.section: one for one in declared}
        self._sides = {side: (of_section[side[0]], names) for side, names in self.names.items()}

    def scan(self, family: Family) -> None:
        """Take in the tokens of a family's commands and scripts. The first wrong one is reported."""
        commands, options = self._jobs.commands, self._jobs.options
        for job in range(family.start, family.start + family.size):
            filled = self._take(job, commands[job], family, "command")
            if filled is None:
                return
            if options[job]:
                filled = self._with_script(job, filled, family)
                if filled is None:
                    return
            commands[job] = filled

    def _with_script(self, job: int, command: str, family: Family) -> str | None:
        """The command behind its script when that has tokens: it goes before the command in any case, and differs."""
        jobs = self._jobs
        said = self._options[jobs.options[job]]
        if said.invocation_script is None or not tokens.may_have_tokens(said.invocation_script):
            return command
        script = self._take(job, said.invocation_script, family, "invocation_script")
        if script is None:
            return None
        without = said._replace(invocation_script=None)
        number = jobs.options_index.setdefault(without, len(self._options))
        if number == len(self._options):
            self._options.append(without)
        jobs.options[job] = number
        return f"{script} {command}"

    def _take(self, job: int, text: str, family: Family, key: str) -> str | None:
        """Note the names in the text of ``key``; the text with paths filled in, None when something was reported."""
        pieces = tokens.split(text)
        for piece in pieces[::_STEP]:
            if "${" in piece and (wrong := tokens.find_wrong(piece)) is not None:
                message = f"{quote(wrong[0])} in the {key} of job {quote(family.template)} is not a token"
                self._report(family, key, message, wrong[1])
                return None
        filled = pieces[:1]
        for place in range(1, len(pieces), _STEP):
            section, way, name = pieces[place : place + 3]
            declared, names = self._sides[section, way]
            index = declared.index.get(name)
            if index is None:
                what = f"the {declared.kind.noun} {quote(name)}, which does not exist"
                message = f"the {key} of job {quote(family.template)} names {what}"
                self._report(family, key, message, _suggest(name, declared))
                return None
            known = names.get(job)
            names[job] = (index,) if known is None else tuple(sorted({*known, index}))
            if declared.kind is FILES:
                filled.append(declared.values[index] or "")
            else:
                filled.append(f"${{{section}.{way}.{name}}}")
                self._bits[job] |= io.TOKENS
            filled.append(pieces[place + 3])
        return "".join(filled)

    def _report(self, family: Family, key: str, message: str, hint: str | None) -> None:
        path: Path = ("jobs", family.entry, key)
        self._problems.add(path, message, hint)


class _Lookup:
    """One side: from lists, regexes and tokens to interned sets."""

    def __init__(
        self,
        side: Side,
        names: Declared,
        families: Sequence[Family],
        keys: tuple[str, str],
        jobs: Jobs,
        problems: Problems,
    ) -> None:
        self._side = side
        self._names = names
        self._list, self._regexes = keys
        self._jobs = jobs
        self._problems = problems
        self._suggestions = 0
        self._known: dict[tuple[str, ...], int | None] = {}
        self._long: dict[int, int | None] = {}  # by identity: hashing a long row for each of its jobs is too slow
        self._matches = _match(families, self._regexes, names, side, problems)

    def resolve(self, family: Family, by_token: dict[int, tuple[int, ...]]) -> None:
        """Set what each job of a family has on this side."""
        said: Names | None = family.names
        if said is None:
            return
        rows, regexes = said.rows.get(self._list, ()), said.rows.get(self._regexes, ())
        if not (rows or regexes or (said.tokens and by_token)):
            return
        for row in (rows,) if isinstance(rows, tuple) else rows:
            if row and self._find(row) is None:
                self._report(row, family)
                return
        of_job, stop = self._side.of_job, family.start + family.size
        if isinstance(rows, tuple) and isinstance(regexes, tuple) and not said.tokens:
            of_job[family.start : stop] = [self._one(rows, regexes, None)] * family.size
            return
        for job, row, patterns in zip(
            range(family.start, stop), _each(rows, family.size), _each(regexes, family.size), strict=True
        ):
            of_job[job] = self._one(row, patterns, by_token.get(job))

    def _one(self, row: tuple[str, ...], regexes: tuple[str, ...], by_token: tuple[int, ...] | None) -> Sets:
        found = [] if not row or (known := self._find(row)) is None else [known]
        if regexes:
            found += [self._matches[regex] for regex in regexes if regex in self._matches]
        if by_token is not None:
            found.append(self._side.intern(by_token))
        return tuple(found) if len(found) < 2 else tuple(dict.fromkeys(found))  # noqa: PLR2004

    def _find(self, row: tuple[str, ...]) -> int | None:
        if len(row) >= SHARED:
            if id(row) not in self._long:
                self._long[id(row)] = self._look_up(row)
            return self._long[id(row)]
        if row not in self._known:
            self._known[row] = self._look_up(row)
        return self._known[row]

    def _look_up(self, row: tuple[str, ...]) -> int | None:
        found = {self._names.index.get(name, -1) for name in row}
        return None if -1 in found else self._side.intern(tuple(sorted(found)))

    def _report(self, row: tuple[str, ...], family: Family) -> None:
        for position, name in enumerate(row):
            if name not in self._names.index:
                path: Path = ("jobs", family.entry, self._list, position)
                self._suggestions += 1
                hint = _suggest(name, self._names) if self._suggestions <= _MOST_SUGGESTIONS else None
                noun = self._names.kind.noun
                message = f"job {quote(family.template)} names the {noun} {quote(name)}, which does not exist"
                self._problems.add(path, message, hint)
                return


def _each(rows: Rows, size: int) -> Iterable[tuple[str, ...]]:
    return [rows] * size if isinstance(rows, tuple) else rows


def _suggest(name: str, names: Declared) -> str | None:
    section = names.kind.section
    if not names.names:
        return f"the workflow has no {quote(section)}; they stand at the top"
    alike = (n for n in names.names if abs(len(n) - len(name)) <= 2 and (n[:1] == name[:1] or n[-2:] == name[-2:]))  # noqa: PLR2004
    found = closest(name, islice(alike, _MOST_CANDIDATES)) or closest(name, names.names[:100])
    return f"they stand under {quote(section)} at the top" if found is None else f"did you mean {quote(found)}?"


def _match(families: Sequence[Family], key: str, names: Declared, side: Side, problems: Problems) -> dict[str, int]:
    """The set of every regex of one key that matches something; others are reported."""
    users: dict[str, Path] = {}
    for family in families:
        rows = family.names.rows.get(key, ()) if family.names is not None else ()
        for row in (rows,) if isinstance(rows, tuple) else rows:
            for position, pattern in enumerate(row):
                users.setdefault(pattern, ("jobs", family.entry, key, position))
    checked: dict[str, Pattern] = {}
    for pattern, path in users.items():
        try:
            checked[pattern] = check_pattern(pattern)
        except ValueError as error:
            problems.add(path, str(error), f"the regex is {shown(pattern)}")
    found = {}
    for pattern, members in match_all(checked, names.names).items():
        if members is None:
            hint = f"simplify it, or begin it with ^ and text (limit {SLOWEST:g} s)"
            problems.add(users[pattern], f"the regex {shown(pattern)} backtracks for too long", hint)
        elif not members:
            hint = f"regexes are searched for in all names under {quote(names.kind.section)} after expansion"
            problems.add(users[pattern], f"the regex {shown(pattern)} matches no {names.kind.noun}", hint)
        else:
            found[pattern] = side.intern(members)
    return found


def _imply(uses: Io, kind: Kind, names: Declared, waits: Waits, problems: Problems) -> None:
    """Let every job wait for all that write what it reads, itself left out."""
    read, written = uses.sides[kind.section, "input"], uses.sides[kind.section, "output"]
    if sum(len(written.sets[index]) for indexes in written.of_job for index in indexes) > MOST_OUTPUTS:
        problems.add((kind.section,), f"jobs declare more than {MOST_OUTPUTS:,} outputs; name fewer for each job")
        return
    if not read.sets or not written.sets:
        return
    producers = _producers(written, len(names.names))
    waited_for = [_members(members, producers, waits) for members in read.sets]
    alone: dict[int, list[int]] = {}
    known: dict[tuple[tuple[int, ...], Sets], tuple[int, ...]] = {}
    of_job = waits.of_job
    for job, indexes in enumerate(read.of_job):
        if not indexes:
            continue
        key = of_job[job], indexes
        if written.of_job[job] and any(
            (index := waited_for[i]) is not None and _has(waits.sets[index], job) for i in indexes
        ):
            others = _without(job, indexes, waited_for, waits, alone)
            of_job[job] = tuple(dict.fromkeys((*of_job[job], *others)))
            continue
        if key not in known:
            more = [index for i in indexes if (index := waited_for[i]) is not None]
            known[key] = tuple(dict.fromkeys((*key[0], *more)))
        of_job[job] = known[key]


def _producers(written: Side, count: int) -> list[list[int] | None]:
    """The jobs that write each thing; None for most when nobody writes it."""
    found: list[list[int] | None] = [None] * count
    for job, indexes in enumerate(written.of_job):
        for index in indexes:
            for member in written.sets[index]:
                known = found[member]
                if known is None:
                    found[member] = [job]
                elif known[-1] != job:
                    known.append(job)
    return found


def _members(members: tuple[int, ...], producers: list[list[int] | None], waits: Waits) -> int | None:
    """The set of jobs that write any of ``members``; None when nobody does."""
    if len(members) == 1:
        only = producers[members[0]]
        return None if only is None else waits.intern(tuple(only))
    jobs = set(chain.from_iterable(producers[member] or () for member in members))
    return waits.intern(tuple(sorted(jobs))) if jobs else None


def _has(members: tuple[int, ...], job: int) -> bool:
    place = bisect_left(members, job)
    return place < len(members) and members[place] == job


def _without(
    job: int, indexes: Sequence[int], waited_for: list[int | None], waits: Waits, alone: dict[int, list[int]]
) -> Iterator[int]:
    """The sets of a job that writes what it reads: itself left out.

    Two such jobs on one set wait for each other; a third and more are let wait for the first, so that there are not as
    many large sets as jobs when the cycle is reported.
    """
    for i in indexes:
        index = waited_for[i]
        if index is None:
            continue
        members = waits.sets[index]
        if not _has(members, job):
            yield index
        elif len(members) > 1:
            before = alone.setdefault(index, [])
            if len(before) < _ALONE:
                before.append(job)
                yield waits.intern(tuple(member for member in members if member != job))
            else:
                yield waits.intern((before[0],))


def _mark(uses: Io) -> None:
    """Set the bits of every job that reads or writes anything."""
    bits = uses.bits
    for way in ("input", "output"):
        for job, indexes in enumerate(uses.sides[FILES.section, way].of_job):
            if indexes:
                bits[job] |= io.FILES
    for job, indexes in enumerate(uses.sides[USER_DATA.section, "input"].of_job):
        if indexes:
            bits[job] |= io.USER_DATA
