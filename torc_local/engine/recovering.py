"""``recover``: limits that were too low are raised, and what failed for them runs again.

Raising and putting back are one transaction, so that no limit is raised twice for one failure. What jobs were ended
at is read from their attempts, too: what has been raised since is not raised again.

Crash table: what a SIGKILL leaves, and what the next ``recover`` does.

    moment                       on record                    the next call
    before or in the hook        the failures                 judges them, and runs the hook again
    after the hook               the failures                 the same: a hook may run twice, for the same failures
    before COMMIT                the failures                 the same
    after COMMIT, nothing said   the new limits, and jobs     finds nothing to recover; `run` goes on
                                 that wait for a run
"""

from collections.abc import Callable
from typing import NamedTuple

from torc_local.engine import requirements, restart
from torc_local.engine.requirements import Change
from torc_local.engine.restart import PutBack
from torc_local.store import restarting
from torc_local.store.database import Database


class Judgement(NamedTuple):
    """What is to be done about failures: which limits change, and which jobs run again (their ids)."""

    changes: list[Change]
    retried: list[int]


#: Looks at what failed; called inside the transaction.
Judge = Callable[[Database, int], Judgement]


def recover(db: Database, workflow_id: int, judge: Judge, *, at: float, dry_run: bool) -> PutBack:
    """Change limits and put jobs back as ``judge`` says. Raises InputError while anybody works on the workflow.

    Process: anyone; runners and claims of dead processes are to be taken back before.
    Crash:   one transaction.
    Cost:    one pass over the workflow's jobs, attempts and edges.
    """

    def seeds(db: Database, workflow_id: int) -> None:
        found = judge(db, workflow_id)
        if found.retried:
            requirements.put(db, workflow_id, found.changes, at=at)
            restarting.seed_these(db, workflow_id, found.retried, completed=False)

    return restart.put_back(db, workflow_id, seeds, at=at, what="recover", dry_run=dry_run)
