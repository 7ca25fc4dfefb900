"""How the time of places is divided, in cases small enough to be worked out by hand."""

from array import array

import pytest

from torc_local.report.history import Earlier, History
from torc_local.report.spent import Place, places_of, spent
from torc_local.store.history import Machine, Worker
from torc_local.store.reading import Requirements

MACHINE = Machine(1, "n1", 2, 1 << 30, 0, None, None)
ASKS = [Requirements(1, "one", 1, 0, 1, 1 << 20, 60.0, 0), Requirements(2, "both", 2, 0, 1, 1 << 20, 60.0, 0)]


def worker(slots, number=1, ended_at=None):
    return Worker(number, 1, 1, slots, 0.0, ended_at, None)


def past(*jobs):
    """Jobs as requirements, start and end, all in run 1 on runner 1."""
    found = History()
    for number, (asked, started, ended) in enumerate(jobs, 1):
        found.ids.append(number)
        found.names.append(f"j{number}")
        found.requirements.append(asked)
        found.tries.append(1)
        found.started.append(started)
        found.ended.append(ended)
        found.runners.append(1)
        found.runs.append(1)
    return found


def divided(found, ready, place, workers=None):
    made = spent(found, array("d", ready), ASKS, [place], workers or [worker(place.slots)], 1)
    assert made is not None
    assert made.busy_s + made.nothing_ready_s + made.nothing_fitted_s + made.between_s == pytest.approx(made.capacity_s)
    return made


def test_a_job_for_both_processors_waits_because_it_does_not_fit():
    made = divided(past((1, 0.0, 10.0), (2, 10.0, 20.0)), [0, 0], Place(MACHINE, 2, counts_jobs=False))
    assert (made.capacity_s, made.busy_s, made.nothing_fitted_s) == (40, 30, 10)


def test_a_place_without_a_ready_job_is_idle_for_want_of_jobs():
    made = divided(past((1, 0.0, 10.0), (1, 10.0, 20.0)), [0, 10.0], Place(MACHINE, 2, counts_jobs=False))
    assert (made.busy_s, made.nothing_ready_s) == (20, 20)


def test_what_fits_and_has_not_begun_is_time_between_jobs():
    made = divided(past((1, 0.0, 10.0), (1, 4.0, 10.0)), [0, 0], Place(MACHINE, 2, counts_jobs=False))
    assert (made.busy_s, made.between_s) == (16, 4)


def test_an_attempt_before_the_last_one_was_work_too():
    found = past((1, 5.0, 10.0))
    found.earlier.append(Earlier(0, 1, 1, "failed", 7, "exit 7", 0.0, 4.0, 0.1, 1))
    made = divided(found, [0], Place(MACHINE, 1, counts_jobs=True))
    assert (made.capacity_s, made.busy_s, made.between_s) == (10, 9, 1)


def test_slots_count_jobs_whatever_they_ask_for():
    made = divided(past((2, 0.0, 10.0), (2, 0.0, 10.0)), [0, 0], Place(MACHINE, 2, counts_jobs=True))
    assert (made.capacity_s, made.busy_s) == (20, 20)


def test_a_run_in_which_nothing_ran_has_no_figures():
    assert spent(History(), array("d"), ASKS, [], [], 1) is None


@pytest.mark.parametrize(("slots", "counts_jobs"), [([2], False), ([1, 1], False), ([16], True), ([8, 8], True)])
def test_slots_tell_how_places_are_counted(slots, counts_jobs):
    workers = [worker(count, number) for number, count in enumerate(slots, 1)]
    assert places_of([MACHINE], workers, 1) == [Place(MACHINE, sum(slots), counts_jobs)]


def test_runners_one_after_the_other_are_no_more_slots():
    workers = [worker(2, 1, ended_at=5.0), Worker(2, 1, 1, 2, 5.0, None, None)]
    assert places_of([MACHINE], workers, 1)[0].slots == 2
    assert places_of([MACHINE], workers, 2) == []
