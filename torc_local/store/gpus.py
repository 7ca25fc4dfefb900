"""Which GPUs of a node are held, and by which runner."""

from collections.abc import Iterable
from typing import NamedTuple

from torc_local.store.database import Database
from torc_local.store.registry import action, statement


class _Gpu(NamedTuple):
    gpu: str


class _Asked(NamedTuple):
    asked: int


_HELD = statement("held_gpu_list", "SELECT gpu FROM held_gpu WHERE node_id = ?", _Gpu._make, hot=True)
_OF_RUNNER = statement("held_gpu_of_runner", "SELECT gpu FROM held_gpu WHERE runner_id = ?", _Gpu._make, hot=True)
_TAKE = action("held_gpu_insert", "INSERT INTO held_gpu (node_id, gpu, runner_id) VALUES (?, ?, ?)", hot=True)
_GIVE_BACK = action("held_gpu_delete", "DELETE FROM held_gpu WHERE node_id = ? AND gpu = ? AND runner_id = ?", hot=True)
_GIVE_BACK_ALL = action("held_gpu_delete_of_runner", "DELETE FROM held_gpu WHERE runner_id = ?", hot=True)
_ASKED = statement(
    "resource_gpus_asked",
    "SELECT EXISTS (SELECT 1 FROM resource_requirements WHERE workflow_id = ? AND num_gpus > 0)",
    _Asked._make,
    hot=True,
)


def held(db: Database, node_id: int) -> set[str]:
    """The GPUs of a node that any runner holds."""
    return {row.gpu for row in _HELD.rows(db, (node_id,))}


def of_runner(db: Database, runner_id: int) -> set[str]:
    """The GPUs that a runner holds."""
    return {row.gpu for row in _OF_RUNNER.rows(db, (runner_id,))}


def take(db: Database, node_id: int, runner_id: int, names: Iterable[str]) -> None:
    """Let a runner hold these GPUs, which must be free."""
    _TAKE.many(db, [(node_id, name, runner_id) for name in names])


def give_back(db: Database, node_id: int, runner_id: int, names: Iterable[str]) -> None:
    """Free GPUs that this runner holds; those of others are left alone."""
    _GIVE_BACK.many(db, [(node_id, name, runner_id) for name in names])


def give_back_all(db: Database, runner_id: int) -> None:
    """Free whatever a runner holds."""
    _GIVE_BACK_ALL.run(db, (runner_id,))


def are_asked_for(db: Database, workflow_id: int) -> bool:
    """Whether any requirements of the workflow ask for GPUs."""
    return bool(_ASKED.one(db, (workflow_id,)).asked)
