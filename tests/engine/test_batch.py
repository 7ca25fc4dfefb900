"""How large batches get."""

from hypothesis import given
from hypothesis import strategies as st

from torc_local.engine.batch import LONGEST_S, TARGET_S, BatchPolicy


def taught(duration_s, *, slots=1, held_s=0.0005):
    policy = BatchPolicy()
    policy.slots_alive = policy.runners_alive = slots
    for _ in range(50):
        policy.saw_job(duration_s)
        policy.saw_transaction(held_s)
        policy.per_slot(10**6)
    return policy


def test_the_first_claim_is_one_job():
    assert BatchPolicy().per_slot(1000) == 1


def test_short_jobs_come_by_the_hundred_and_long_ones_alone():
    assert taught(0.0005).per_slot(10**6) > 100
    assert taught(30.0).per_slot(10**6) == 1


def test_nobody_takes_more_than_half_of_a_fair_share():
    assert taught(0.0001, slots=16, held_s=1e-6).per_slot(160) == 5
    assert taught(0.0001, slots=16, held_s=1e-6).per_slot(3) == 1


def test_a_slow_file_system_and_many_runners_make_batches_longer_up_to_a_limit():
    assert taught(0.001).horizon_s == TARGET_S
    assert TARGET_S < taught(0.001, slots=16, held_s=0.001).horizon_s < LONGEST_S
    assert taught(0.001, slots=64, held_s=0.002).horizon_s == LONGEST_S
    assert taught(0.001, slots=64, held_s=0.05).horizon_s == 6.4, "twice until it is one's turn again"


def test_one_transaction_that_waited_for_a_processor_changes_nothing():
    policy = taught(0.001, slots=16)
    before = policy.horizon_s
    policy.saw_transaction(0.5)
    assert policy.horizon_s == before


def test_where_the_lock_is_slow_the_rest_of_a_round_is_not_claimed_one_by_one():
    """64 runners, 10 ms for each of them: 0.64 s until it is one's turn again, in which 32 jobs of 20 ms run."""
    policy = taught(0.02, slots=64, held_s=0.01)
    policy.runners_alive = 64
    policy.saw_transaction(0.01)
    assert policy.per_slot(100) == 32
    assert taught(0.02, slots=64, held_s=0.0001).per_slot(100) == 1, "fast: no reason to take more than a share"
    assert taught(2.0, slots=64, held_s=0.01).per_slot(100) == 1, "long jobs: likewise"


def test_a_transaction_that_is_long_because_it_moves_many_jobs_does_not_make_the_lock_slow():
    policy = taught(0.0005, slots=16)
    for _ in range(10):
        policy.saw_transaction(0.01, moved=980)
    assert policy.per_slot(160) == 6


def test_what_was_learned_is_not_forgotten_when_few_jobs_are_ready():
    """At a barrier everybody claims one; the next round does not begin with one again."""
    policy = taught(0.005, slots=4)
    most = policy.per_slot(10**6)
    assert policy.per_slot(1) == 1
    assert policy.per_slot(10**6) == most


@given(st.lists(st.floats(1e-5, 100), max_size=30), st.integers(0, 10**6), st.integers(0, 200))
def test_a_batch_is_at_least_one_and_never_more_than_twice_the_largest_before(durations, ready, slots):
    policy = BatchPolicy()
    policy.slots_alive = policy.runners_alive = slots
    largest = 1
    for duration in durations:
        policy.saw_job(duration)
        size = policy.per_slot(ready)
        assert 1 <= size <= 2 * largest
        largest = max(largest, size)
