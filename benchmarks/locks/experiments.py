"""The experiments. Each varies one thing; everything else is as torc-local does it."""

import dataclasses
from collections.abc import Callable, Sequence

from benchmarks.locks.bench_database import has_blocking_locks
from benchmarks.locks.settings import Checkpoint, Experiment, Queue, Settings, Variant, Work

_INDEXES = ("job_by_name", "job_ready", "job_held", "job_unsuccessful")


def experiments(processes: Sequence[int]) -> list[Experiment]:
    """All of them. Those that do not vary the number of processes use the middle one of ``processes``."""
    many = sorted(processes)[len(processes) // 2]
    made: list[Callable[[int], Experiment]] = [
        _batches,
        _journals,
        _checkpoints,
        _pages,
        _indexes,
        _conditions,
        _readers,
    ]
    return [
        *(_queueing(processes, batch) for batch in (1, 50)),
        _strictness(processes),
        _transactions([number for number in processes if number <= many]),
        *(make(many) for make in made),
    ]


def _queueing(processes: Sequence[int], batch: int) -> Experiment:
    """Who waits how, without a queue and with one."""
    queues = [Queue.SQLITE, *[Queue.BLOCKING] * has_blocking_locks(), Queue.JITTER, Queue.TURNSTILE]
    return Experiment(
        name=f"queueing-{batch}",
        title=f"Ways to wait for the write lock, {batch} job(s) a transaction",
        alone=Settings(processes=1, batch=batch),
        variants=tuple(
            Variant(f"{number:>2} x {queue.value}", Settings(processes=number, batch=batch, queue=queue))
            for number in processes
            for queue in queues
        ),
    )


def _strictness(processes: Sequence[int]) -> Experiment:
    """A queue that somebody who comes back at once may jump, and one where that one steps aside first."""
    return Experiment(
        name="strictness",
        title="How strict the queue is, 1 job a transaction",
        alone=Settings(processes=1),
        variants=tuple(
            Variant(f"{number:>2} x {queue.value}", Settings(processes=number, queue=queue))
            for number in processes
            for queue in (Queue.TURNSTILE, Queue.YIELDING)
        ),
        extra=("CPU",),
    )


def _transactions(processes: Sequence[int]) -> Experiment:
    """Reading first and writing later, with the lock from the start and without."""
    # Without the turnstile, which would keep the transactions from meeting. Checkpoints as SQLite makes them, because
    # torc-local's belong to its own way of writing.
    base = Settings(batch=10, queue=Queue.JITTER, checkpoint=Checkpoint.WITHIN)
    kinds = {
        Work.CLAIM: "IMMEDIATE",
        Work.READ_DEFERRED: "DEFERRED, reads first",
        Work.WRITE_DEFERRED: "DEFERRED, writes first",
    }
    return Experiment(
        name="transactions",
        title="Where a transaction takes the lock, 10 jobs a transaction, no turnstile",
        alone=dataclasses.replace(base, processes=1),
        variants=tuple(
            Variant(f"{number:>2} x {label}", dataclasses.replace(base, processes=number, work=work))
            for number in processes
            for work, label in kinds.items()
        ),
    )


def _batches(many: int) -> Experiment:
    """How many jobs one transaction takes."""
    return Experiment(
        name="batches",
        title=f"Jobs taken in one transaction, {many} processes",
        alone=Settings(processes=1),
        variants=tuple(Variant(f"{batch}", Settings(processes=many, batch=batch)) for batch in (1, 10, 50, 200)),
        extra=("longest hold", "CPU"),
    )


def _journals(many: int) -> Experiment:
    """How SQLite keeps the old or new state of pages, and when it waits for the disk."""
    return Experiment(
        name="journals",
        title=f"Journal and syncing, 1 job a transaction, {many} processes",
        alone=Settings(processes=1),
        variants=tuple(
            Variant(
                f"{journal.upper()} {synchronous.upper()}",
                Settings(processes=many, journal=journal, synchronous=synchronous),
            )
            for journal in ("wal", "delete", "truncate", "persist")
            for synchronous in ("off", "normal", "full")
        ),
    )


def _checkpoints(many: int) -> Experiment:
    """Who copies the log into the database, and when."""
    base = Settings(processes=many, batch=50)
    changed = dataclasses.replace
    variants = (
        Variant("as torc-local, 1000 pages", base),
        *(
            Variant(f"in COMMIT, {pages} pages", changed(base, checkpoint=Checkpoint.WITHIN, pages=pages))
            for pages in (100, 1000, 10_000)
        ),
        Variant("outside of the queue", changed(base, checkpoint=Checkpoint.OUTSIDE)),
        Variant("outside, rest in the queue", changed(base, checkpoint=Checkpoint.TWICE)),
        Variant("a process of its own", changed(base, checkpoint=Checkpoint.APART)),
        Variant("as torc-local, no turnstile", changed(base, queue=Queue.JITTER)),
        Variant("in COMMIT, no turnstile", changed(base, queue=Queue.JITTER, checkpoint=Checkpoint.WITHIN)),
    )
    return Experiment(
        name="checkpoints",
        title=f"Checkpoints, 50 jobs a transaction, {many} processes",
        alone=Settings(processes=1, batch=50),
        variants=variants,
        extra=("log",),
    )


def _pages(many: int) -> Experiment:
    """Page size, and what SQLite may keep in memory."""
    base = Settings(processes=many, batch=50)
    mib = 1024 * 1024
    return Experiment(
        name="pages",
        title=f"Page size, cache, memory map, 50 jobs a transaction, {many} processes",
        alone=Settings(processes=1, batch=50),
        variants=(
            Variant("4096, cache 2 MB, no mmap", base),
            Variant("page_size 8192", dataclasses.replace(base, page_size=8192)),
            Variant("page_size 16384", dataclasses.replace(base, page_size=16384)),
            Variant("cache_size 256 kB", dataclasses.replace(base, cache_kib=256)),
            Variant("cache_size 64 MB", dataclasses.replace(base, cache_kib=65536)),
            Variant("mmap_size 256 MB", dataclasses.replace(base, mmap_bytes=256 * mib)),
        ),
        extra=("CPU", "log", "database"),
    )


def _indexes(many: int) -> Experiment:
    """What each index of the job table costs over the life of a job."""
    base = Settings(processes=many, batch=50, work=Work.LIFE)
    names = ("none", *(f"+ {index}" for index in _INDEXES))
    return Experiment(
        name="indexes",
        title=f"Indexes on the job table: ready, claimed, settled by id, 50 jobs a transaction, {many} processes",
        alone=dataclasses.replace(base, processes=1),
        variants=tuple(
            Variant(name, dataclasses.replace(base, without=_INDEXES[number:])) for number, name in enumerate(names)
        ),
        extra=("CPU", "database"),
    )


def _conditions(many: int) -> Experiment:
    """What evaluating the condition of a partial index costs, whether or not a job is in it."""
    base = Settings(processes=many, batch=50, work=Work.LIFE, without=("job_unsuccessful",))
    conditions = (
        "status = 'failed'",
        "status IN ('failed', 'canceled')",
        "status IN ('failed', 'canceled', 'terminated')",
        "status = 'failed' OR status = 'canceled' OR status = 'terminated'",
    )
    create = "CREATE INDEX benchmark_index ON job (workflow_id, status, id) WHERE "
    return Experiment(
        name="conditions",
        title=f"The condition of a partial index, claimed and settled by id, 50 jobs a transaction, {many} processes",
        alone=dataclasses.replace(base, processes=1),
        variants=(
            Variant("no such index", base),
            *(Variant(text, dataclasses.replace(base, also=(create + text,))) for text in conditions),
        ),
        extra=("CPU",),
    )


def _readers(many: int) -> Experiment:
    """Somebody keeps an old snapshot all the time."""
    base = Settings(processes=many, batch=50)
    return Experiment(
        name="readers",
        title=f"A reader that keeps its snapshot, 50 jobs a transaction, {many} processes",
        alone=Settings(processes=1, batch=50),
        variants=(
            Variant("nobody reads", base),
            Variant("reader, limit 16 MB", dataclasses.replace(base, reader=True)),
            Variant("reader, no limit", dataclasses.replace(base, reader=True, size_limit=-1)),
        ),
        extra=("log", "reader left", "PASSIVE", "+ a write", "RESTART", "TRUNCATE"),
    )
