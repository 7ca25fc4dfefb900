"""Files cut at many lengths and with bytes changed: every command opens them or refuses them with a sentence.

A file that was refused is as it was: whoever comes with a better tool, or with a copy, must find everything there.
"""

import random
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.syscalls.conftest import ANSWERS, CREATE, RUN
from tests.syscalls.lab import Fault

pytestmark = pytest.mark.fault

DB = ("--db", "out/torc.db")
LOOKING = (("status", *DB), ("jobs", *DB), ("results", *DB), ("report", "scale", *DB), ("doctor", *DB))
WRITING = ("run", *DB, "-j", "2", "-o", "out", "--progress", "none")

PAGE = 4096
FRAME = PAGE + 24  # in the log, which begins with 32 bytes


@pytest.fixture
def finished(lab, places):
    """The directory of a small finished run."""
    place = places()
    assert lab.do(place.directory, *RUN).code == 0
    return place.directory


@pytest.fixture
def killed(lab, places):
    """The directory of a run of which everything was killed at its 30th write: the log is not in the database yet."""
    place = places()
    assert lab.do(place.directory, *CREATE).code == 0
    assert lab.do(place.directory, *RUN, fault=Fault("pwrite64", "SIGKILL", 30)).code == -signal.SIGKILL
    assert (place.directory / "out" / "torc.db-wal").stat().st_size > PAGE
    return place.directory


@pytest.fixture
def looked_at(lab, tmp_path):
    """What is wrong with what the commands say about a directory after something was done to the files of a copy."""

    def look(source, damage):
        copy = tmp_path / "copy"
        wrong = []
        for words in (*LOOKING, WRITING):
            shutil.copytree(source, copy)
            damage(copy / "out")
            files = [copy / "out" / name for name in ("torc.db", "torc.db-wal") if (copy / "out" / name).exists()]
            before = [file.read_bytes() for file in files]
            outcome = lab.do(copy, *words)
            if outcome.code not in (*ANSWERS, 2):  # 2: a database without a workflow
                wrong.append(f"{words[0]}: exit code {outcome.code}: {outcome.err}")
            if "Traceback" in outcome.err or "internal error" in outcome.err:
                wrong.append(f"{words[0]}: a bug is admitted: {outcome.err}")
            if outcome.code in ANSWERS[1:] and not (outcome.err + outcome.out).strip():
                wrong.append(f"{words[0]}: exit code {outcome.code} and not a word")
            refused = outcome.code == 4 and words is not WRITING
            if refused and [file.read_bytes() for file in files if file.exists()] != before:
                wrong.append(f"{words[0]}: refused and changed")
            shutil.rmtree(copy)
        return wrong

    return look


@pytest.fixture
def lengths(request):
    """Where to cut a file of this size: around its pages and between them."""
    full = request.config.getoption("--size") == "full"

    def choose(size: int, first: int, page: int) -> list[int]:
        edges = {edge + near for edge in range(first, size, page) for near in (-1, 0, 1)}
        every = edges | {*range(0, size, 64), *range(200), size - 1}
        some = {0, 1, 16, 99, 100, 101, first + page, size - 1, *spread(sorted(edges), 4)}
        return sorted(length for length in (every if full else some) if 0 <= length < size)

    return choose


def spread(values: list[int], most: int) -> list[int]:
    """Some of them, far from each other."""
    return values[:: max(1, len(values) // most)]


def cut(name: str, length: int) -> Callable[[Path], None]:
    def damage(out):
        with (out / name).open("r+b") as file:
            file.truncate(length)

    return damage


@pytest.mark.parametrize("state", ["finished", "killed"])
def test_a_database_cut_short(request, looked_at, lengths, state):
    source = request.getfixturevalue(state)
    size = (source / "out" / "torc.db").stat().st_size
    wrong = {length: looked_at(source, cut("torc.db", length)) for length in lengths(size, 0, PAGE)}
    assert {length: what for length, what in wrong.items() if what} == {}


def test_a_log_cut_short(killed, looked_at, lengths):
    size = (killed / "out" / "torc.db-wal").stat().st_size
    wrong = {length: looked_at(killed, cut("torc.db-wal", length)) for length in lengths(size, 32, FRAME)}
    assert {length: what for length, what in wrong.items() if what} == {}


@pytest.mark.parametrize("name", ["torc.db", "torc.db-wal"])
def test_bytes_changed_at_random(request, killed, looked_at, name):
    times = 400 if request.config.getoption("--size") == "full" else 4
    wrong = {}
    for seed in range(times):
        chance = random.Random(seed)
        where = [chance.random() for _ in range(chance.choice((1, 1, 4, 64)))]
        # Half of them at the beginning, where what is wrong is felt by all.
        reach = chance.choice((100, 2 * PAGE, 1 << 62, 1 << 62))

        def damage(out, chance=chance, where=where, reach=reach):
            content = bytearray((out / name).read_bytes())
            for one in where:
                content[int(one * min(reach, len(content)))] ^= chance.randrange(1, 256)
            (out / name).write_bytes(content)

        wrong[seed] = looked_at(killed, damage)
    assert {seed: what for seed, what in wrong.items() if what} == {}
