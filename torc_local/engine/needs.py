"""What jobs need that read or write files and user data: looked up when they are claimed, noted when they completed.

Most jobs need nothing (``job.io`` is 0) and are never asked about. A runner looks up a whole batch at once, after the
claim and without the lock: what a job reads was written before the job became ready.

Crash: nothing here changes anything; what was seen is recorded by the transaction that records the job's end, or with
the job's next attempt.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from torc_local.ground import io as bits
from torc_local.store import io
from torc_local.store.database import Database
from torc_local.store.io import FileUse, Got
from torc_local.store.jobs import Claim

#: A token of user data as it stands in a stored command; those of files were filled in when the job was stored.
_TOKEN = re.compile(r"\$\{user_data\.(?:input|output)\.([^{}]+)\}")


class Need(NamedTuple):
    """One job's: the claim with its command filled in, the files to look at, and the user data that it gets."""

    claim: Claim
    files: Sequence[FileUse] = ()
    got: Sequence[Got] = ()


class Seen(NamedTuple):
    """What completed jobs read and wrote."""

    files: list[tuple[float | None, int, int, int]]  # mtime, job, is output, file
    got: list[Got]

    @classmethod
    def nothing(cls) -> "Seen":
        """To be added to."""
        return cls([], [])


def look_up(db: Database, workflow_id: int, claims: Sequence[Claim]) -> dict[int, Need]:
    """What each of these jobs needs, by its id; all of one moment."""
    files: dict[int, list[FileUse]] = {}
    got: dict[int, list[Got]] = {}
    commands: dict[int, str] = {}
    with db.read():
        if asked := [claim.id for claim in claims if claim.io & bits.FILES]:
            for use in io.files_of(db, asked):
                files.setdefault(use.job_id, []).append(use)
        if asked := [claim.id for claim in claims if claim.io & bits.USER_DATA]:
            for one in io.versions_of(db, asked):
                got.setdefault(one.job_id, []).append(one)
        known: dict[str, str] = {}
        for claim in claims:
            if claim.io & bits.TOKENS:
                commands[claim.id] = fill(db, workflow_id, claim.command, known)
    return {
        claim.id: Need(
            claim._replace(command=commands[claim.id]) if claim.id in commands else claim,
            files.get(claim.id, ()),
            got.get(claim.id, ()),
        )
        for claim in claims
    }


def fill(db: Database, workflow_id: int, text: str, known: dict[str, str]) -> str:
    """Tokens of user data replaced by its JSON as it is now, ``null`` when there is none; ``known`` saves asking twice.

    A token without such user data stays: it came about by filling in something else.
    """

    def value(found: re.Match[str]) -> str:
        name = found[1]
        if name not in known:
            exists, data = io.data(db, workflow_id, name)
            known[name] = (data or "null") if exists else found[0]
        return known[name]

    return _TOKEN.sub(value, text)
