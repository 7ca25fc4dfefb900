"""``convert`` and ``schema``: workflow files in other formats, and what may stand in them."""

import json
import os
from contextlib import suppress
from pathlib import Path

from torc_local.cli import answer
from torc_local.ground.errors import ExitCode, InputError
from torc_local.spec.formats import SUFFIXES, Format, by_suffix
from torc_local.spec.load import load_tree
from torc_local.spec.schema import workflow_schema
from torc_local.spec.source import Unwritable
from torc_local.spec.writing import to_text

_STANDARD = "-"


def convert(read: str, written: str, from_: Format | None, to: Format | None, *, force: bool) -> int:
    """Write the content of one workflow file to another. Comments are lost; nothing else is."""
    kind = to or by_suffix(written)
    if kind is None:
        hint = (
            "--to yaml, json, json5 or kdl" if written == _STANDARD else f"end it with {', '.join(SUFFIXES)}, or --to"
        )
        raise InputError(f"in which format is '{written}' to be written?", hint=hint)
    path = None if written == _STANDARD else Path(written)
    if path is not None and not force and os.path.lexists(path):
        raise InputError(f"{written} exists", hint="choose another name, or replace it with --force")
    try:
        text = to_text(load_tree(read, from_), kind)
    except Unwritable as error:
        raise InputError(f"{read} cannot be written as {kind.upper()}: {error}") from None
    if path is None:
        answer.text(text)
    else:
        write_file(path, text, force=force)
        answer.note(f"wrote {path}")
    return ExitCode.OK


def show_schema() -> int:
    """Print the JSON Schema of workflow files."""
    answer.text(json.dumps(workflow_schema(), indent=2) + "\n")
    return ExitCode.OK


def write_file(path: Path, text: str, *, force: bool = False) -> None:
    """Write a file whole or not at all: under another name first. Raises InputError when there is one already.

    A link is followed when it is to be replaced, so that what it leads to is.
    """
    where = path.resolve() if force else path
    other = where.with_name(f".{where.name[:200]}.{os.getpid()}.new")
    try:
        with suppress(FileNotFoundError):
            other.unlink()  # of a process of our number that is long gone
        with other.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if force:
            other.replace(where)
        else:
            _publish(other, where)
    except FileExistsError:
        raise InputError(f"{path} exists", hint="choose another name, or replace it with --force") from None
    except (OSError, ValueError) as error:
        why = error.strerror.lower() if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(f"cannot write {path}: {why}", hint="choose another place") from None
    finally:
        with suppress(OSError, ValueError):
            other.unlink()


def _publish(made: Path, path: Path) -> None:
    """Give a file its name unless another one has it already."""
    try:
        os.link(made, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links: two that write at once may both do it
        if os.path.lexists(path):
            raise FileExistsError from None
        made.rename(path)
