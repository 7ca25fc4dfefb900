"""Which jobs a command means: from the words and options of SELECT to ids.

Words are added up, options narrow them down. A word that means no job is an error, and so is a choice of none: a slip
must not look like success.
"""

import difflib
import re
import sys
from collections.abc import Iterable
from typing import NamedTuple

from torc_local.cli import place
from torc_local.cli.words import did_you_mean
from torc_local.ground.errors import InputError
from torc_local.ground.states import JobStatus
from torc_local.report.listing import UNSUCCESSFUL
from torc_local.report.text import plural, printable
from torc_local.store import reading, selecting
from torc_local.store.database import Database

_PATTERN = frozenset("*?[")
_RANGE = re.compile(r"(\d{1,18})(?:-(\d{1,18}))?", re.ASCII)
_NAMED = 5


class Asked(NamedTuple):
    """SELECT as it stands on the command line."""

    words: tuple[str, ...] = ()
    states: str | None = None
    failed: bool = False
    return_code: int | None = None
    regex: str | None = None

    @property
    def anything(self) -> bool:
        """Whether jobs are chosen at all; a command without a choice has a meaning of its own."""
        return bool(self.words or self.states or self.failed or self.regex) or self.return_code is not None


def choose(db: Database, workflow_id: int, asked: Asked) -> list[int]:
    """The ids of the jobs that are meant, ascending. Raises InputError when a word, or all together, means none."""
    found: set[int] | None = None
    words = [*_from_stdin(asked.words)]
    if words:
        found = set().union(*(_of_word(db, workflow_id, word) for word in words))
    if asked.regex is not None:
        found = _both(found, _of_regex(db, workflow_id, asked.regex))
    wanted = states(asked.states, failed=asked.failed)
    if wanted is not None:
        found = _both(found, set().union(*(selecting.by_status(db, workflow_id, status) for status in wanted)))
    if asked.return_code is not None:
        found = _both(found, selecting.by_return_code(db, workflow_id, asked.return_code))
    if not found:
        if words and "-" in asked.words:
            raise InputError("standard input names no job", hint="one name or id on each line")
        raise InputError(
            f"no job of workflow {workflow_id} is like that",
            hint=f"{place.command(db.path)} jobs lists them with their states",
        )
    return sorted(found)


def one_or_many(db: Database, workflow_id: int | None, asked: Asked) -> list[int]:
    """As ``choose``; but a lone name or id may be of any workflow in the database, unless one is named."""
    (word, *more) = asked.words or ("",)
    if workflow_id is None and not more and asked == Asked((word,)) and word not in ("", "-"):
        try:
            return [place.job(db, word, None)]
        except InputError:
            if not _is_choice(word):
                raise
    return choose(db, place.workflow(db, workflow_id).id, asked)


def _is_choice(word: str) -> bool:
    """Whether a word may mean several jobs: a pattern, or a list of ids."""
    return bool(_PATTERN & set(word)) or all(_RANGE.fullmatch(part.strip()) for part in word.split(","))


def states(listed: str | None, *, failed: bool) -> list[str] | None:
    """The states of ``--status`` and ``--failed``; None: all. Raises InputError for words that are no state."""
    if listed is None:
        return list(UNSUCCESSFUL) if failed else None
    known = list(map(str, JobStatus))
    wanted = [word.strip().lower() for word in listed.split(",") if word.strip()]
    for word in wanted:
        if word not in known:
            hint = did_you_mean(word, known) or f"there are: {', '.join(known)}"
            raise InputError(f"'{word}' is not a state of a job", hint=hint)
    if not wanted:
        raise InputError("--status names no state", hint=f"there are: {', '.join(known)}")
    return wanted + (list(UNSUCCESSFUL) if failed else [])


def _both(found: set[int] | None, more: set[int]) -> set[int]:
    return more if found is None else found & more


def _from_stdin(words: Iterable[str]) -> Iterable[str]:
    for word in words:
        if word == "-":
            yield from (line.strip() for line in sys.stdin if line.strip())
        else:
            yield place.text(word)


def _of_word(db: Database, workflow_id: int, word: str) -> set[int]:
    """A name; a pattern of names; or ids such as ``1,3,5-8``. A name wins over what looks the same."""
    found = selecting.by_name(db, workflow_id, word)
    if found:
        return found
    if _PATTERN & set(word):
        found = selecting.by_pattern(db, workflow_id, word)
        if found:
            return found
        raise InputError(f"no job of workflow {workflow_id} has a name like '{printable(word)}'")
    parts = [_RANGE.fullmatch(part.strip()) for part in word.split(",")]
    ranges = [part for part in parts if part is not None]
    if len(ranges) < len(parts):
        raise _unknown(db, workflow_id, word)
    for part in ranges:
        first, last = int(part[1]), int(part[2] or part[1])
        if first > last:
            raise InputError(f"'{part[0]}' ends before it begins", hint=f"write {last}-{first}")
        ids = selecting.by_ids(db, workflow_id, first, last)
        if not ids:
            raise InputError(
                f"workflow {workflow_id} has no job with id {part[0]}", hint=f"{place.command(db.path)} jobs shows ids"
            )
        found |= ids
    return found


def _of_regex(db: Database, workflow_id: int, regex: str) -> set[int]:
    try:
        pattern = re.compile(regex)
    except re.error as error:
        raise InputError(f"--regex: '{printable(regex)}' is no regular expression: {error}") from None
    return {one.id for one in selecting.everything(db, workflow_id) if pattern.search(one.name)}


def _unknown(db: Database, workflow_id: int, word: str) -> InputError:
    near = difflib.get_close_matches(word, reading.names_like(db, word), n=1, cutoff=0.7)
    hint = f"did you mean '{near[0]}'?" if near else f"{place.command(db.path)} jobs lists them"
    return InputError(f"workflow {workflow_id} has no job '{printable(word)}'", hint=hint)


def named(names: list[str], jobs: int) -> str:
    """The first of some jobs, and how many there are more: ``a, b, ... (12)``."""
    shown = ", ".join(map(printable, names[:_NAMED]))
    return f"{shown}, ... ({plural(jobs, 'job')})" if jobs > len(names[:_NAMED]) else shown
