"""The first process of the kernel that will be killed: puts a workflow right, starts the next one, says what it sees.

    guest.py PLAN

PLAN is JSON: ``jobs`` (how many), ``command`` (of each, or nothing), ``journal``, ``durability``, ``synchronous`` (only
to break things on purpose), ``finish`` (a directory that an earlier boot left, or nothing) and ``begin`` (a new one, or
nothing). Every line on the console that the host acts on is a word and a JSON document.

What counts as acknowledged is what this process, which only reads, has found in the database and printed: the same
that ``torc-local status`` would have told a person.
"""

import ctypes
import json
import os
import shutil
import struct
import sys
import time
from pathlib import Path
from typing import Any

import apsw

from torc_local.cli import progress, running  # noqa: F401 - imported once here and not again by each run
from torc_local.cli.main import main as torc_local
from torc_local.ground.errors import StateError
from torc_local.store import invariants, meta, opening
from torc_local.store.database import Database

DISK = Path("/run/disk")
SPEC = Path("/run/workflow.json")
JOB = Path("/run/job")
LOOK_S = 0.005

#: The smallest program that exits with 0. Page faults are slow here, and /bin/true with its libraries has hundreds.
CODE = bytes.fromhex("31ff b83c000000 0f05")  # exit(0)
BASE, HEADERS = 0x400000, 120
PROGRAM = (
    struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 2, 62, 1, BASE + HEADERS, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    + struct.pack("<IIQQQQQQ", 1, 5, 0, BASE, BASE, HEADERS + len(CODE), HEADERS + len(CODE), 4096)
    + CODE
)


def jobs(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """Two rounds with a gate between them, so that the coordinator has work, too."""
    each = {"command": plan["command"] or str(JOB), "parameters": {"i": f"1:{plan['jobs'] // 2}"}}
    return [{"name": "a{i}", **each}, {"name": "b{i}", **each, "depends_on_regexes": ["^a"]}]


def say(word: str, document: object) -> None:
    """Tell the host."""
    sys.stdout.write(f"{word} {json.dumps(document)}\n")
    sys.stdout.flush()


def completions(db: Database) -> set[tuple[Any, ...]]:
    """Everything on record as completed, as job, run and attempt."""
    rows = db.connection.execute("SELECT job_id, run_id, attempt_id FROM v_attempts WHERE status = 'completed'")
    return set(rows.fetchall())


def state(path: Path, *, at_rest: bool) -> dict[str, Any]:
    """What a database is like."""
    try:
        # At rest the database is only read: a writer that closes it would sync what the run had left unsynced.
        with (opening.open_read_only if at_rest else opening.open_existing)(path) as db:
            return {
                "integrity": [row[0] for row in db.connection.execute("PRAGMA integrity_check").fetchall()],
                "foreign_keys": db.connection.execute("PRAGMA foreign_key_check").fetchall(),
                "violations": [tuple(one) for one in invariants.violations(db, at_rest=at_rest)],
                "completed": sorted(completions(db)),
                "commits": meta.get(db).commit_seq,
                "rows": db.connection.execute("SELECT count(*) FROM v_attempts WHERE status = 'completed'").fetchall(),
                "jobs": db.connection.execute("SELECT status, count(*) FROM v_jobs GROUP BY 1").fetchall(),
            }
    except StateError as error:
        return {"trouble": error.message}


def run(path: Path, plan: dict[str, Any]) -> int:
    """``torc-local run`` in a process of its own, while this one watches the database; its exit code."""
    if plan["journal"] != opening.WAL:
        opening.open_or_create(path, journal=plan["journal"]).close()
    child = os.fork()
    if child == 0:
        if plan["synchronous"]:
            opening.synchronous = lambda *_: plan["synchronous"]
        words = ["run", str(SPEC), "--db", str(path), "-j", "4", "--runners", "2", "--progress", "none"]
        code = torc_local([*words, "--durability", plan["durability"]])
        sys.stdout.flush()
        os._exit(code)
    db, version = None, -1
    seen: set[tuple[Any, ...]] = set()
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        try:
            db = db or opening.open_read_only(path)
            if db.data_version != version:
                version = db.data_version
                with db.read():
                    commits, new = meta.get(db).commit_seq, completions(db) - seen
                say("acknowledged", {"commits": commits, "completed": sorted(new)})
                seen |= new
        except (StateError, apsw.BusyError):
            pass  # it is being made
        if ended:
            if db is not None:
                db.close()
            return os.waitstatus_to_exitcode(status)
        time.sleep(LOOK_S)


def finish(path: Path, plan: dict[str, Any]) -> None:
    """Run until everything is done, and say what it came to."""
    code = run(path, plan)
    say("finished", {"exit_code": code, **state(path, at_rest=True)})


def main() -> None:
    plan = json.loads(Path(sys.argv[1]).read_text())
    DISK.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"/dev/ubda", os.fsencode(DISK), b"ext4", 0, None):
        say("no_disk", os.strerror(ctypes.get_errno()))
    JOB.write_bytes(PROGRAM)
    JOB.chmod(0o755)
    SPEC.write_text(json.dumps({"name": "power", "jobs": jobs(plan)}))
    say("mounted", None)
    if plan["finish"]:
        path = DISK / plan["finish"] / "torc.db"
        say("found", state(path, at_rest=False))
        finish(path, plan)
        shutil.rmtree(path.parent)
    if plan["begin"]:
        say("begun", plan["begin"])
        finish(DISK / plan["begin"] / "torc.db", plan)
    say("idle", None)
    time.sleep(10_000)  # the kernel panics when its first process ends


if __name__ == "__main__":
    main()
