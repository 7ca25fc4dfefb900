"""Figures of several runs, their medians, and the verdict on each.

A ratio is taken within one run and the median taken of the ratios: what slows the machine down for a while slows both
sides of it.
"""

import statistics
from collections.abc import Callable, Sequence
from typing import NamedTuple

#: What one run measured, by name. A text says why a figure is missing.
Figures = dict[str, float | str]

Format = Callable[[float], str]


class NotMeasuredError(Exception):
    """There is no figure; the message says why."""


class Row(NamedTuple):
    """A line of the table. Numbers go into JSON, texts on the screen."""

    target_id: str
    what: str
    figure: str
    against: str
    ratio: str
    target: str
    verdict: str
    value: float | None = None
    compared_with: float | None = None
    quotient: float | None = None


HOLDS = "holds"
MISSED = "missed"
NO_TARGET = "-"


def missing(target_id: str, what: str, why: str, target: str = "", against: str = "") -> Row:
    """A line for something that could not be measured."""
    return Row(target_id, what, "", against, "", target, f"not measured: {why}")


class Band(NamedTuple):
    """What a figure or ratio must reach; without any bound it is only told."""

    at_least: float | None = None
    at_most: float | None = None

    def verdict(self, value: float) -> str:
        """Whether a value is within."""
        if self.at_least is None and self.at_most is None:
            return NO_TARGET
        low = self.at_least is None or value >= self.at_least
        return HOLDS if low and (self.at_most is None or value <= self.at_most) else MISSED


class Runs:
    """The figures of all runs of one measurement."""

    def __init__(self, runs: Sequence[Figures]) -> None:
        self._runs = runs

    def names(self, start: str) -> list[str]:
        """Figures whose name starts so, in the order in which they were measured."""
        return list(dict.fromkeys(name for run in self._runs for name in run if name.startswith(start)))

    def median(self, name: str) -> float:
        """Median of a figure; raises NotMeasuredError."""
        return statistics.median(self._all(name))

    def ratio(self, above: str, below: str) -> float:
        """Median of the quotients of two figures."""
        pairs = zip(self._all(above), self._all(below), strict=True)
        return statistics.median(a / b if b else float("inf") for a, b in pairs)

    def _all(self, name: str) -> list[float]:
        found = []
        for run in self._runs:
            value = run.get(name, "no such figure")
            if isinstance(value, str):
                raise NotMeasuredError(value)
            found.append(value)
        return found

    def judge(self, target_id: str, what: str, name: str, form: Format, band: Band, target: str = "") -> Row:
        """A line for a figure that is judged by itself."""
        try:
            value = self.median(name)
        except NotMeasuredError as error:
            return missing(target_id, what, str(error), target)
        return Row(target_id, what, form(value), "", "", target, band.verdict(value), value=value)

    def compare(
        self,
        target_id: str,
        what: str,
        names: tuple[str, str],
        words: str,
        form: Format,
        band: Band,
        target: str = "",
    ) -> Row:
        """A line for a figure that is judged by its ratio to another one, which ``words`` name."""
        try:
            value, other, quotient = self.median(names[0]), self.median(names[1]), self.ratio(*names)
        except NotMeasuredError as error:
            return missing(target_id, what, str(error), target, words)
        verdict = band.verdict(quotient)
        text = f"{quotient:.2f}"
        if band.verdict(float(text)) != verdict:
            text = f"{quotient:.4f}"  # 1.05 that is not "at most 1.05" would look wrong
        against = f"{words} {form(other)}"
        return Row(target_id, what, form(value), against, text, target, verdict, value, other, quotient)
