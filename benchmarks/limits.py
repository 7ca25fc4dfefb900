"""What the machine could do at best, to hold our figures against: nothing recorded, nothing decided."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

import apsw

_CLAIM = "UPDATE job SET status = 'pending', runner_id = 1 WHERE id = ?"
_GIVE_BACK = "UPDATE job SET status = 'ready', runner_id = NULL WHERE id = ?"


def spawns_per_second(commands: Sequence[Sequence[str]], processes: int) -> float:
    """Bare ``posix_spawn`` and ``wait4`` of the same programs, from as many processes as given.

    Each child gets what ours get: a process group, no standard input, two files to append to.
    """
    began = time.perf_counter()
    workers = []
    for index in range(processes):
        pid = os.fork()
        if pid == 0:
            _spawn_all(commands[index::processes])
            os._exit(0)
        workers.append(pid)
    for pid in workers:
        os.waitpid(pid, 0)
    return len(commands) / (time.perf_counter() - began)


def _spawn_all(commands: Sequence[Sequence[str]]) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    actions = [(os.POSIX_SPAWN_DUP2, null, fd) for fd in (0, 1, 2)]
    environment = dict(os.environb)
    for words in commands:
        pid = os.posix_spawn(words[0], list(words), environment, file_actions=actions, setpgroup=0)
        os.wait4(pid, 0)


def rows_in_one_transaction(database: Path, copy: Path) -> float:
    """Seconds to write the jobs and edges of a finished database once more: one connection, one transaction."""
    source = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)
    jobs = source.execute("SELECT * FROM job ORDER BY id").fetchall()
    edges = source.execute("SELECT * FROM dependency ORDER BY before_id, after_id").fetchall()
    tables = _tables(source, "job", "dependency")
    source.close()
    target = _empty(copy)
    began = time.perf_counter()
    with target:
        for sql in tables:
            target.execute(sql)
        target.executemany(f"INSERT INTO job VALUES ({', '.join('?' * len(jobs[0]))})", jobs)
        target.executemany("INSERT INTO dependency VALUES (?, ?)", edges)
    took = time.perf_counter() - began
    target.close()
    return took


def claims_per_second(database: Path, copy: Path, seconds: float) -> float:
    """Claims of single jobs by one process that has the file for itself: begin, update one row, commit.

    The rows and indexes of table ``job`` are those of a database with ready jobs; nothing is searched (the row is named
    by its id), checked by a trigger, counted or settled.
    """
    source = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)
    jobs = source.execute("SELECT * FROM job ORDER BY id").fetchall()
    tables = _tables(source, "job")
    source.close()
    target = _empty(copy)
    with target:
        for sql in tables:
            target.execute(sql)
        target.executemany(f"INSERT INTO job VALUES ({', '.join('?' * len(jobs[0]))})", jobs)
    ids = [row[0] for row in jobs]
    done = 0
    began = time.perf_counter()
    while (took := time.perf_counter() - began) < seconds:
        # When all are claimed, they are given back one by one, and claimed again: as much to write.
        back = done // len(ids) % 2
        target.execute("BEGIN IMMEDIATE")
        target.execute(_GIVE_BACK if back else _CLAIM, (ids[done % len(ids)],))
        target.execute("COMMIT")
        done += 1
    target.close()
    return done / took


def _tables(source: apsw.Connection, *names: str) -> list[str]:
    wanted = ", ".join(f"'{name}'" for name in names)
    found = source.execute(
        f"SELECT sql FROM sqlite_schema WHERE tbl_name IN ({wanted}) AND sql IS NOT NULL AND type <> 'trigger'"
    )
    return [str(sql) for (sql,) in found]


def _empty(path: Path) -> apsw.Connection:
    connection = apsw.Connection(str(path))
    connection.pragma("journal_mode", "wal")
    connection.pragma("synchronous", "NORMAL")
    connection.pragma("foreign_keys", False)
    return connection
