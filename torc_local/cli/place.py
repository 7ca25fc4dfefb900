"""Which database, which workflow, which job: from the words of the command line to what they name."""

import difflib
import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from torc_local.ground.errors import InputError
from torc_local.report.text import printable
from torc_local.store import reading, workflows
from torc_local.store.database import Database
from torc_local.store.workflows import WorkflowRow

#: Torc's own default.
OUTPUT_DIR = Path("torc_output")
FILE_NAME = "torc.db"
VARIABLE = "TORC_LOCAL_DB"

_SPEC_SUFFIXES = frozenset({".yaml", ".yml", ".json", ".json5", ".kdl"})
_DATABASE_SUFFIXES = frozenset({".db", ".sqlite", ".sqlite3"})
_MAGIC = b"SQLite format 3\0"
_LISTED = 10
_MOST_DIGITS = 18  # of an id: SQLite has 63 bits

_last = OUTPUT_DIR / FILE_NAME


class Target(NamedTuple):
    """What a TARGET names: one of the three, or nothing."""

    spec: str | None = None
    workflow_id: int | None = None
    database: Path | None = None


def target(word: str | None) -> Target:
    """A workflow file (``-`` is standard input), a workflow's id, a database, or nothing."""
    if word is None:
        return Target()
    if word == "-":
        return Target(spec=word)
    if (number := _number(word)) is not None:
        return Target(workflow_id=number)
    path = Path(word)
    if path.suffix.lower() in _SPEC_SUFFIXES:
        return Target(spec=word)
    if path.suffix.lower() in _DATABASE_SUFFIXES:
        return Target(database=path)
    with suppress(OSError):  # a word that is too long to be a path is none
        if path.is_dir() and (path / FILE_NAME).exists():
            return Target(database=path / FILE_NAME)
        if path.exists():
            return Target(database=path) if _is_database(path) else Target(spec=word)
    raise InputError(
        f"'{word}' is neither a file nor the id of a workflow", hint="torc-local list shows the workflows and their ids"
    )


def names_workflow(word: str) -> bool:
    """Whether a word can only be a workflow's id or a database."""
    if _number(word) is not None:
        return True
    with suppress(InputError):
        return target(word).database is not None
    return False


def existing(word: str | None, option: Path | None) -> Target:
    """A workflow that is there: TARGET with ``--db``. Raises InputError for a workflow file, or two databases."""
    found = target(word)
    if found.spec is not None:
        raise InputError(f"{found.spec} is a workflow file; this needs the id of a workflow", hint="torc-local list")
    if found.database is not None and option is not None:
        database(option, found.database)  # refuses two
    return found._replace(database=found.database or option)


def database(option: Path | None, named: Path | None = None, output_dir: Path | None = None) -> Path:
    """The path of the database: named as TARGET, or ``--db``, ``$TORC_LOCAL_DB``, the one in ``-o``, Torc's default."""
    if named is not None and option is not None and named != option:
        raise InputError(f"two databases are named: {named} and {option}", hint="leave out --db")
    chosen = named or option
    if chosen is None and (variable := os.environ.get(VARIABLE)):
        chosen = Path(variable)
    global _last  # noqa: PLW0603 - so that an SQLite error far below can be told with its file
    _last = readable(chosen or (output_dir or OUTPUT_DIR) / FILE_NAME)
    return _last


def readable(path: Path) -> Path:
    """The path, which SQLite must be able to hold. Raises InputError when it is not text."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise InputError(f"this path is not UTF-8 text: {path}", hint="choose another name, or move it") from None
    return path


def text(word: str) -> str:
    """A word or path of the command line as text, whatever bytes it is made of and whatever the locale is."""
    return os.fsencode(word).decode("utf-8", "backslashreplace")


def last_opened() -> Path:
    """The database that this command works on."""
    return _last


def command(path: Path) -> str:
    """How a suggested command begins: with ``--db`` when the database would not be found without."""
    variable = os.environ.get(VARIABLE)
    if path == (Path(variable) if variable else OUTPUT_DIR / FILE_NAME):
        return "torc-local"
    import shlex  # noqa: PLC0415 - loaded when needed

    return f"torc-local --db {shlex.quote(str(path))}"


def workflow(db: Database, workflow_id: int | None) -> WorkflowRow:
    """The workflow with this id; without one the only one that is not archived.

    Raises InputError with the list when there are several, or none.
    """
    if workflow_id is not None:
        found = workflows.get(db, workflow_id)
        if found is None:
            known = workflows.list_all(db)
            hint = f"{command(db.path)} list shows them: {_listed(known)}" if known else "the database is empty"
            raise InputError(f"there is no workflow {workflow_id} in {db.path}", hint=hint)
        return found
    known = workflows.list_all(db)
    known = [one for one in known if not one.is_archived] or known
    if not known:
        hint = f"{command(db.path)} run WORKFLOW.yaml makes one"
        raise InputError(f"there is no workflow in {db.path}", hint=hint)
    if len(known) > 1:
        raise InputError(
            f"which workflow? there are {len(known)} in {db.path}", hint=f"give one of these ids: {_listed(known)}"
        )
    return known[0]


def job(db: Database, word: str, workflow_id: int | None) -> int:
    """The id of a job named by name or id; a name wins over an id. Raises InputError when there is none, or several."""
    word = text(word)
    if workflow_id is not None:
        workflow(db, workflow_id)
    named = [(job_id, of) for job_id, of in reading.jobs_named(db, word) if workflow_id in (None, of)]
    if len(named) > 1:
        archived = {one.id for one in workflows.list_all(db) if one.is_archived}
        named = [one for one in named if one[1] not in archived] or named
    if len(named) == 1:
        return named[0][0]
    if named:
        ids = ", ".join(f"{job_id} (workflow {of})" for job_id, of in named[:_LISTED])
        raise InputError(f"several workflows have a job '{word}'", hint=f"say which with -w WORKFLOW, or by id: {ids}")
    number = _number(word)
    if number is not None and reading.job_exists(db, number):
        return number
    near = difflib.get_close_matches(word, reading.names_like(db, word), n=1, cutoff=0.7)
    hint = f"did you mean '{near[0]}'?" if near else f"{command(db.path)} jobs lists them"
    raise InputError(f"there is no job '{word}' in {db.path}", hint=hint)


def _number(word: str) -> int | None:
    """The id that a word may be; what is too long for the database is none."""
    return int(word) if word.isascii() and word.isdigit() and len(word) <= _MOST_DIGITS else None


def _listed(known: list[WorkflowRow]) -> str:
    shown = ", ".join(f"{one.id} ({printable(one.name)})" for one in known[-_LISTED:])
    return f"{shown}, ..." if len(known) > _LISTED else shown


def _is_database(path: Path) -> bool:
    # Closing a database file drops this process's locks on it, so this is asked only before it is opened.
    try:
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False
