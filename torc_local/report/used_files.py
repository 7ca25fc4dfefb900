"""Which files jobs read and write, as paths, for whoever looks at single jobs."""

from typing import NamedTuple

from torc_local.report.history import History
from torc_local.store import exporting
from torc_local.store.database import Database

#: Uses beyond which no more jobs are told of, and files of one job that are named.
_MOST_USES = 50_000
_MOST_NAMED = 20


class Files(NamedTuple):
    """Paths; the last one may say how many more there are."""

    reads: list[str]
    writes: list[str]


def gather(db: Database, workflow_id: int, found: History) -> dict[int, Files]:
    """The files of each job that has any, by its place; of very many, those of the first jobs."""
    uses = exporting.file_uses(db, workflow_id)
    if not uses:
        return {}
    paths = {one.id: one.path for one in exporting.files(db, workflow_id)}
    members: dict[int, list[int]] = {}
    for member in exporting.set_members(db, workflow_id):
        members.setdefault(member.set_id, []).append(member.item_id)
    place_of = {job_id: place for place, job_id in enumerate(found.ids)}
    made: dict[int, Files] = {}
    for use in uses[:_MOST_USES]:
        files = made.setdefault(place_of[use.job_id], Files([], []))
        named = members.get(use.item_id, []) if use.item_id < 0 else [use.item_id]
        (files.writes if use.is_output else files.reads).extend(paths[one] for one in named)
    return {job: Files(_named(one.reads), _named(one.writes)) for job, one in made.items()}


def _named(paths: list[str]) -> list[str]:
    if len(paths) <= _MOST_NAMED:
        return paths
    return [*paths[:_MOST_NAMED], f"... and {len(paths) - _MOST_NAMED:,} more"]
