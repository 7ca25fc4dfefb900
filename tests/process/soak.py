"""A seeded random killer: ends, stops and continues processes of a run until a workflow is done, and looks after each.

What it promises to find: a completion that was lost, a completed job that ran again, two completions of one attempt, a
broken invariant, a process that outlived its run, an exit code or a message that is none of ours.
"""

import os
import random
import signal
import subprocess
import time
from collections import Counter
from contextlib import suppress
from typing import NamedTuple

from benchmarks import memory
from tests.process.running import Place
from tests.support.waiting import wait_for
from torc_local.store import invariants, opening

OPTIONS = ("lease=1.2", "grace=0.3", "patience=1")
#: The last one is that of a program that is still being loaded.
EXIT_CODES = {0, 1, 3, 4, 143, -signal.SIGKILL, -signal.SIGTERM}

#: What may happen to whom, and how often.
_FATES = (
    ("kill", "runner", 30),
    ("kill", "coordinator", 14),
    ("kill", "supervisor", 12),
    ("kill", "everybody", 8),
    ("stop", "runner", 8),
    ("stop", "coordinator", 5),
    ("stop", "everybody", 4),
    ("end", "runner", 7),
    ("end", "coordinator", 6),
    ("end", "supervisor", 6),
)


class Figures(NamedTuple):
    """What happened until the workflow was done."""

    kills: int
    starts: int
    memory: list[memory.Sample]


def spec(place: Place, *, layers: int, short: int, long: int, length: float) -> None:
    """Layers of short and long jobs; each layer waits for all of the one before."""
    jobs = []
    for layer in range(layers):
        after = {"depends_on_regexes": [f"^[sl]{layer - 1}_"]} if layer else {}
        for kind, count, then in (("s", short, ""), ("l", long, f"sleep {length}")):
            name = f"{kind}{layer}_{{i}}"
            command = place.append(name, then)
            jobs.append({"name": name, "command": command, "parameters": {"i": f"1:{count}"}, **after})
    place.write(*jobs)


class Soak:
    """One workflow and its killer."""

    def __init__(self, place: Place, seed: int, runners: int) -> None:
        self._place = place
        self._random = random.Random(seed)
        self._runners = runners
        self._run: subprocess.Popen[str] | None = None
        self._completed: Counter[str] = Counter()  # completed jobs, and how often each had run by then
        self._kills = 0
        self._starts = 0
        self._memory: list[memory.Sample] = []

    def until_done(self, *, most_kills: int, pause_s: float) -> Figures:
        """Run, kill, and run again until every job is completed. After ``most_kills`` nothing is killed any more."""
        while not self._done():
            run = self._started()
            self._random_wait(pause_s)
            if run.poll() is None and self._kills < most_kills:
                self._strike(run)
            elif run.poll() is None:
                run.wait(timeout=300)
            if run.poll() is not None:
                self._bury(run)
        return Figures(self._kills, self._starts, self._memory)

    def _started(self) -> subprocess.Popen[str]:
        if self._run is None:
            self._starts += 1
            self._run = self._place.start(self._runners, *OPTIONS)
            wait_for(lambda: self._place.ask("SELECT 1 FROM v_workflows"))
        return self._run

    def _random_wait(self, pause_s: float) -> None:
        time.sleep(self._random.expovariate(1 / pause_s))
        if self._run is not None and self._run.poll() is None:
            self._memory.append(memory.sample(self._run.pid, 1))

    def _strike(self, run: subprocess.Popen[str]) -> None:
        what, whom = self._random.choices([fate[:2] for fate in _FATES], [fate[2] for fate in _FATES])[0]
        runners = [pid for (pid,) in self._place.ask("SELECT pid FROM v_runners WHERE ended_at IS NULL")]
        coordinators = [pid for (pid,) in self._place.ask("SELECT pid FROM coordinator WHERE released_at IS NULL")]
        ours = set(_children(run.pid))
        runners = [pid for pid in runners if pid in ours]
        victims = {
            "runner": self._random.sample(runners, min(1, len(runners))),
            "coordinator": [pid for pid in coordinators if pid in ours],
            "supervisor": [run.pid],
            "everybody": [run.pid, *ours],
        }[whom]
        if not victims:
            return
        self._kills += 1
        kind = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP, "end": signal.SIGTERM}[what]
        _signal_all(victims, kind)
        if what == "stop":
            time.sleep(self._random.uniform(0.1, 2.0))  # the lease is 1.2 s
            _signal_all(victims, signal.SIGCONT)

    def _bury(self, run: subprocess.Popen[str]) -> None:
        """The supervisor has ended: nothing of ours may be left, and everything on record must be true."""
        _, err = run.communicate()
        self._run = None
        assert "Traceback" not in err, err
        assert "internal error" not in err, err
        assert run.returncode in EXIT_CODES, f"exit {run.returncode}: {err}"
        with opening.open_existing(self._place.db_path) as db:
            assert invariants.violations(db) == []
            twice = db.connection.execute(
                "SELECT job_id, count(*) FROM attempt WHERE status = 'completed' GROUP BY job_id HAVING count(*) > 1"
            ).fetchall()
            names = db.connection.execute("SELECT name FROM job WHERE status = 'completed'").fetchall()
        assert twice == [], "a completed job ran again"
        ran = self._place.lines()
        again = {name: ran[name] for name, times in self._completed.items() if ran[name] != times}
        assert again == {}, "these had been completed before, and have run since"
        completed = {str(name) for (name,) in names}
        lost = set(self._completed) - completed
        assert lost == set(), "these completions are not on record any more"
        # Counted after the query: a job that is completed has ended, and its line is there.
        self._completed = Counter({name: ran[name] for name in completed})
        assert min(self._completed.values(), default=1) > 0, "completed without having run"

    def _done(self) -> bool:
        if self._run is not None or not self._place.db_path.exists():
            return False
        unfinished = self._place.ask("SELECT count(*) FROM v_jobs WHERE status <> 'completed'")
        total = self._place.ask("SELECT count(*) FROM v_jobs")
        return unfinished == [(0,)] and total not in ([(0,)], [])


def over(place: Place, figures: Figures) -> None:
    """The end of a soak: nothing is claimed, nothing lives."""
    assert place.violations() == []
    wait_for(lambda: place.leftovers() == [])
    assert figures.starts >= 1


def _children(pid: int) -> list[int]:
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:  # noqa: PTH123
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def _signal_all(pids: list[int], kind: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, kind)
