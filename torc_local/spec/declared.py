"""The files and the user data of a workflow: the named things that jobs say they read and write.

Both are read, expanded and looked up in the same way; they differ in what a name stands for.
"""

from collections.abc import Sequence
from itertools import repeat
from typing import NamedTuple

from torc_local.ground.io import compact
from torc_local.spec.fields import FILE_KEYS, USER_DATA_KEYS, check_keys, text, truth
from torc_local.spec.grids import ONE, Plan, check_total, plan
from torc_local.spec.names import check_other_name
from torc_local.spec.parameters import Values
from torc_local.spec.places import Path
from torc_local.spec.problems import LINE, Problems
from torc_local.spec.render import Grid
from torc_local.spec.wording import describe, quote


class Kind(NamedTuple):
    """Files or user data: the keys of the workflow and of jobs that are about them, and how messages call one."""

    section: str
    noun: str
    keys: tuple[str, str, str, str]  # of a job: inputs, outputs, regexes for inputs, regexes for outputs


FILES = Kind("files", "file", ("input_files", "output_files", "input_file_regexes", "output_file_regexes"))
USER_DATA = Kind(
    "user_data",
    "user data",
    ("input_user_data", "output_user_data", "input_user_data_regexes", "output_user_data_regexes"),
)
KINDS = (FILES, USER_DATA)

#: All keys of a job that name files or user data, in the order of KINDS.
KEYS = FILES.keys + USER_DATA.keys


class Declared:
    """All that is declared of one kind after expansion, as columns of equal length."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.names: list[str] = []
        self.values: list[str | None] = []  # a file's path; user data as JSON, None when there is none yet
        self.ephemeral: list[bool] = []  # user data: cleared when what writes it is put back
        self.index: dict[str, int] = {}
        self._entries: list[tuple[int, int]] = []  # first index and position in the file of each entry

    def add(self, position: int, names: list[str], values: Sequence[str | None], *, ephemeral: bool) -> str | None:
        """Append the instances of one entry; the first name that is taken, and then nothing is appended."""
        start = len(self.names)
        self.index.update(zip(names, range(start, start + len(names)), strict=True))
        if len(self.index) != start + len(names):
            self.index = {name: index for index, name in enumerate(self.names)}
            return next(name for name in names if name in self.index)
        self.names += names
        self.values += values
        self.ephemeral += repeat(ephemeral, len(names))
        self._entries.append((start, position))
        return None

    def entry_of(self, index: int) -> int:
        """The position in the file of the entry that made this instance."""
        return max((start, position) for start, position in self._entries if start <= index)[1]


class _Entry(NamedTuple):
    position: int
    fields: dict[str, object]
    name: str
    plan: Plan


def read_declared(kind: Kind, value: object, shared: dict[str, Values] | None, problems: Problems) -> Declared:
    """All of one kind, parameters expanded. Whatever is wrong is reported; what could be read is there."""
    declared = Declared(kind)
    if value is None:
        return declared
    here: Path = (kind.section,)
    if not isinstance(value, list):
        problems.add(here, f"{quote(kind.section)} must be a list, not {describe(value)}", "begin each with '- name:'")
        return declared
    entries = [_entry(kind, position, entry, shared, problems) for position, entry in enumerate(value)]
    known = [entry for entry in entries if entry is not None]
    plans = [((*here, e.position), e.name, e.plan) for e in known if e.plan is not ONE]
    if not check_total(plans, len(known) - len(plans), problems, noun=kind.noun):
        return declared
    for entry in known:
        _expand(kind, entry, declared, problems)
        if problems.full:
            break
    if kind is FILES and len(set(declared.values)) < len(declared.values):
        _note_same_paths(declared, problems)
    return declared


def _entry(
    kind: Kind, position: int, entry: object, shared: dict[str, Values] | None, problems: Problems
) -> _Entry | None:
    path: Path = (kind.section, position)
    if not isinstance(entry, dict):
        hint = "begin it with '- name:'"
        problems.add(path, f"an entry of {quote(kind.section)} must be a mapping, not {describe(entry)}", hint)
        return None
    name = text(entry.get("name"), "name", (*path, "name"), problems)
    label = f"{position + 1}" if name is None else quote(name)
    known = FILE_KEYS if kind is FILES else USER_DATA_KEYS
    if not entry.keys() <= known:
        check_keys(entry, known, {}, path, f"in {kind.noun} {label}", problems)
    if name is None:
        if entry.get("name") is None:
            problems.add(path, f"{kind.noun} {label} has no 'name'", "add one; jobs refer to it")
        return None
    planned: Plan | None = ONE
    if "parameters" in entry or "use_parameters" in entry or "parameter_mode" in entry:
        planned = plan(entry, path, label, shared, problems, noun=kind.noun)
    return None if planned is None else _Entry(position, entry, name, planned)


def _expand(kind: Kind, entry: _Entry, declared: Declared, problems: Problems) -> None:
    path: Path = (kind.section, entry.position)
    grid = entry.plan.grid()
    filled = grid.fill(entry.name)
    names = [filled] * grid.size if isinstance(filled, str) else filled
    if (wrong := _check_names(names)) is not None:
        problems.add((*path, "name"), f"the name {quote(wrong[0])} of a {kind.noun} {wrong[1]}", wrong[2])
        return
    values = (_paths if kind is FILES else _data)(entry, grid, path, problems)
    if values is None:
        return
    if grid.size > 1 and len(set(names)) < grid.size:
        # Instances of one name are one thing when they are equal, as with jobs.
        found = dict(zip(reversed(names), reversed(values), strict=True))
        if any(found[name] != value for name, value in zip(names, values, strict=True)):
            what = "paths" if kind is FILES else "data"
            message = f"{kind.noun} {quote(entry.name)} makes one name several times, with different {what}"
            unnamed = [p for p in entry.plan.values if f"{{{p}" not in entry.name]
            hint = f"put {', '.join('{' + p + '}' for p in unnamed)} into the name" if unnamed else None
            problems.add((*path, "name"), message, hint)
            return
        names = list(dict.fromkeys(names))
        values = [found[name] for name in names]
    ephemeral = truth(
        entry.fields.get("is_ephemeral"), "is_ephemeral", (*path, "is_ephemeral"), problems, default=False
    )
    taken = declared.add(entry.position, names, values, ephemeral=ephemeral)
    if taken is not None:
        first: Path = (kind.section, declared.entry_of(declared.index[taken]), "name")
        message = f"{kind.noun} {quote(taken)} exists twice, first in line {LINE}"
        problems.add((*path, "name"), message, "rename or remove one", lines=[first])


def _check_names(names: Sequence[str]) -> tuple[str, str, str] | None:
    for name in names:
        if name.isascii() and name.isprintable() and name.strip() and len(name) < 256 and "}" not in name:  # noqa: PLR2004 - see check_other_name
            continue
        if (wrong := check_other_name(name)) is not None:
            return (name, *wrong)
        if "{" in name or "}" in name:
            hint = "give it parameters, or use_parameters, to expand it"
            return name, "contains a brace, and no token could name it", hint
    return None


def _paths(entry: _Entry, grid: Grid, path: Path, problems: Problems) -> list[str | None] | None:
    template = text(entry.fields.get("path"), "path", (*path, "path"), problems, f" of file {quote(entry.name)}")
    if template is None:
        if entry.fields.get("path") is None:
            problems.add(path, f"file {quote(entry.name)} has no 'path'", "add one, relative to where jobs run")
        return None
    filled = grid.fill(template)
    paths = [filled] * grid.size if isinstance(filled, str) else filled
    for one in paths:
        if not one or one.isspace():
            problems.add((*path, "path"), f"the path of file {quote(entry.name)} is empty")
            return None
        if "\0" in one:
            problems.add((*path, "path"), f"the path of file {quote(entry.name)} contains a NUL character")
            return None
        if not one.isascii() and not _encodes(one):
            problems.add((*path, "path"), f"the path of file {quote(entry.name)} contains half of a character")
            return None
    return list(paths)


def _data(entry: _Entry, grid: Grid, path: Path, problems: Problems) -> list[str | None] | None:
    value = entry.fields.get("data")
    if value is None:
        return [None] * grid.size
    filled, varies = _fill(value, grid)
    try:
        if not varies:
            return [compact(value)] * grid.size
        return [compact(_instance(filled, k)) for k in range(grid.size)]
    except ValueError as error:
        problems.add((*path, "data"), f"the data of {quote(entry.name)} cannot be kept as JSON: {error}")
        return None


class _Column(NamedTuple):
    """In place of a text with placeholders: the text of each instance."""

    texts: list[str]


def _fill(value: object, grid: Grid) -> tuple[object, bool]:
    """The data with a column in place of every text that varies, and whether there is one."""
    match value:
        case str():
            filled = grid.fill(value)
            return (value, False) if isinstance(filled, str) else (_Column(filled), True)
        case list():
            items = [_fill(item, grid) for item in value]
            return [item for item, _ in items], any(varies for _, varies in items)
        case dict():
            pairs = {key: _fill(item, grid) for key, item in value.items()}
            return {key: item for key, (item, _) in pairs.items()}, any(varies for _, varies in pairs.values())
        case _:
            return value, False


def _instance(filled: object, k: int) -> object:
    match filled:
        case _Column():
            return filled.texts[k]
        case list():
            return [_instance(item, k) for item in filled]
        case dict():
            return {key: _instance(item, k) for key, item in filled.items()}
        case _:
            return filled


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _note_same_paths(declared: Declared, problems: Problems) -> None:
    first: dict[str | None, int] = {}
    for index, path in enumerate(declared.values):
        other = first.setdefault(path, index)
        if other != index:
            names = f"{quote(declared.names[other])} and {quote(declared.names[index])}"
            where: Path = (FILES.section, declared.entry_of(index), "path")
            hint = "no job waits for another because of it: refer to one name"
            problems.warn(where, f"files {names} are the same file {quote(path or '')}", hint)
            return
