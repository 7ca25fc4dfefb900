"""When this machine has no room for another process, file or byte now, and may soon have it."""

import errno

from torc_local.ground.errors import StateError

#: Limits and full disks: they pass.
NO_ROOM = frozenset({
    errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EDQUOT,
})  # fmt: skip


class NoRoom(StateError):  # noqa: N818 - named after what is missing
    """A job cannot be started now; it is tried again."""
