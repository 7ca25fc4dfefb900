"""The power fails again and again, at any moment: nothing acknowledged is lost, or only the last seconds of it.

    python -m pytest -m power                # two failures in each mode
    python -m pytest -m power --size full    # a hundred

README.md in this directory says what this shows and what it does not, and how it was seen to fail.
"""

import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests.power.machine import Machine
from tests.support.kernels import why_not

pytestmark = [pytest.mark.power, pytest.mark.kernels]

#: What ``normal`` may lose: the supervisor syncs every second when it wakes (process/supervisor.py), and everything in
#: the guest waits for its one slow processor. The kernel alone would keep the log for 30 seconds, a checkpoint alone
#: comes every 1000 pages.
LAST_SECONDS = 3.0

#: A round takes two to three seconds.
JOBS = 60

#: Most kills come so long, at most, after a number of completions that is drawn by lot: about three commits.
SOON_S = 0.1

#: One kill of four comes so long after the disk was mounted, at most, whatever the guest is doing then.
ANYWHERE_S = 8.0

NOT_MADE_YET = ("there is no database", "not a torc-local database")


class Losses:
    """A machine that loses its power, and what is known outside of it to be on record."""

    def __init__(
        self,
        machine: Machine,
        journal: str,
        durability: str,
        *,
        synchronous: str | None = None,
        command: str | None = None,
        part: int = 0,
    ) -> None:
        self._machine = machine
        self._how = {
            "journal": journal, "durability": durability, "synchronous": synchronous, "jobs": JOBS, "command": command
        }  # fmt: skip
        self._random = random.Random(f"{journal} {durability} {part}")
        self._acknowledged: dict[tuple[int, ...], float] = {}
        self._commits: list[tuple[float, int]] = []  # acknowledged numbers of commits, and when
        self._left: str | None = None  # the workflow that the last kill interrupted
        self._killed_at = 0.0
        self._begun = 0
        self.kills = {"finishing": 0, "starting": 0, "working": 0, "finished": 0}
        self.acknowledged_at_kills = 0
        self.lost: list[int] = []  # acknowledged completions that each kill took away
        self.lost_commits: list[int] = []  # of any kind
        self.oldest_lost_s = 0.0

    def __str__(self) -> str:
        return (
            f"{sum(self.kills.values())} kills {self.kills}; completions: {self.acknowledged_at_kills} acknowledged at"
            f" a kill, {sum(self.lost)} lost, by one kill at most {max(self.lost, default=0)}; commits of any kind:"
            f" lost by {len(self.lost_commits)} kills, by one at most {max(self.lost_commits, default=0)}; the oldest"
            f" that was lost had been acknowledged {self.oldest_lost_s:.2f} s before the kill"
        )

    def cycle(self, *, anywhere: bool | None = None, completions: int | None = None) -> None:
        """Boot, put right what the last kill left, begin the next workflow, and cut the power.

        At a moment drawn by lot when nothing is said.
        """
        self._begun += 1
        self._machine.boot({**self._how, "finish": self._left, "begin": f"w{self._begun}"})
        self._machine.hear("mounted")
        if self._random.random() < 0.25 if anywhere is None else anywhere:
            phase = self._follow(ANYWHERE_S * self._random.random())
        else:
            completions = completions or self._random.randint(1, JOBS)
            phase = self._follow(SOON_S * self._random.random(), completions=completions)
        self._killed_at = self._machine.cut_power()
        phase = self._hear(self._machine.listen(0), phase)
        self.kills[phase] += 1
        self.acknowledged_at_kills += len(self._acknowledged)

    def cycle_at_rest(self) -> None:
        """Boot, let the next workflow finish, and cut the power just then."""
        self._begun += 1
        self._machine.boot({**self._how, "finish": None, "begin": f"w{self._begun}"})
        phase = "starting"
        while phase != "finished":
            phase = self._hear(iter([self._machine.hear("begun", "acknowledged", "finished")]), phase)
        self._killed_at = self._machine.cut_power()
        self.kills[phase] += 1

    def last_cycle(self) -> None:
        """Boot once more and finish what is left."""
        self._machine.boot({**self._how, "finish": self._left, "begin": None})
        self._hear(iter([self._machine.hear("found")]), "finishing")
        self._hear(iter([self._machine.hear("finished")]), "finishing")
        self._machine.cut_power()

    def _follow(self, delay_s: float, *, completions: int = 0) -> str:
        """Listen until it is time to kill: so long after so many completions; what the guest is doing then."""
        phase = "finishing" if self._left else "starting"
        while completions and (phase in ("finishing", "starting") or len(self._acknowledged) < completions):
            words = ("found", "finished", "begun", "acknowledged", "no_disk")
            phase = self._hear(iter([self._machine.hear(*words)]), phase)
        return self._hear(self._machine.listen(delay_s), phase)

    def _hear(self, lines: Iterator[Any], phase: str) -> str:
        for line in lines:
            match line.word:
                case "found":
                    self._found(line.document)
                case "acknowledged":
                    self._commits.append((line.at, line.document["commits"]))
                    for one in line.document["completed"]:
                        self._acknowledged.setdefault(tuple(one), line.at)
                        phase = "working" if phase == "starting" else phase
                case "finished":
                    self._finished(line.document)
                    phase = "starting" if phase == "finishing" else "finished"
                case "begun":
                    self._left, self._acknowledged, self._commits, phase = line.document, {}, [], "starting"
                case "no_disk":
                    raise AssertionError(line.document)
                case _:
                    pass
        return phase

    def _found(self, state: dict[str, Any]) -> None:
        """After a kill: the database is whole, and what is missing may be missing."""
        if "trouble" in state:
            assert state["trouble"].startswith(NOT_MADE_YET), state
            state = {"completed": [], "commits": 0}
        else:
            self._is_whole(state)
        lost = set(self._acknowledged) - {tuple(one) for one in state["completed"]}
        self.lost.append(len(lost))
        for one in lost:
            self.oldest_lost_s = max(self.oldest_lost_s, self._killed_at - self._acknowledged.pop(one))
        lost_commits = [at for at, commits in self._commits if commits > state["commits"]]
        if lost_commits:
            self.oldest_lost_s = max(self.oldest_lost_s, self._killed_at - lost_commits[0])
            self.lost_commits.append(self._commits[-1][1] - state["commits"])
        self._commits = []

    def _finished(self, state: dict[str, Any]) -> None:
        """Everything is done, once, and what had survived the kill was not done again."""
        assert state["exit_code"] == 0, "\n".join(self._machine.console)
        self._is_whole(state)
        assert state["jobs"] == [["completed", JOBS]]
        assert state["rows"] == [[JOBS]], "one completion for each job"
        assert set(self._acknowledged) <= {tuple(one) for one in state["completed"]}

    def _is_whole(self, state: dict[str, Any]) -> None:
        assert state["integrity"] == ["ok"]
        assert state["foreign_keys"] == []
        assert state["violations"] == []


def pytest_generate_tests(metafunc):
    """A hundred kills are ten tests, so that one that hangs is found before the night is over."""
    if "part" in metafunc.fixturenames:
        full = metafunc.config.getoption("--size") == "full"
        metafunc.parametrize(("part", "kills"), [(part, 10) for part in range(10)] if full else [(0, 1)])


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    """Skips when no kernel can be started here."""
    why = why_not(tmp_path_factory.mktemp("try"))
    if why is not None:
        pytest.skip(why)


@pytest.fixture
def machine(kernel, tmp_path):
    made = Machine(tmp_path)
    yield made
    made.cut_power()


@pytest.mark.parametrize(
    ("journal", "durability", "may_lose_s"),
    [("wal", "normal", LAST_SECONDS), ("wal", "full", 0.0), ("delete", "normal", 0.0)],
)
def test_a_power_failure_costs_no_more_than_was_promised(machine, part, kills, journal, durability, may_lose_s):
    losses = Losses(machine, journal, durability, part=part)
    try:
        for _ in range(kills):
            losses.cycle()
            assert losses.oldest_lost_s <= may_lose_s, str(losses)
        losses.last_cycle()
    finally:
        print(f"{journal} {durability} {part}: {losses}")  # noqa: T201
    assert losses.oldest_lost_s <= may_lose_s, str(losses)


def test_a_slow_workflow_loses_no_more_than_its_last_seconds(machine):
    """Checkpoints are rare when the log grows slowly, and the kernel is in no hurry."""
    losses = Losses(machine, "wal", "normal", command="sleep 0.5")
    losses.cycle(anywhere=False, completions=JOBS * 3 // 4)
    losses.last_cycle()
    print(f"slow: {losses}")  # noqa: T201
    assert losses.oldest_lost_s <= LAST_SECONDS, str(losses)


@pytest.mark.parametrize(("journal", "synchronous"), [("wal", "OFF"), ("delete", "FULL")])
def test_these_kills_do_take_what_was_not_synced(machine, journal, synchronous):
    """Otherwise the test above would prove nothing. Without a log, only the last commit of all is in danger."""
    losses = Losses(machine, journal, "full", synchronous=synchronous)
    if journal == "wal":
        losses.cycle(anywhere=False)
    else:
        losses.cycle_at_rest()
    losses.last_cycle()
    print(f"{journal} {synchronous}: {losses}")  # noqa: T201
    assert losses.lost_commits
