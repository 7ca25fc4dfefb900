"""``tui``: the full-screen view of a workflow. Here is what it needs from the command line; the rest is in ``tui``."""

import os
import sys
from pathlib import Path

from torc_local.cli import changing, place, restarting, writing
from torc_local.cli.looking import open_workflow
from torc_local.ground.errors import ExitCode, InputError
from torc_local.tui.changes import Changes


def show(option: Path | None, word: str | None) -> int:
    """Show it until a person leaves. Raises InputError without a terminal, or without the extra."""
    _need_terminal()
    try:
        from torc_local.tui.app import Tui  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("textual", "rich"):
            raise
        raise InputError(
            "the full-screen view needs the package textual", hint="pip install 'torc-local[tui]'"
        ) from None
    with open_workflow(option, word) as (db, workflow):
        path, workflow_id = db.path, workflow.id
    view = Tui(path, workflow_id, changes_of(path, workflow_id), command=place.command(path))
    code = view.run()
    if view.bug is not None:
        raise view.bug  # told like any other, when the terminal is as it was
    return ExitCode.OK if code is None else code


def changes_of(path: Path, workflow_id: int) -> Changes:
    """What can be changed from there: what the commands ``retry`` and ``cancel`` do."""

    def cancel_all() -> list[str]:
        with writing.open_existing(path) as db:
            return [changing.cancel_whole(db, workflow_id)[2]]

    return Changes(
        retry=lambda job_ids, dry_run: restarting.retry_these(path, workflow_id, job_ids, dry_run=dry_run),
        cancel=lambda job_ids: changing.cancel_these(path, workflow_id, job_ids),
        cancel_all=cancel_all,
    )


def _need_terminal() -> None:
    """Textual reads standard input and paints on standard error, and a person must see both."""
    if not all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise InputError("tui needs a terminal", hint="torc-local status, or torc-local watch, needs none")
    if os.environ.get("TERM", "dumb") == "dumb":
        raise InputError("this terminal cannot be painted on (TERM=dumb)", hint="torc-local status, torc-local watch")
