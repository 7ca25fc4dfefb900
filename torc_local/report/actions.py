"""The list of a workflow's actions, as they stand in its newest run."""

import json
from pathlib import Path
from typing import Any

from torc_local.report.text import duration, iso, table
from torc_local.store.actions import ListRow

_HEADS = ["NO", "TRIGGER", "TYPE", "STATE", "WAITS FOR", "STARTED (UTC)", "TIME", "CODE", "NODE", "REASON"]


def action_item(row: ListRow, base: Path) -> dict[str, Any]:
    """A JSON item of ``actions list``. A persistent action of workers has one for each worker that has begun it.

    ``base`` is the directory of the database.
    """
    return {
        "id": row.id,
        "number": row.number,
        "trigger_type": row.trigger_type,
        "action_type": row.action_type,
        "action_config": json.loads(row.config),
        "persistent": bool(row.is_persistent),
        "trigger_count": _triggered(row),
        "required_triggers": row.selected or 1,
        "state": _state(row),
        "executed": row.ended_at is not None,
        "started_at": None if row.started_at is None else iso(row.started_at),
        "executed_at": None if row.ended_at is None else iso(row.ended_at),
        "executed_by": row.node,
        "runner_id": row.runner_id,
        "return_code": row.return_code,
        "reason": row.reason,
        "log": None if row.log is None else str(base / row.log),
    }


def action_table(rows: list[ListRow]) -> list[str]:
    """Lines of ``actions list``."""
    cells = [
        [
            str(row.number),
            row.trigger_type,
            row.action_type,
            _state(row),
            f"{_triggered(row):,} of {row.selected:,} jobs" if row.selected else "-",
            "-" if row.started_at is None else iso(row.started_at)[:19],
            "-" if row.started_at is None or row.ended_at is None else duration(row.ended_at - row.started_at),
            "-" if row.return_code is None else str(row.return_code),
            row.node or "-",
            row.reason or "",
        ]
        for row in rows
    ]
    return table(_HEADS, cells, right=(0, 6, 7))


def _state(row: ListRow) -> str:
    if row.ended_at is not None:
        return "executed" if row.reason is None else "failed"
    if row.started_at is None:
        return "waiting"
    return "interrupted" if row.runner_id is None else "running"


def _triggered(row: ListRow) -> int:
    """Selected jobs that have got there; of other triggers, whether it has happened as far as is on record."""
    return row.triggered if row.selected else int(row.started_at is not None)
