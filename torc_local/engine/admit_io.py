"""Storing which job reads and writes which files and user data: part of the one transaction of ``admit``."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain

from torc_local.spec.model import Spec, Uses
from torc_local.store import io
from torc_local.store.database import Database

#: A list of inputs that several jobs share is stored once from this length on. For shorter ones each job has its own
#: rows, which know what each of them was when the job completed.
SHARED = 8


def admit_io(db: Database, workflow_id: int, spec: Spec, first_job: int) -> None:
    """Store files, user data and their uses; nothing at all for a workflow that has none.

    Cost: a row for each file, for each use of one, and for each member of a list that several jobs share.
    """
    if not spec.files and not spec.user_data:
        return
    last_file, last_data, last_set = io.last_ids(db)
    used, made = used_and_made(spec.file_uses, len(spec.files))
    io.insert_files(
        db,
        ((last_file + 1 + i, workflow_id, name, path, used[i], made[i]) for i, (name, path) in enumerate(spec.files)),
    )
    used, made = used_and_made(spec.user_data_uses, len(spec.user_data))
    io.insert_user_data(
        db,
        (
            (last_data + 1 + i, workflow_id, one.name, one.data, int(one.is_ephemeral), used[i], made[i])
            for i, one in enumerate(spec.user_data)
        ),
    )
    file_ids = range(last_file + 1, last_file + 1 + len(spec.files))
    data_ids = range(last_data + 1, last_data + 1 + len(spec.user_data))
    insert_uses(db, workflow_id, spec, first_job, (file_ids, data_ids, last_set - 1))


def insert_uses(
    db: Database, workflow_id: int, spec: Spec, first_job: int, ids: tuple[Sequence[int], Sequence[int], int]
) -> None:
    """Store what jobs read and write. ``ids``: of files and of user data by their index, and of the first set."""
    file_ids, data_ids, first_set = ids
    files = _Rows(spec.file_uses, file_ids, first_set)
    data = _Rows(spec.user_data_uses, data_ids, first_set - len(files.shared))
    sets = [("user_data", *made) for made in reversed(data.sets())] + [
        ("file", *made) for made in reversed(files.sets())
    ]
    io.insert_sets(
        db,
        [(set_id, workflow_id, kind) for kind, set_id, _ in sets],
        ((set_id, item) for _, set_id, items in sets for item in items),
    )
    io.insert_job_files(db, files.rows(first_job))
    io.insert_job_user_data(db, data.rows(first_job))


def used_and_made(uses: Uses, count: int) -> tuple[bytearray, bytearray]:
    """For each item whether some job reads it, and whether some job writes it."""
    found = bytearray(count), bytearray(count)
    for flags, sets in zip(found, (uses.input_sets, uses.output_sets), strict=True):
        for item in chain.from_iterable(sets):
            flags[item] = 1
    return found


class _Rows:
    """Rows of ``job_file`` or ``job_user_data``."""

    def __init__(self, uses: Uses, ids: Sequence[int], first_set: int) -> None:
        self._uses = uses
        self._item_ids = ids
        users = Counter(chain.from_iterable(uses.inputs))
        self.shared = [i for i, items in enumerate(uses.input_sets) if len(items) >= SHARED and users[i] > 1]
        self._id_of_set = {index: first_set - place for place, index in enumerate(self.shared)}

    def sets(self) -> list[tuple[int, list[int]]]:
        """Shared lists: id and members; ids descend."""
        return [(self._id_of_set[i], list(self._ids(self._uses.input_sets[i]))) for i in self.shared]

    def rows(self, first_job: int) -> Iterator[tuple[int, int, int]]:
        """Job, is output, item or set; ascending by job."""
        uses = self._uses
        ids = [
            (self._id_of_set[i],) if i in self._id_of_set else self._ids(items)
            for i, items in enumerate(uses.input_sets)
        ]
        outputs = [self._ids(items) for items in uses.output_sets]
        for job_id, (read, written) in enumerate(zip(uses.inputs, uses.outputs, strict=True), first_job):
            for is_output, indexes, of_set in ((0, read, ids), (1, written, outputs)):
                if len(indexes) == 1:
                    for item in of_set[indexes[0]]:
                        yield job_id, is_output, item
                elif indexes:
                    for item in sorted({item for index in indexes for item in of_set[index]}):
                        yield job_id, is_output, item

    def _ids(self, items: Sequence[int]) -> tuple[int, ...]:
        ids = self._item_ids
        return tuple([ids[item] for item in items])
