"""``db``: copying the database, checking it and making it small."""

import os
from datetime import UTC, datetime
from pathlib import Path

from torc_local.cli import answer, place, writing
from torc_local.cli.looking import dead_runners, finding_lines
from torc_local.ground import clock
from torc_local.ground.errors import ExitCode, InputError, StateError
from torc_local.report import health
from torc_local.report.text import duration, plural, size
from torc_local.store import meta, mounts, opening
from torc_local.store import snapshot as copying
from torc_local.store.database import log_of


def snapshot(option: Path | None, copy: Path | None, *, as_json: bool) -> int:
    """``db snapshot``."""
    path = place.database(option)
    with opening.open_read_only(path) as db:
        made = place.readable(copy or _beside(path))
        began = clock.monotonic()
        copying.snapshot(db, made)
        taken_s = clock.monotonic() - began
    count = made.stat().st_size
    if as_json:
        answer.document({"snapshot": str(made), "size_bytes": count, "seconds": taken_s})
    else:
        answer.lines([str(made)])
        answer.note(f"{size(count)} in {duration(taken_s)}; look into it:  torc-local --db {made} status")
    return ExitCode.OK


def _beside(path: Path) -> Path:
    """A name that says when; the microseconds keep two of one second apart."""
    return path.with_name(f"{path.stem}.{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}{path.suffix or '.db'}")


def check(option: Path | None, *, as_json: bool) -> int:
    """``db check``."""
    path = place.database(option)
    with opening.open_read_only(path) as db:
        findings = health.integrity(db)
        listed = health.open_runners(db)
        findings += health.promises(db, at_rest=not listed)
    bad = any(finding.level == "bad" for finding in findings)
    if as_json:
        document = {"sound": not bad, "database": str(path), "findings": [one._asdict() for one in findings]}
        answer.document(document)
    else:
        answer.lines(finding_lines(findings))
    return ExitCode.STATE if bad else ExitCode.OK


def share(option: Path | None, *, shared: bool, as_json: bool) -> int:
    """``db share`` and ``db unshare``."""
    path = place.database(option)
    if not shared and mounts.use_of(path) is mounts.Use.SHARED:
        raise InputError(
            f"{path} is on {mounts.mount_of(path).kind}, which several machines may have mounted",
            hint="say --local when only this machine will ever use it, or move it to a local disk",
        )
    writing.consult(path)
    with opening.open_alone(path) as db:
        listed = health.open_runners(db)
        alive = len(listed) - len(dead_runners(listed))
        if alive:
            raise StateError(
                f"{plural(alive, 'runner')} {'is' if alive == 1 else 'are'} at work on this database: {path}",
                hint="end all runs on it first, on every machine",
            )
        journal = opening.ROLLBACK if shared else opening.WAL
        changed = meta.get(db).journal != journal
        opening.share(db, journal)
    if as_json:
        answer.document({"database": str(path), "is_shared": shared, "changed": changed})
    else:
        now = "can be used by several machines" if shared else "is for one machine"
        answer.lines([f"{path} {now}{'' if changed else ' already'}"])
    return ExitCode.OK


def vacuum(option: Path | None, *, as_json: bool) -> int:
    """``db vacuum``."""
    path = place.database(option)
    with writing.open_existing(path) as db:
        listed = health.open_runners(db)
        alive = len(listed) - len(dead_runners(listed))
        if alive:
            raise StateError(
                f"{plural(alive, 'runner')} work{'s' if alive == 1 else ''} on this database now, and would have to "
                f"wait: {path}",
                hint="try again when the run has ended; torc-local db snapshot makes a small copy at any time",
            )
        before = _bytes(path)
        copying.vacuum(db)
    after = _bytes(path)
    if as_json:
        answer.document({"database": str(path), "bytes_before": before, "bytes_after": after})
    else:
        answer.lines([f"{path}: {size(before)} before, {size(after)} after"])
    return ExitCode.OK


def _bytes(path: Path) -> int:
    """Of the file and its log. Asked by name: opening and closing the file would drop SQLite's locks on it."""
    return sum(os.stat(one).st_size for one in (path, log_of(path)) if os.path.exists(one))  # noqa: PTH110, PTH116
