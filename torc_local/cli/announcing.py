"""What a ``run`` leaves behind when it ends: a JUnit file for build servers, and a command that tells somebody.

Neither changes how the run went, so neither changes its exit code.
"""

import os
import secrets
import subprocess
from pathlib import Path

from torc_local.cli import answer
from torc_local.ground.errors import ExitCode, InputError
from torc_local.ground.states import JobStatus
from torc_local.report import junit
from torc_local.report.listing import UNSUCCESSFUL
from torc_local.store import opening, workflows

#: For the command to end in.
_PATIENCE_S = 60.0

_WORDS = {ExitCode.OK: "completed", ExitCode.FAILED: "failed", ExitCode.INCOMPLETE: "incomplete"}


def check(junit_file: Path | None) -> None:
    """Raise InputError when the file cannot be written, before anything runs."""
    if junit_file is None:
        return
    directory = junit_file.parent
    if junit_file.is_dir() or not directory.is_dir() or not os.access(directory, os.W_OK | os.X_OK):
        why = "it is a directory" if junit_file.is_dir() else f"there is no directory {directory} to write to"
        raise InputError(f"--junit: cannot write {junit_file}: {why}")


def announce(path: Path, workflow_id: int, code: ExitCode, *, junit_file: Path | None, notify: str | None) -> None:
    """Write the file, then call the command."""
    if junit_file is not None:
        try:
            _write(path, workflow_id, junit_file)
        except OSError as error:
            answer.note(f"note: {junit_file} was not written: {os.strerror(error.errno or 0).lower()}")
    if notify is not None:
        _call(path, workflow_id, code, notify)


def _write(path: Path, workflow_id: int, junit_file: Path) -> None:
    """Whole or not at all: under a name of its own first."""
    part = junit_file.with_name(f".{junit_file.name[:200]}.{secrets.token_hex(4)}.part")
    try:
        with opening.open_read_only(path) as db, part.open("w", encoding="utf-8") as file:
            workflow = workflows.get(db, workflow_id)
            if workflow is not None:
                file.writelines(junit.lines(db, workflow))
        part.replace(junit_file)
    finally:
        part.unlink(missing_ok=True)


def _call(path: Path, workflow_id: int, code: ExitCode, command: str) -> None:
    """With what it needs in its environment; what it prints goes to standard error, which is for people."""
    with opening.open_read_only(path) as db:
        workflow, counts = workflows.get(db, workflow_id), workflows.counts(db, workflow_id)
    told = {
        "TORC_WORKFLOW_ID": str(workflow_id),
        "TORC_WORKFLOW_NAME": "" if workflow is None else workflow.name,
        "TORC_RUN_ID": "" if workflow is None else str(workflow.run_id),
        "TORC_STATUS": _WORDS.get(code, "stopped"),
        "TORC_EXIT_CODE": str(int(code)),
        "TORC_JOBS_TOTAL": str(sum(counts.values())),
        "TORC_JOBS_COMPLETED": str(counts.get(JobStatus.COMPLETED, 0)),
        "TORC_JOBS_FAILED": str(sum(counts.get(status, 0) for status in UNSUCCESSFUL)),
        "TORC_LOCAL_DB": str(path.absolute()),
    }
    try:
        done = subprocess.run(
            ["bash", "-c", command],
            env=os.environ | told,
            stdin=subprocess.DEVNULL,
            stdout=2,
            timeout=_PATIENCE_S,
            check=False,
        )
    except (OSError, ValueError) as error:
        answer.note(f"note: the command of --notify could not be started: {error}")
    except subprocess.TimeoutExpired:
        answer.note(f"note: the command of --notify was ended after {_PATIENCE_S:.0f} s")
    else:
        if done.returncode:
            answer.note(f"note: the command of --notify ended with exit code {done.returncode}")
