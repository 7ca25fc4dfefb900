"""``user-data get`` and ``put``: what jobs call by the hundred thousand, so nothing is imported that they do not need.

The simple spellings are understood here; all others, and their help, are left to the command line library.
"""
# ruff: noqa: PLC0415

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from torc_local.ground.errors import ExitCode, InputError

if TYPE_CHECKING:
    from torc_local.engine.putting import Writer
    from torc_local.store.database import Database

_DEFAULT = "torc_output/torc.db"  # as in place.py
_GET, _PUT = 3, 4  # words


def call(words: Sequence[str]) -> int | None:
    """Run ``user-data get NAME`` or ``user-data put NAME JSON``; None: this is none of them."""
    if words[0] != "user-data" or len(words) < _GET or words[2].startswith("-"):
        return None
    if words[1] == "get" and len(words) == _GET:
        return get(None, None, words[2])
    if words[1] == "put" and len(words) == _PUT and not (words[3].startswith("-") and words[3][1:2].isalpha()):
        return None if words[3].startswith("--") else put(None, None, words[2], words[3])
    return None


def get(option: Path | None, workflow_id: int | None, name: str) -> int:
    """Print user data as JSON in one line. Raises InputError when there is none."""
    data = read(option, workflow_id, name)
    if data is None:
        raise InputError(f"user data '{name}' has no data yet", hint=f"torc-local user-data put {name} JSON")
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]  # JSON is UTF-8, whatever the locale is
    sys.stdout.write(data + "\n")
    return ExitCode.OK


def put(option: Path | None, workflow_id: int | None, name: str, text: str) -> int:
    """Write user data; ``-`` reads standard input. Raises InputError for what is no JSON, or too large."""
    write(option, workflow_id, name, _json(name, text))
    return ExitCode.OK


def read(option: Path | None, workflow_id: int | None, name: str) -> str | None:
    """User data as JSON; None when there is none yet."""
    from torc_local.engine.putting import find
    from torc_local.store import opening

    path = _path(option)
    with opening.open_read_only(path) as db:
        return find(db, _workflow(db, path, workflow_id), name).data


def write(option: Path | None, workflow_id: int | None, name: str, data: str) -> None:
    """Write user data that is compact JSON already."""
    from torc_local.engine.putting import put as put_data
    from torc_local.store import opening

    path = _path(option)
    with opening.open_existing(path) as db:
        found = _workflow(db, path, workflow_id)
        put_data(db, found, name, data, _writer(path, found))


def _json(name: str, text: str) -> str:
    import json

    from torc_local.ground.io import MOST_USER_DATA_BYTES, compact

    if text == "-":
        raw = sys.stdin.buffer.read(8 * MOST_USER_DATA_BYTES)  # with all the spaces that it may have
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise InputError(f"user data '{name}': standard input is not UTF-8 text") from None
    try:
        value = json.loads(text, parse_constant=_no_number)
    except ValueError as error:
        hint = "text needs quotes of its own: '\"text\"'" if text.strip() else "null is JSON for nothing"
        raise InputError(f"user data '{name}': this is not JSON: {error}", hint=hint) from None
    except RecursionError:
        raise InputError(f"user data '{name}': this JSON is nested too deeply") from None
    try:
        return compact(value)
    except ValueError as error:
        raise InputError(f"user data '{name}' cannot be kept: {error}") from None


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no number in JSON")


def _path(option: Path | None) -> Path:
    return option or Path(os.environ.get("TORC_LOCAL_DB") or _DEFAULT)


def _is_job(path: Path) -> bool:
    """Whether we are inside a job of this database."""
    return "TORC_JOB_ID" in os.environ and os.environ.get("TORC_LOCAL_DB") == os.fspath(path.absolute())


def number(name: str) -> int | None:
    """The number in a variable of the environment, if it is one."""
    value = os.environ.get(name, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) <= 18 else None  # noqa: PLR2004 - SQLite's


def _workflow(db: "Database", path: Path, workflow_id: int | None) -> int:
    """The workflow that is named, else the one that this job belongs to, else the only one."""
    from torc_local.store import user_data

    found = workflow_id
    if found is None and os.environ.get("TORC_LOCAL_DB") == os.fspath(path):
        found = number("TORC_WORKFLOW_ID")
    if found is None:
        found = user_data.only_workflow(db)
    if found is None:
        raise InputError(f"which workflow? there is not exactly one in {path}", hint="say which with -w WORKFLOW")
    return found


def _writer(path: Path, workflow_id: int) -> "Writer | None":
    from torc_local.engine.putting import Writer

    job_id, attempt_id = number("TORC_JOB_ID"), number("TORC_ATTEMPT_ID")
    if not _is_job(path) or job_id is None or attempt_id is None or number("TORC_WORKFLOW_ID") != workflow_id:
        return None
    return Writer(job_id, attempt_id)
