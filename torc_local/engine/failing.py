"""What becomes of a job that failed: tried again, after its recovery script if there is one; failed; or left in doubt.

The rules are Torc's (spec/handlers.py). An attempt counts when it failed by itself in this run: being stopped, or
losing its runner, is not the job's failure, and a new run begins anew.

A recovery script runs on a claim of its own. The transaction that records the failed attempt puts the job back to
ready with bit 8 in ``io``; whoever claims it runs the script and not the command, and only the transaction that records
the end of the script makes the next attempt claimable. So no runner waits, and nothing is claimed too early.

Crash table: what a SIGKILL of the runner leaves at each moment.

    moment                          on record                        afterwards
    attempt ended, not recorded     the attempt runs                 it runs again, as after any kill (runner.py)
    attempt recorded as failed      attempt failed; ready, bit 8     anybody runs the script
    script claimed or running       attempt failed; claimed, bit 8   ready, bit 8: the script runs again
    script ended, not recorded      the same                         the script runs again
    retry recorded                  script's row; ready, attempt+1   anybody runs the next attempt

So attempts are recorded exactly once, and a script runs at least once: one that was cut short must run again, because
nobody knows how far it came. After three deaths of its runner the job fails, as any job does.
"""

import enum
from typing import NamedTuple

from torc_local.engine.options import OptionsOf, Settings
from torc_local.ground.states import JobStatus
from torc_local.spec.handlers import Rule
from torc_local.store import failing
from torc_local.store.database import Database
from torc_local.store.jobs import Claim, Result

#: Statuses of results that are no attempts: how a recovery script ended, or that we ended it.
RECOVERED = "recovered"
UNRECOVERED = "unrecovered"
RECOVERY_INTERRUPTED = "recovery interrupted"
RECOVERY_CANCELED = "recovery canceled"
OF_RECOVERIES = frozenset({RECOVERED, UNRECOVERED, RECOVERY_INTERRUPTED, RECOVERY_CANCELED})


class Next(enum.Enum):
    """What becomes of a job whose attempt failed."""

    FAILED = enum.auto()
    IN_DOUBT = enum.auto()  # pending_failed
    RETRY = enum.auto()
    RECOVER = enum.auto()  # the script first, then a retry


class Verdict(NamedTuple):
    """What becomes of it; ``said`` is added to the reason, or says which attempt comes next."""

    what: Next
    said: str = ""


class Recovery(NamedTuple):
    """A recovery script, and the return code of the attempt that failed."""

    script: str
    return_code: int


class Judge:
    """Knows the handlers of one workflow, and which job has which."""

    def __init__(self, settings: Settings, options_of: OptionsOf) -> None:
        self._handlers = {handler.name: handler for handler in settings.failure_handlers}
        self._use_pending_failed = settings.use_pending_failed
        self._options_of = options_of
        #: Whether there is anything to judge; if not, what failed has failed.
        self.is_needed = bool(self._handlers or self._use_pending_failed)

    def judge(self, db: Database, result: Result) -> Verdict:
        """For a failed attempt that is not recorded yet; inside the transaction that records it."""
        known = failing.record(db, result.job_id, result.run_id)
        rule = self._rule(known.options_id, result.return_code)
        if rule is None:
            return Verdict(Next.IN_DOUBT if self._use_pending_failed else Next.FAILED)
        tried = known.failed + 1
        if tried >= rule.max_retries:
            return Verdict(Next.FAILED, f" (attempt {tried} of {tried})" if tried > 1 else "")
        said = f"attempt {tried + 1} of {rule.max_retries}"
        return Verdict(Next.RETRY if rule.recovery_script is None else Next.RECOVER, said)

    def recovery(self, db: Database, claim: Claim) -> Recovery:
        """The script to run for a claim with bit 8 in ``io``."""
        code = failing.return_code(db, claim.id, claim.attempt_id)
        rule = self._rule(claim.options_id, code)
        # Without its rule (somebody changed the database) there is nothing to run before the next attempt.
        return Recovery(":" if rule is None or rule.recovery_script is None else rule.recovery_script, code)

    def _rule(self, options_id: int | None, return_code: int) -> Rule | None:
        name = None if options_id is None else self._options_of(options_id).failure_handler
        handler = None if name is None else self._handlers.get(name)
        return None if handler is None else handler.rule_for(return_code)


def status_after_recovery(kind: str) -> tuple[JobStatus, bool, bool]:
    """For one of ``OF_RECOVERIES``: the job's next state; if its next attempt begins; if the script is due again."""
    return {
        RECOVERED: (JobStatus.READY, True, False),
        UNRECOVERED: (JobStatus.FAILED, False, False),
        RECOVERY_INTERRUPTED: (JobStatus.READY, False, True),
        RECOVERY_CANCELED: (JobStatus.CANCELED, False, False),
    }[kind]
