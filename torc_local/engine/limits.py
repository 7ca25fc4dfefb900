"""What jobs may use, and what happens to those that use more: from the workflow's settings and requirements."""

import signal
from typing import NamedTuple

from torc_local.ground.limits import LIMITS_MEMORY, LIMITS_RUNTIME
from torc_local.spec import settings
from torc_local.store import limits, workflows
from torc_local.store.database import Database


class Rules(NamedTuple):
    """How limits are enforced in a workflow (Torc's ``execution_config``)."""

    memory: bool  # whether memory is
    runtime: bool  # whether run time is
    oom_exit_code: int
    timeout_exit_code: int
    termination_signal: signal.Signals
    lead_s: float  # between asking a job to end and ending it
    headroom_s: float  # between ending jobs and the end of a run with a time limit


class Allowance(NamedTuple):
    """What one job may use; None: there is no limit."""

    memory_bytes: int | None
    runtime_s: float | None


def rules(db: Database, workflow_id: int, *, memory: bool, runtime: bool) -> Rules:
    """The rules of a workflow; ``memory`` and ``runtime`` are False when the command line switched them off."""
    workflow = workflows.get(db, workflow_id)
    said = settings.Settings() if workflow is None else settings.loads(workflow.settings)
    return Rules(
        memory=memory and said.limit_resources,
        runtime=runtime and said.limit_resources,
        oom_exit_code=said.oom_exit_code,
        timeout_exit_code=said.timeout_exit_code,
        termination_signal=signal.Signals[said.termination_signal],
        lead_s=said.sigterm_lead_seconds,
        headroom_s=said.sigkill_headroom_seconds,
    )


def allowances(db: Database, workflow_id: int, given: Rules) -> dict[int, Allowance]:
    """By the id of requirements, what jobs that ask for them may use; only where the file states any of it."""
    found = {}
    for row in limits.stated(db, workflow_id):
        allowed = Allowance(
            row.memory_bytes if given.memory and row.limits & LIMITS_MEMORY else None,
            row.runtime_s if given.runtime and row.limits & LIMITS_RUNTIME else None,
        )
        if allowed != (None, None):
            found[row.id] = allowed
    return found
