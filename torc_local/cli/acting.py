"""``actions``: what a workflow does besides its jobs."""

from pathlib import Path

from torc_local.cli import answer
from torc_local.cli.looking import open_workflow
from torc_local.ground.errors import ExitCode
from torc_local.report.actions import action_item, action_table
from torc_local.store import actions


def list_actions(option: Path | None, word: str | None, *, as_json: bool) -> int:
    """``actions list``."""
    with open_workflow(option, word) as (db, workflow):
        rows, base = actions.listed(db, workflow.id, workflow.run_id), db.path.parent
    if as_json:
        answer.items(action_item(row, base) for row in rows)
    else:
        answer.lines(action_table(rows))
    return ExitCode.OK
