"""What a workflow has already, for those that add to it: plain values that know nothing of SQLite."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from torc_local.spec.handlers import Handler
from torc_local.spec.model import File, Resources, UserData
from torc_local.spec.resources import DEFAULT


class KnownUses(NamedTuple):
    """Which of the files (or user data) the jobs that are there read and write."""

    read: frozenset[int] = frozenset()  # indexes of what any of them reads
    writers: Mapping[int, tuple[int, ...]] = {}  # by index of the job, ascending indexes of what it writes


class Known(NamedTuple):
    """A workflow's names, in the order of their ids. ``jobs`` may be only those that an addition names."""

    jobs: Sequence[str] = ()
    resources: Sequence[Resources] = (DEFAULT,)
    handlers: Sequence[Handler] = ()
    files: Sequence[File] = ()
    user_data: Sequence[UserData] = ()
    file_uses: KnownUses = KnownUses()
    user_data_uses: KnownUses = KnownUses()
