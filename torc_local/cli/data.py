"""``files`` and ``user-data``: what a workflow's jobs read and write."""

from pathlib import Path

from torc_local.cli import answer, place
from torc_local.ground.errors import ExitCode
from torc_local.process.declared import mtime_of
from torc_local.report.text import iso, printable, shortened, table
from torc_local.store import io, opening, user_data

_WIDEST = 60  # of JSON in a table


def list_files(option: Path | None, target: str | None, *, as_json: bool) -> int:
    """``files list``: each file, who uses it, and whether it is there now (seen from this directory)."""
    chosen = place.target(target)
    with opening.open_read_only(place.database(option, chosen.database)) as db:
        found = list(io.every_file(db, place.workflow(db, chosen.workflow_id).id))
    rows = [(one, mtime_of(one.path)) for one in found]
    if as_json:
        answer.items(
            {
                "name": one.name,
                "path": one.path,
                "is_input": bool(one.is_consumed),
                "is_output": bool(one.is_produced),
                "exists": mtime is not None,
                "modified_at": None if mtime is None else iso(mtime),
            }
            for one, mtime in rows
        )
    else:
        cells = [
            (
                one.name,
                " and ".join(_uses(one.is_consumed, one.is_produced)) or "-",
                "missing" if mtime is None else iso(mtime)[:19],
                one.path,
            )
            for one, mtime in rows
        ]
        answer.lines(table(("NAME", "USED AS", "MODIFIED (UTC)", "PATH"), cells))
    return ExitCode.OK


def list_required(option: Path | None, target: str | None, *, as_json: bool) -> int:
    """``files list-required-existing``: paths that must be there before the next run."""
    chosen = place.target(target)
    with opening.open_read_only(place.database(option, chosen.database)) as db:
        paths = io.must_exist(db, place.workflow(db, chosen.workflow_id).id)
    if as_json:
        answer.items({"path": path, "exists": mtime_of(path) is not None} for path in paths)
    else:
        answer.lines(map(printable, paths))
    return ExitCode.OK


def list_user_data(option: Path | None, target: str | None, *, as_json: bool) -> int:
    """``user-data list``."""
    import json  # noqa: PLC0415 - for programs only

    chosen = place.target(target)
    with opening.open_read_only(place.database(option, chosen.database)) as db:
        found = list(user_data.every(db, place.workflow(db, chosen.workflow_id).id))
    if as_json:
        answer.items(
            {
                "name": one.name,
                "data": None if one.data is None else json.loads(one.data),
                "has_data": one.data is not None,
                "is_ephemeral": bool(one.is_ephemeral),
                "is_input": bool(one.is_consumed),
                "is_output": bool(one.is_produced),
                "written_by": one.put_by,
                "written_at": None if one.put_at is None else iso(one.put_at),
            }
            for one in found
        )
    else:
        cells = [
            (
                one.name,
                " and ".join(_uses(one.is_consumed, one.is_produced)) or "-",
                (one.put_by or "by hand") if one.put_at is not None else "-",
                "-" if one.data is None else shortened(one.data, _WIDEST),
            )
            for one in found
        ]
        answer.lines(table(("NAME", "USED AS", "WRITTEN BY", "DATA"), cells))
    return ExitCode.OK


def list_missing(option: Path | None, target: str | None, *, as_json: bool) -> int:
    """``user-data list-missing``: what a run would refuse to begin without."""
    chosen = place.target(target)
    with opening.open_read_only(place.database(option, chosen.database)) as db:
        names = io.missing_user_data(db, place.workflow(db, chosen.workflow_id).id)
    if as_json:
        answer.items({"name": name} for name in names)
    else:
        answer.lines(map(printable, names))
    return ExitCode.OK


def _uses(consumed: int, produced: int) -> list[str]:
    return [word for word, used in (("input", consumed), ("output", produced)) if used]
