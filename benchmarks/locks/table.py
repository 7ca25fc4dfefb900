"""Rounds of an experiment become one line per variant."""

import statistics
from collections import Counter
from collections.abc import Sequence
from typing import Any

from benchmarks.locks.contest import Contest
from benchmarks.locks.settings import Experiment

Rounds = Sequence[dict[str, Contest]]

ALONE = "one process alone"

#: Columns that some experiments add, with their unit.
_UNITS = {"longest hold": "ms", "CPU": "ms"}


def lines(experiment: Experiment, rounds: Rounds) -> list[dict[str, Any]]:
    """Medians over the rounds; ratios are taken within each round. The longest wait is the longest of all rounds."""
    return [
        _line(experiment, name, [held[name] for held in rounds], [held[ALONE] for held in rounds])
        for name in (ALONE, *(variant.name for variant in experiment.variants))
    ]


def _line(experiment: Experiment, name: str, contests: list[Contest], alone: list[Contest]) -> dict[str, Any]:
    errors: Counter[str] = Counter()
    for contest in contests:
        errors.update(contest.errors)
    median = statistics.median
    return {
        "variant": name,
        "transactions_per_s": median(one.transactions_per_s for one in contests),
        "ratio": median(
            one.transactions_per_s / max(base.transactions_per_s, 1e-9)
            for one, base in zip(contests, alone, strict=True)
        ),
        "jobs_per_s": median(one.rows_per_s for one in contests),
        "fairness": median(one.fairness for one in contests),
        "wait_p50_s": median(one.wait_p50_s for one in contests),
        "wait_p99_s": median(one.wait_p99_s for one in contests),
        "wait_longest_s": max(one.wait_longest_s for one in contests),
        "errors": dict(errors),
        "extra": {key: _median([one.extra[key] for one in contests if key in one.extra]) for key in experiment.extra},
    }


def _median(figures: list[float]) -> float | None:
    return statistics.median(figures) if figures else None


def text(experiment: Experiment, found: list[dict[str, Any]]) -> str:
    """The table for people, in Markdown."""
    heads = ["variant", "transactions/s", "ratio", "jobs/s", "fairness", "p50 ms", "p99 ms", "longest ms", "errors"]
    heads += [f"{key} {_UNITS.get(key, 'MB')}" for key in experiment.extra]
    rows = [heads, *([*_cells(line)] for line in found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
    written = [_written(row, widths) for row in rows]
    written.insert(
        1, "|" + "|".join("-" * (width + 1) + (":" if column else "-") for column, width in enumerate(widths)) + "|"
    )
    return f"{experiment.name}: {experiment.title}\n\n" + "\n".join(written) + "\n"


def _cells(line: dict[str, Any]) -> list[str]:
    errors = ", ".join(f"{count} {name}" for name, count in sorted(line["errors"].items()))
    return [
        line["variant"],
        f"{line['transactions_per_s']:,.0f}",
        f"{line['ratio']:.2f}",
        f"{line['jobs_per_s']:,.0f}",
        f"{line['fairness']:.2f}",
        f"{line['wait_p50_s'] * 1000:.2f}",
        f"{line['wait_p99_s'] * 1000:.1f}",
        f"{line['wait_longest_s'] * 1000:,.0f}",
        errors or "0",
        *("-" if value is None else f"{value:,.1f}" for value in line["extra"].values()),
    ]


def _written(row: list[str], widths: list[int]) -> str:
    cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
    return "| " + " | ".join(cells) + " |"
