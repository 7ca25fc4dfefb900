"""What an experiment can vary. The defaults are what torc-local does, so a variant names only its difference."""

import dataclasses
import enum

from torc_local.store.database import WAL_BYTES


class Queue(enum.Enum):
    """How a process waits for the write lock."""

    SQLITE = "SQLite's busy handler"
    BLOCKING = "busy handler + setlk_timeout"
    JITTER = "handler with jitter"
    TURNSTILE = "turnstile"
    YIELDING = "turnstile, then yield"


class Work(enum.Enum):
    """What one transaction does."""

    CLAIM = "take jobs, give back those of the transaction before"
    READ_DEFERRED = "the same after BEGIN DEFERRED: a read that becomes a write"
    WRITE_DEFERRED = "the same after BEGIN DEFERRED, but the first statement writes"
    LIFE = "jobs of one's own, by id: make ready, claim, settle"


class Checkpoint(enum.Enum):
    """Who copies the write-ahead log into the database."""

    TORC = "torc-local: after COMMIT, before leaving the queue"
    OUTSIDE = "after leaving the queue"
    TWICE = "after leaving the queue, then the rest at the head of it"
    WITHIN = "SQLite: within COMMIT"
    APART = "one process does nothing else"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything about one contest."""

    processes: int = 16
    batch: int = 1
    work: Work = Work.CLAIM
    queue: Queue = Queue.TURNSTILE
    journal: str = "wal"
    synchronous: str = "normal"
    checkpoint: Checkpoint = Checkpoint.TORC
    pages: int = 1000  # length of the log at which a checkpoint is due
    size_limit: int = WAL_BYTES
    page_size: int = 4096
    cache_kib: int = 2000
    mmap_bytes: int = 0
    without: tuple[str, ...] = ()  # indexes left out
    also: tuple[str, ...] = ()  # statements that add others
    reader: bool = False  # another process keeps a snapshot all the time


@dataclasses.dataclass(frozen=True, slots=True)
class Variant:
    """A line of a table."""

    name: str
    settings: Settings


@dataclasses.dataclass(frozen=True, slots=True)
class Experiment:
    """A table: ``alone`` is what the ratios refer to; extra columns are keys of ``Contest.extra``."""

    name: str
    title: str
    alone: Settings
    variants: tuple[Variant, ...]
    extra: tuple[str, ...] = ()
