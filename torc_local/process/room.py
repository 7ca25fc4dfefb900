"""When this machine has no room for another process, file or byte now, or no way to a file server, and may soon."""

import errno

from torc_local.ground.errors import StateError

#: Limits, full disks and cut networks: they pass.
NO_ROOM = frozenset({
    errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EDQUOT,
    errno.ENOTCONN, errno.ETIMEDOUT, errno.ESTALE,
})  # fmt: skip


class NoRoom(StateError):  # noqa: N818 - named after what is missing
    """A job cannot be started now; it is tried again."""
