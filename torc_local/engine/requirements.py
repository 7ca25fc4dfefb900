"""Changing what the jobs of a stored workflow ask for, at a time when nobody works on it.

Requirements are changed and not split: jobs that share them are of one kind, and what one of them needed the others
are likely to need (Torc does the same). A runner keeps in mind what jobs may use and what it holds of its node, so
nobody may be at work. Crash: one transaction.
"""

from collections.abc import Sequence
from typing import NamedTuple

from torc_local.engine.restart import refuse_live
from torc_local.engine.stored import in_use
from torc_local.ground.units import format_duration, show_memory
from torc_local.store import events, requirements
from torc_local.store.database import Database
from torc_local.store.reading import Requirements


class Change(NamedTuple):
    """What requirements are, and what they become; only processors, memory and run time may differ."""

    before: Requirements
    after: Requirements

    @property
    def in_words(self) -> list[str]:
        """Each difference: ``memory 50 MiB -> 320 MiB``."""
        was, now = self.before, self.after
        said = []
        if was.num_cpus != now.num_cpus:
            said.append(f"cpus {was.num_cpus} -> {now.num_cpus}")
        if was.memory_bytes != now.memory_bytes:
            said.append(f"memory {show_memory(was.memory_bytes)} -> {show_memory(now.memory_bytes)}")
        if was.runtime_s != now.runtime_s:
            said.append(f"runtime {format_duration(was.runtime_s)} -> {format_duration(now.runtime_s)}")
        return said


def change(db: Database, workflow_id: int, changes: Sequence[Change], *, at: float, dry_run: bool) -> None:
    """Change requirements of a workflow. Raises InputError while anybody works on it.

    Process: anyone; runners of dead processes are to be taken back before.
    """
    with db.write("change requirements", keep=not dry_run):
        in_use(db, workflow_id)
        refuse_live(db, workflow_id)
        put(db, workflow_id, changes, at=at)


def put(db: Database, workflow_id: int, changes: Sequence[Change], *, at: float) -> None:
    """The same within a transaction of the caller."""
    for one in changes:
        requirements.change(
            db,
            workflow_id,
            one.before.id,
            num_cpus=one.after.num_cpus,
            memory_bytes=one.after.memory_bytes,
            runtime_s=one.after.runtime_s,
        )
        message = f"{one.before.name}: {', '.join(one.in_words)}"
        events.record(db, workflow_id, at=at, kind="limits_changed", message=message)
