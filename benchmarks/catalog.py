"""All targets in order: what measures each, and what makes lines of the table out of its figures."""

from collections.abc import Callable
from typing import NamedTuple

from benchmarks.bench import Bench
from benchmarks.results import Figures, Row, Runs
from benchmarks.targets import contention, creation, growth, monitoring, rounds, sleeps, startup, throughput


class Target(NamedTuple):
    """One of the targets."""

    id: str
    what: str
    measure: Callable[[Bench], Figures]
    rows: Callable[[Runs], list[Row]]


TARGETS = (
    Target("P1", "throughput of the scale test", throughput.measure, throughput.rows),
    Target("P2", "creation of the scale test", creation.measure_scale_test, creation.rows_of_scale_test),
    Target("P3", "all-to-all without a barrier job", creation.measure_all_to_all, creation.rows_of_all_to_all),
    Target("P4", "round transition", rounds.measure_transition, rounds.rows_of_transition),
    Target("P5", "idle time, coordinator, lock", rounds.measure_shares, rounds.rows_of_shares),
    Target("P6", "contention", contention.measure, contention.rows),
    Target("P7", "growth", growth.measure, growth.rows),
    Target("P8", "long jobs", sleeps.measure, sleeps.rows),
    Target("P9", "memory of a run", rounds.measure_memory, rounds.rows_of_memory),
    Target("P10", "start-up", startup.measure, startup.rows),
    Target("P11", "cost and truth of monitoring", monitoring.measure, monitoring.rows),
)
