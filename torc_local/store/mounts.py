"""What kind of file system a database is on, and what follows for SQLite.

SQLite's write-ahead log is memory that processes share, so all of them must be on one machine. A file system that
several machines may mount gets a rollback journal instead. What the mount is, is read from /proc/self/mountinfo
(proc(5)); a kind that we do not know counts as shared. Mounts whose locks are only local hand a job out twice: they are
refused by the name of the option.
"""

import enum
import os
from pathlib import Path
from typing import NamedTuple

#: Overrides what is found out: ``shared`` or ``local``. The options --shared and --local set it, children inherit it.
VARIABLE = "TORC_LOCAL_FILE_SYSTEM"

_LOCAL = frozenset(
    {"ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "bcachefs", "jfs", "reiserfs", "nilfs2", "tmpfs"}
)
_LOCAL |= {
    "ramfs",
    "overlay",
    "aufs",
    "squashfs",
    "erofs",
    "vfat",
    "exfat",
    "ntfs3",
    "hfsplus",
    "apfs",
    "ufs",
    "rootfs",
}

#: Mount options with which locks are known to this machine alone (nfs(5), mount.lustre(8)), and what to write instead.
_LOCAL_LOCKS = {
    "nolock": "mount it without nolock, or with NFS version 4",
    "local_lock=all": "mount it with local_lock=none",
    "local_lock=posix": "mount it with local_lock=none",
    "localflock": "mount it with flock",
    "noflock": "mount it with flock",
}


class Use(enum.Enum):
    """How the file system is to be used."""

    LOCAL = "local"
    SHARED = "shared"


class Mount(NamedTuple):
    """A mounted file system; ``kind`` as the kernel names it, with the subtype of a FUSE one (``fuse.sshfs``)."""

    kind: str
    options: frozenset[str]
    at: str

    @property
    def use(self) -> Use:
        """Whether several machines may have it mounted."""
        return Use.LOCAL if self.kind in _LOCAL else Use.SHARED

    @property
    def local_locks(self) -> tuple[str, str] | None:
        """The option with which its locks protect nothing, and the cure; None when there is none."""
        found = [(option, cure) for option, cure in _LOCAL_LOCKS.items() if option in self.options]
        return found[0] if found and self.use is Use.SHARED else None


UNKNOWN = Mount("unknown", frozenset(), "/")


def mount_of(path: Path, table: str | None = None) -> Mount:
    """The mount that a path, which need not exist yet, is on. ``table``: instead of /proc/self/mountinfo."""
    place = os.path.realpath(path)
    if table is None:
        try:
            table = Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape")
        except OSError:
            return UNKNOWN
    best = UNKNOWN
    for line in table.splitlines():
        before, _, after = line.partition(" - ")
        fields, tail = before.split(" "), after.split(" ")
        if len(fields) < 6 or len(tail) < 3:  # noqa: PLR2004 - proc(5)
            continue
        at = _unescaped(fields[4])
        inside = place == at or place.startswith(at.rstrip("/") + "/")
        # The last line of equal length hides the ones before it.
        if inside and (len(at) >= len(best.at) or best is UNKNOWN):
            best = Mount(tail[0], frozenset([*fields[5].split(","), *tail[2].split(",")]), at)
    return best


def use_of(path: Path) -> Use:
    """How the file system of a database is to be used: as it was said, or as it is."""
    said = os.environ.get(VARIABLE, "")
    return Use(said) if said in (Use.LOCAL.value, Use.SHARED.value) else mount_of(path).use


def _unescaped(path: str) -> str:
    """Blanks and the like are written as octal escapes (proc(5))."""
    for code, letter in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        path = path.replace(code, letter)
    return path
