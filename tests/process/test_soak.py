"""Kills at random moments, by the thousand: what is on record stays true, and every workflow is done in the end.

A failure names its seed; ``SOAK_SEED=17 pytest -m fault tests/process/test_soak.py`` repeats its decisions.
"""

import os
import statistics
import sys
import time

import pytest

from tests.process import soak
from tests.process.running import Place

SEED = int(os.environ.get("SOAK_SEED", "1"))


def workflows_until(place_factory, *, kills, runners=4, pause_s=0.12, short=600, long=12):
    """Soak one workflow after the other until so many kills have happened."""
    done = seed = 0
    starts = 0
    while done < kills:
        place = place_factory(seed)
        soak.spec(place, layers=3, short=short, long=long, length=0.3)
        figures = soak.Soak(place, SEED + seed, runners).until_done(most_kills=kills - done, pause_s=pause_s)
        soak.over(place, figures)
        done, starts, seed = done + figures.kills, starts + figures.starts, seed + 1
    return done, starts, seed


def say(text):
    """Figures for who runs the suite with -s."""
    sys.stderr.write(f"\n{text}")


@pytest.fixture
def places(tmp_path, request):
    made = []

    def make(number):
        directory = tmp_path / str(number)
        directory.mkdir()
        place = Place(directory)
        request.addfinalizer(place.end)
        made.append(place)
        return place

    return make


def test_a_few_kills_at_random_moments_lose_nothing(places):
    kills, *_ = workflows_until(places, kills=4, short=150, long=4)
    assert kills == 4


@pytest.mark.fault
def test_kills_at_random_moments_lose_nothing(places, request):
    wanted = 25 if request.config.getoption("--size") == "small" else 1000
    began = time.monotonic()
    kills, starts, workflows = workflows_until(places, kills=wanted)
    say(f"{kills} kills, {starts} starts, {workflows} workflows, {time.monotonic() - began:.0f} s, seed {SEED}")
    assert kills == wanted


@pytest.mark.fault
def test_minutes_of_kills_leave_memory_flat(places, request):
    """Sixteen runners, ten minutes."""
    if request.config.getoption("--size") == "small":
        pytest.skip("with --size full: it takes minutes until memory says something")
    minutes = 10
    place = places(0)
    layers = 2
    jobs = int(minutes * 60 * 16 / 0.5 / layers)
    soak.spec(place, layers=layers, short=4 * jobs, long=jobs, length=0.4)
    began = time.monotonic()
    figures = soak.Soak(place, SEED, 16).until_done(most_kills=10**9, pause_s=0.5)
    took = time.monotonic() - began
    soak.over(place, figures)
    sizes = [one.pss_bytes / max(one.processes, 1) for one in figures.memory if one.processes > 2]
    third = len(sizes) // 3
    first, last = statistics.median(sizes[:third]), statistics.median(sizes[-third:])
    say(f"{took:.0f} s, {figures.kills} kills, {figures.starts} starts")
    say(f"MB of a process: {first / 1e6:.1f} in the first third of the time, {last / 1e6:.1f} in the last")
    assert last < 1.1 * first
