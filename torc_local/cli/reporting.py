"""``report``: everything about a workflow's newest run, as a page, as text, as Markdown or for programs."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from torc_local.cli import answer, files, place
from torc_local.cli.looking import open_workflow
from torc_local.cli.options import ReportFormat as Form
from torc_local.ground.collector import without_collector
from torc_local.ground.errors import ExitCode, StateError
from torc_local.report import content, content_json, content_text, status
from torc_local.report.content import Content
from torc_local.report.text import plural, printable, size
from torc_local.store import opening

_SUFFIXES = {".html": Form.HTML, ".htm": Form.HTML, ".md": Form.MD, ".json": Form.JSON, ".txt": Form.TEXT}
_STANDARD_OUTPUT = Path("-")


def form_of(file: Path | None, asked: Form | None) -> Form:
    """What was asked for; otherwise as the file's name says, text for a screen, and a page for any other file."""
    if asked is not None:
        return asked
    return Form.TEXT if file is None else _SUFFIXES.get(file.suffix.lower(), Form.HTML)


def show_report(option: Path | None, word: str | None, file: Path | None, asked: Form | None) -> int:
    """``report``."""
    form = form_of(file, asked)
    to_file = file is not None and file != _STANDARD_OUTPUT
    if file is not None and to_file:
        files.check("-o", file)
    with without_collector(), open_workflow(option, word) as (db, workflow):
        found = content.gather(db, workflow, command=place.command(db.path))
    if file is None or not to_file:
        sys.stdout.writelines(_pieces(found, form))
    else:
        _note(file, _write(file, found, form), found)
    return ExitCode.OK


def make(path: Path, workflow_id: int, file: Path) -> None:
    """The report that ``run --report`` leaves behind. Raises OSError."""
    with without_collector(), opening.open_read_only(path) as db:
        found = content.gather(db, place.workflow(db, workflow_id), command=place.command(path))
    files.write(file, _pieces(found, form_of(file, None)))


def _write(file: Path, found: Content, form: Form) -> int:
    try:
        return files.write(file, _pieces(found, form))
    except OSError as error:
        raise StateError(
            f"cannot write {file}: {os.strerror(error.errno or 0).lower()}", hint="choose another place with -o FILE"
        ) from None


def _pieces(found: Content, form: Form) -> Iterator[str]:
    if form is Form.HTML:
        from torc_local.report.page import making  # noqa: PLC0415 - loaded when needed

        yield from making.pieces(found)
    elif form is Form.JSON:
        yield json.dumps({"schema_version": answer.SCHEMA_VERSION, **content_json.document(found)}, indent=2) + "\n"
    else:
        lines = content_text.markdown(found) if form is Form.MD else content_text.text(found)
        yield from (f"{line}\n" for line in lines)


def _note(file: Path, written: int, found: Content) -> None:
    """Say what was made; a report of what is not over says so here too."""
    answer.note(f"{printable(str(file))}: {size(written)}, {plural(found.status.total, 'job')}")
    stand = found.status
    if not stand.total:
        answer.note("note: this workflow has no jobs")
    elif status.outcome(stand.workflow, stand.run, stand.counts) is None:
        answer.note(f"note: {content_text.headline(found)}; the report is of now")
