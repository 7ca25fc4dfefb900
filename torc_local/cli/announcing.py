"""What a ``run`` leaves behind when it ends: a JUnit file, a report, and a command that tells somebody.

None of them changes how the run went, so none changes its exit code.
"""

import os
import subprocess
from pathlib import Path

from torc_local.cli import answer, files
from torc_local.ground.errors import ExitCode, InputError, TorcLocalError
from torc_local.ground.states import JobStatus
from torc_local.report.listing import UNSUCCESSFUL
from torc_local.store import opening, workflows

#: For the command to end in.
_PATIENCE_S = 60.0

_WORDS = {ExitCode.OK: "completed", ExitCode.FAILED: "failed", ExitCode.INCOMPLETE: "incomplete"}


def check(junit_file: Path | None, report_file: Path | None) -> None:
    """Raise InputError when a file cannot be written, before anything runs."""
    for option, file in (("--junit", junit_file), ("--report", report_file)):
        if file is not None:
            files.check(option, file)
    if report_file == Path("-"):
        raise InputError("--report: standard output is not for this", hint="name a file, such as report.html")


def announce(
    path: Path,
    workflow_id: int,
    code: ExitCode,
    *,
    junit_file: Path | None,
    report_file: Path | None,
    notify: str | None,
) -> None:
    """Write the files, then call the command."""
    for file, write in ((junit_file, _write_junit), (report_file, _write_report)):
        if file is not None:
            try:
                write(path, workflow_id, file)
            except OSError as error:
                answer.note(f"note: {file} was not written: {os.strerror(error.errno or 0).lower()}")
            except TorcLocalError as error:
                answer.note(f"note: {file} was not written: {error.message}")
    if notify is not None:
        _call(path, workflow_id, code, notify)


def _write_junit(path: Path, workflow_id: int, junit_file: Path) -> None:
    from torc_local.report import junit  # noqa: PLC0415 - the XML of the standard library loads an HTTP client

    with opening.open_read_only(path) as db:
        workflow = workflows.get(db, workflow_id)
        files.write(junit_file, () if workflow is None else junit.lines(db, workflow), files.PUBLIC)


def _write_report(path: Path, workflow_id: int, file: Path) -> None:
    from torc_local.cli import reporting  # noqa: PLC0415 - loaded when needed

    reporting.make(path, workflow_id, file)


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
