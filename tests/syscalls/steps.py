"""Every kind of transaction in one process without forks: what a test counts and breaks call by call.

Each function is a whole program: it works in the current directory and returns an exit code. Errors are put into words
by the same code as those of the command line.
"""

import os
from collections.abc import Callable
from pathlib import Path

from torc_local.cli import main, place
from torc_local.engine.admit import Origin, admit
from torc_local.engine.begin import begin
from torc_local.engine.close import close
from torc_local.engine.turn import Me, Wish, turn
from torc_local.engine.unblock import unblock
from torc_local.ground import clock
from torc_local.ground.errors import TorcLocalError
from torc_local.process import machine
from torc_local.process.recovery import recover_dead
from torc_local.spec.load import load
from torc_local.store import mounts, opening, runners, unblocking, workflows
from torc_local.store.database import Database
from torc_local.store.jobs import Claim, Result

DATABASE = Path("out/torc.db")
SPEC = "workflow.json"
ACKNOWLEDGED = "acknowledged"


def admit_and_settle() -> int:
    """Make the database, store the workflow, claim and settle every job, close the run."""
    return _told(lambda: _admit_and_settle(opening.WAL))


def without_log() -> int:
    """The same as on a shared file system: with a rollback journal, which is unlinked at every commit and asked for."""
    os.environ[mounts.VARIABLE] = "shared"
    return _told(lambda: _admit_and_settle("delete"))


def migrate() -> int:
    """Open a database of an older version, which brings it up to date."""
    return _told(lambda: opening.open_existing(place.database(DATABASE)).close())


def _told(work: Callable[[], None]) -> int:
    try:
        work()
    except TorcLocalError as error:
        return main._explain(error)
    except Exception as error:  # noqa: BLE001 - as the command line does
        return main._unexpected(error)
    return 0


def _admit_and_settle(journal: str) -> None:
    acknowledged = os.open(ACKNOWLEDGED, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with opening.open_or_create(place.database(DATABASE), journal=journal) as db:
        found = workflows.list_all(db)
        workflow_id = found[0].id if found else admit(db, load(SPEC), Origin("tester", SPEC, clock.monotonic()))
        recover_dead(db, workflow_id)
        run_id = begin(db, workflow_id, retry_failed=True, at=clock.now()).run_id
        me, epoch = _register(db, workflow_id, run_id)
        unblocking.prepare(db)
        results: list[Result] = []
        while True:
            wish = Wish(results=results, slots=1, per_slot=lambda _: 2)
            claims = [claim for batch, _ in turn(db, me, wish, at=clock.now()).batches for claim in batch]
            for result in results:
                # One line when it is on record, by a call that no test breaks.
                os.writev(acknowledged, [f"{result.job_id} {result.attempt_id}\n".encode()])
            while unblock(db, workflow_id, epoch).more:
                pass
            if not claims and not results:
                break
            results = [_completed(me, claim) for claim in claims]
        close(db, workflow_id, run_id, at=clock.now())
        with db.write("close runner"):
            runners.end(db, me.runner_id, at=clock.now(), reason="finished")


def _register(db: Database, workflow_id: int, run_id: int) -> tuple[Me, int]:
    pid = os.getpid()
    start = machine.start_of(pid) or 0
    here = machine.this_machine(cpus=2, memory_bytes=1 << 30, gpus=0)
    with db.write("register runner"):
        node_id = runners.register_node(db, **here._asdict())
        runner_id = runners.insert(
            db, workflow_id=workflow_id, run_id=run_id, node_id=node_id, pid=pid, pid_start=start, slots=1,
            at=clock.now(),
        )  # fmt: skip
        epoch = runners.take_lease(db, workflow_id, node_id=node_id, pid=pid, pid_start=start)
    return Me(workflow_id, run_id, runner_id, node_id, by_resources=False), epoch


def _completed(me: Me, claim: Claim) -> Result:
    now = clock.now()
    return Result(
        claim.id, me.run_id, claim.attempt_id, me.runner_id, "completed", None, 0, now, now, 0.0, 0, None, 0, 0, 0, 0
    )
