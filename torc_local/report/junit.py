"""The jobs of a workflow as JUnit XML, which build servers show: a test case per job, failures with their reasons."""

import re
from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from torc_local.ground.reasons import first_line
from torc_local.ground.states import JobStatus
from torc_local.report import output
from torc_local.report.listing import UNSUCCESSFUL
from torc_local.report.text import iso
from torc_local.store import reading, workflows
from torc_local.store.database import Database
from torc_local.store.reading import AttemptRow, JobRow
from torc_local.store.workflows import WorkflowRow

#: Failures whose last lines are looked up; of more, the reason alone.
_MOST_QUOTED = 200
_LAST_LINES = 10

#: What XML 1.0 has no way to say.
_UNSAYABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def lines(db: Database, workflow: WorkflowRow) -> Iterator[str]:
    """The document, piece by piece, in the order of the file."""
    counts = workflows.counts(db, workflow.id)
    run = workflows.newest_run(db, workflow.id)
    total = sum(counts.values())
    failed = sum(counts.get(status, 0) for status in UNSUCCESSFUL)
    skipped = total - failed - counts.get(JobStatus.COMPLETED, 0)
    tries = {row.job_id: row for row in reading.results(db, workflow.id, all_runs=False)}
    taken = sum(row.ended_at - row.started_at for row in tries.values())
    figures = f'tests="{total}" failures="{failed}" errors="0" skipped="{skipped}" time="{taken:.3f}"'
    name = _attribute(workflow.name)
    at = "" if run is None else f' timestamp="{iso(run.started_at)[:19]}"'
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield f"<testsuites name={name} {figures}>\n"
    yield f"<testsuite name={name} {figures}{at}>\n"
    quoted = 0
    for job in reading.jobs(db, workflow.id, None, None):
        quote = job.status in UNSUCCESSFUL and quoted < _MOST_QUOTED
        quoted += quote
        yield _case(db, name, job, tries.get(job.id), quote=quote)
    yield "</testsuite>\n</testsuites>\n"


def _case(db: Database, name: str, job: JobRow, tried: AttemptRow | None, *, quote: bool) -> str:
    took = 0.0 if tried is None else tried.ended_at - tried.started_at
    head = f'<testcase classname={name} name={_attribute(job.name)} time="{took:.3f}"'
    if job.status == JobStatus.COMPLETED:
        return head + "/>\n"
    reason = (None if tried is None else tried.reason) or job.status
    if job.status not in UNSUCCESSFUL:
        return f"{head}><skipped message={_attribute(_why_skipped(job))}/></testcase>\n"
    told = output.telling(db, job.id, _LAST_LINES) if quote else None
    text = "\n".join([*reason.splitlines(), *([] if told is None else told.lines)])
    message, kind = _attribute(first_line(reason)), _attribute(job.status)
    return f"{head}><failure message={message} type={kind}>{escape(_sayable(text))}</failure></testcase>\n"


def _why_skipped(job: JobRow) -> str:
    return f"{job.status}: {first_line(job.reason)}" if job.reason else job.status


def _attribute(text: str) -> str:
    return quoteattr(_sayable(text))


def _sayable(text: str) -> str:
    return _UNSAYABLE.sub("\ufffd", text)
