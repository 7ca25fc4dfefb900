"""Refusing to begin a run whose jobs would read what is not there."""

from torc_local.engine.required import Missing, missing, missing_now
from torc_local.ground.errors import MissingInputs
from torc_local.process.declared import mtime_of
from torc_local.store.database import Database

_LISTED = 20


def check(db: Database, workflow_id: int, *, retry_failed: bool, force: bool) -> None:
    """Raise MissingInputs when required files or user data are missing; files are no matter with ``force`` (Torc).

    A relative path is looked for in this directory: jobs run in it.
    """
    _refuse(missing(db, workflow_id, mtime_of, retry_failed=retry_failed), force=force)


def check_now(db: Database, workflow_id: int, *, retry_failed: bool, force: bool) -> None:
    """The same within the transaction that puts completed jobs back."""
    _refuse(missing_now(db, workflow_id, mtime_of, retry_failed=retry_failed), force=force)


def _refuse(found: Missing, *, force: bool) -> None:
    if found.user_data:
        count = len(found.user_data)
        what = "user data is missing" if count == 1 else f"{count:,} pieces of user data are missing"
        raise MissingInputs(
            f"{what} that jobs read and no job writes",
            items=_listed(found.user_data),
            hint=f"torc-local user-data put {found.user_data[0]} JSON",
        )
    if found.files and not force:
        count = len(found.files)
        what = "an input file is missing" if count == 1 else f"{count:,} input files are missing"
        items = [path if name == path else f"{path} ({name})" for name, path in found.files[: _LISTED + 1]]
        raise MissingInputs(
            f"{what} that no job writes",
            items=_listed([*items, *([""] * (count - len(items)))]),
            hint="paths are relative to the directory in which run is called; --force runs all the same",
        )


def _listed(items: list[str]) -> list[str]:
    more = len(items) - _LISTED
    return [*items[:_LISTED], *([f"and {more:,} more"] if more > 0 else [])]
