"""Runs a workflow with real processes and no command line, for tests of the processes themselves.

    python driver.py DATABASE SPEC JOBS [option=value ...]

Prints one JSON line: exit code and counts. A database that exists is resumed.
"""

import json
import sys
from pathlib import Path

from torc_local.engine.admit import Origin, admit
from torc_local.ground import clock
from torc_local.process import runner
from torc_local.process.plan import Options
from torc_local.process.supervisor import run
from torc_local.process.watching import Outcome, Progress, RunInfo
from torc_local.spec.load import load
from torc_local.store import opening, workflows
from torc_local.store.events import Event


class Quiet:
    """Remembers how it ended; makes a file beside the database when it is told to stop."""

    def __init__(self, stopping: Path) -> None:
        self._stopping = stopping

    def started(self, info: RunInfo) -> None:
        self.info = info

    def progressed(self, progress: Progress) -> None:
        self.progress = progress

    def event(self, event: Event) -> None:
        sys.stderr.write(f"{event.type} {event.job_name or ''} {event.message}\n")

    def stopping(self, message: str) -> None:
        sys.stderr.write(message + "\n")
        self._stopping.touch()

    def ended(self, outcome: Outcome) -> None:
        self.outcome = outcome


def main() -> int:
    path, spec, jobs = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    given = dict(word.split("=") for word in sys.argv[4:])
    with opening.open_or_create(path) as db:
        found = workflows.list_all(db)
        workflow_id = found[0].id if found else admit(db, load(spec), Origin("tester", spec, clock.monotonic()))
    options = Options(
        jobs=None if jobs == "-" else int(jobs),
        # One runner per slot, whatever the machine has: more processes to collide and to kill.
        runners=int(given["runners"]) if "runners" in given else None if jobs == "-" else int(jobs),
        cpus=int(given["cpus"]) if "cpus" in given else None,
        memory_bytes=int(given["memory"]) if "memory" in given else None,
        gpus=int(given["gpus"]) if "gpus" in given else None,
        output_dir=path.parent,
        grace_s=float(given.get("grace", "5")),
        turnstile=given.get("turnstile", "yes") == "yes",
        retry_failed=given.get("retry", "yes") == "yes",
    )
    quiet = Quiet(path.parent / "stopping")
    runner.INSIST_S = 0.5
    code = run(path, workflow_id, options, quiet)
    print(json.dumps({"code": int(code), "counts": quiet.outcome.counts, "explanations": quiet.outcome.explanations}))  # noqa: T201
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
