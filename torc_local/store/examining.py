"""Whether a database is to blame for an error that nobody foresaw.

Whoever wrote into it besides us, a disk that forgets, or a person with a hex editor can leave a file whose pages are
whole and whose rows are not what any statement of ours wrote. It cannot be said beforehand where that is felt. So the
file is looked over afterwards: where it is damaged that is what a person should hear, and not that we have a bug.
"""

from collections.abc import Iterator
from pathlib import Path

import apsw

from torc_local.ground.errors import StateError
from torc_local.store import checking, invariants, meta, opening
from torc_local.store.database import Database

_HINT = (
    "torc-local doctor says more, torc-local doctor --repair mends what can be mended; or put a snapshot in its place"
)


def blame(path: Path) -> StateError | None:
    """What is wrong with the database, when something is; reads all of it."""
    try:
        with opening.open_to_examine(path) as db:
            found = next(complaints(db), None)
    except StateError as error:
        return error
    except (apsw.Error, OSError, RuntimeError):
        return None  # it cannot even be looked at; the error that there is says more
    return None if found is None else StateError(f"the database is damaged: {path} ({found})", hint=_HINT)


def complaints(db: Database) -> Iterator[str]:
    """All that is wrong with it, cheap and telling things first."""
    yield from checking.layout(db)
    if meta.find(db) is None:
        yield "the row that says what it is, in table meta, is gone or broken"
    yield from checking.whole(db)
    yield from checking.texts(db)
    try:
        for one in invariants.violations(db):
            yield f"{one.invariant}: {one.example}"
    except (apsw.Error, UnicodeDecodeError) as error:
        yield str(error)
