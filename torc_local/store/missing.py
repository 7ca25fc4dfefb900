"""Jobs whose rows are lost: found by what still speaks of them, and put back in a form that runs nothing wrong.

A job that has a recorded completion is completed. Any other is put back as failed, with a command that fails: what
waits for it must not run, and whoever looks at the failures learns why.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import NamedTuple

from torc_local.store.database import Database
from torc_local.store.registry import action, statement

#: What such a job does when it is tried again.
LOST_COMMAND = "echo 'the command of this job was lost when its database was damaged' >&2; exit 1"


class Named(NamedTuple):
    """What an index still says of a lost job."""

    workflow_id: int
    name: str


class _Id(NamedTuple):
    id: int


class _Total(NamedTuple):
    workflow_id: int
    jobs: int


class _Gap(NamedTuple):
    low: int
    high: int
    low_workflow: int | None
    high_workflow: int | None


_SPOKEN_OF = statement(
    "missing_spoken_of",
    "SELECT id FROM (SELECT before_id AS id FROM dependency WHERE before_id > 0 UNION SELECT after_id FROM dependency"
    " WHERE after_id > 0 UNION SELECT job_id FROM attempt) WHERE id NOT IN (SELECT id FROM job) ORDER BY id",
    _Id._make,
)
# Ids of a workflow follow each other, so a hole is a loss when the workflow has fewer jobs than were counted.
_GAPS = statement(
    "missing_gaps",
    "SELECT low, high, low_workflow, high_workflow FROM (SELECT lag(id, 1, 0) OVER w AS low, id AS high,"
    " lag(workflow_id) OVER w AS low_workflow, workflow_id AS high_workflow FROM job WINDOW w AS (ORDER BY id))"
    " WHERE high > low + 1",
    _Gap._make,
)
_LAST = statement("missing_last", "SELECT coalesce(max(id), 0) FROM job", _Id._make)
_SHORT = statement(
    "missing_short",
    "SELECT c.workflow_id, sum(c.jobs) - (SELECT count(*) FROM job j WHERE j.workflow_id = c.workflow_id)"
    " FROM job_count c GROUP BY c.workflow_id",
    _Total._make,
)
_WORKFLOW = statement(
    "missing_workflow",
    "SELECT coalesce((SELECT j.workflow_id FROM dependency d JOIN job j ON j.id = d.after_id WHERE d.before_id = ?1),"
    " (SELECT g.workflow_id FROM dependency d JOIN gate g ON g.id = d.after_id WHERE d.before_id = ?1),"
    " (SELECT u.workflow_id FROM attempt a JOIN runner u ON u.id = a.runner_id WHERE a.job_id = ?1),"
    " (SELECT workflow_id FROM job WHERE id < ?1 ORDER BY id DESC LIMIT 1),"
    " (SELECT workflow_id FROM job WHERE id > ?1 ORDER BY id LIMIT 1), (SELECT min(id) FROM workflow))",
    _Id._make,
)
_REQUIREMENTS = action(
    "missing_requirements",
    "INSERT INTO resource_requirements (workflow_id, name, num_cpus, num_gpus, num_nodes, memory_bytes, runtime_s)"
    " SELECT ?1, 'lost', 1, 0, 1, 0, 60 WHERE NOT EXISTS (SELECT 1 FROM resource_requirements WHERE workflow_id = ?1)",
)
_INSERT = action(
    "missing_insert",
    "INSERT INTO job (id, workflow_id, name, command, resource_requirements_id, status, attempt_id)"
    " SELECT ?1, ?2, ?3, ?4, (SELECT min(id) FROM resource_requirements WHERE workflow_id = ?2),"
    " coalesce((SELECT 'completed' FROM attempt WHERE job_id = ?1 AND status = 'completed'), 'failed'),"
    " coalesce((SELECT max(attempt_id) FROM attempt WHERE job_id = ?1), 1)",
)


def put_back(db: Database, known: Mapping[int, Named]) -> int:
    """Put lost jobs back; how many. Before anything is counted anew: the kept counts say how many there were."""
    short = Counter({row.workflow_id: row.jobs for row in _SHORT.rows(db)})
    certain = sorted({*known, *(row.id for row in _SPOKEN_OF.rows(db))})
    put = 0
    for job_id in certain:
        named = known.get(job_id) or Named(_WORKFLOW.one(db, (job_id,)).id, f"lost_{job_id}")
        put += _put(db, job_id, named)
        short[named.workflow_id] -= 1
    if any(jobs > 0 for jobs in short.values()):
        for job_id, candidates in chain(_holes(db), _after_the_last(db, short)):
            workflow_id = next((one for one in candidates if one is not None and short[one] > 0), None)
            if workflow_id is not None:
                put += _put(db, job_id, Named(workflow_id, f"lost_{job_id}"))
                short[workflow_id] -= 1
    return put


def _put(db: Database, job_id: int, named: Named) -> int:
    _REQUIREMENTS.run(db, (named.workflow_id,))
    return _INSERT.run(db, (job_id, named.workflow_id, named.name, LOST_COMMAND))


def _holes(db: Database) -> Iterator[tuple[int, tuple[int | None, ...]]]:
    for gap in _GAPS.rows(db):
        for job_id in range(gap.low + 1, gap.high):
            yield job_id, (gap.low_workflow, gap.high_workflow)


def _after_the_last(db: Database, short: Counter[int]) -> Iterator[tuple[int, tuple[int | None, ...]]]:
    job_id = _LAST.one(db).id
    while any(jobs > 0 for jobs in short.values()):
        job_id += 1
        yield job_id, tuple(sorted(short, reverse=True))
