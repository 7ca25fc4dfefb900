"""Line charts as SVG: enough for our pictures, and nothing to install."""

import math
from collections.abc import Callable, Sequence
from html import escape
from typing import NamedTuple

_WIDTH, _HEIGHT = 800, 330
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 200, 40, 56
_COLORS = ("#1b6ca8", "#d1495b", "#2e8b57", "#b7791f", "#6b4c9a", "#555555")
_DOTTED_BELOW = 12  # points of a line that are few enough to be marked
_FONT = "font-family='sans-serif' font-size='12' fill='#222'"


class Line(NamedTuple):
    """A named line through points."""

    name: str
    points: Sequence[tuple[float, float]]
    joined: bool = True


class Chart(NamedTuple):
    """Lines over the same axes; a logarithmic axis shows positive values only."""

    title: str
    across: str
    up: str
    lines: Sequence[Line]
    log_across: int | None = None  # the base of a logarithmic axis; None: linear from 0
    log_up: int | None = None
    label: Callable[[float], str] = "{:,g}".format  # of the axis across
    note: str = ""


class _Axis:
    """Values of an axis to a position between 0 and 1, and where its ticks are."""

    def __init__(self, values: Sequence[float], base: int | None) -> None:
        self._base = base
        if base is None:
            self.ticks = _round_ticks(max(values, default=1.0) or 1.0)
            self._low, self._high = 0.0, max(*values, self.ticks[-1])
            return
        low = math.floor(math.log(min(values), base) + 1e-9)
        high = max(math.ceil(math.log(max(values), base) - 1e-9), low + 1)
        self._low, self._high = float(low), float(high)
        self.ticks = [float(base) ** power for power in range(low, high + 1)]

    def place(self, value: float) -> float:
        position = value if self._base is None else math.log(value, self._base)
        return (position - self._low) / (self._high - self._low)


def _round_ticks(largest: float) -> list[float]:
    """From 0 up to the largest value, about five steps of 1, 2 or 5 times a power of ten."""
    rough = largest / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    return [step * number for number in range(math.floor(largest / step + 1e-9) + 1)]


def picture(charts: Sequence[Chart]) -> str:
    """The charts below each other, as one SVG document."""
    height = _HEIGHT * len(charts)
    parts = [f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {_WIDTH} {height}' width='{_WIDTH}'>"]
    parts.append(f"<rect width='{_WIDTH}' height='{height}' fill='white'/>")
    for number, chart in enumerate(charts):
        parts += [f"<g transform='translate(0 {number * _HEIGHT})'>", *_drawn(chart), "</g>"]
    return "\n".join([*parts, "</svg>", ""])


def _fits(value: float, base: int | None) -> bool:
    return base is None or value > 0


def _drawn(chart: Chart) -> list[str]:
    parts = [f"<text x='{_LEFT}' y='22' font-weight='bold' {_FONT}>{escape(chart.title)}</text>"]
    shown = [
        line._replace(points=[(x, y) for x, y in line.points if _fits(x, chart.log_across) and _fits(y, chart.log_up)])
        for line in chart.lines
    ]
    points = [point for line in shown for point in line.points]
    if not points:
        nothing = escape(chart.note or "not measured")
        return [*parts, f"<text x='{_LEFT}' y='{_HEIGHT // 2}' {_FONT}>{nothing}</text>"]
    across = _Axis([x for x, _ in points], chart.log_across)
    up = _Axis([y for _, y in points], chart.log_up)
    wide, high = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    bottom = _TOP + high

    def spot(x: float, y: float) -> tuple[float, float]:
        return _LEFT + across.place(x) * wide, bottom - up.place(y) * high

    grid = "stroke='#ddd'"
    for value in across.ticks:
        x = _LEFT + across.place(value) * wide
        parts.append(f"<path d='M{x:.1f} {_TOP}V{bottom}' {grid}/>")
        parts.append(f"<text x='{x:.1f}' y='{bottom + 18}' text-anchor='middle' {_FONT}>{chart.label(value)}</text>")
    for value in up.ticks:
        y = bottom - up.place(value) * high
        parts.append(f"<path d='M{_LEFT} {y:.1f}h{wide}' {grid}/>")
        parts.append(f"<text x='{_LEFT - 8}' y='{y + 4:.1f}' text-anchor='end' {_FONT}>{value:,g}</text>")
    parts.append(
        f"<text x='{_LEFT + wide / 2}' y='{_HEIGHT - 16}' text-anchor='middle' {_FONT}>{escape(chart.across)}</text>"
    )
    turned = f"transform='translate(18 {_TOP + high / 2}) rotate(-90)' text-anchor='middle'"
    parts.append(f"<text {turned} {_FONT}>{escape(chart.up)}</text>")
    for number, line in enumerate(shown):
        color = _COLORS[number % len(_COLORS)]
        spots = [spot(x, y) for x, y in line.points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
        if line.joined:
            parts.append(f"<polyline points='{path}' fill='none' stroke='{color}' stroke-width='1.8'/>")
        if len(spots) < _DOTTED_BELOW:
            parts += [f"<circle cx='{x:.1f}' cy='{y:.1f}' r='3' fill='{color}'/>" for x, y in spots]
        y = _TOP + 8 + 18 * number
        left = _WIDTH - _RIGHT + 14
        parts.append(f"<path d='M{left} {y}h18' stroke='{color}' stroke-width='2'/>")
        parts.append(f"<text x='{left + 24}' y='{y + 4}' {_FONT}>{escape(line.name)}</text>")
    if chart.note:
        left = _WIDTH - _RIGHT + 14
        y = _TOP + 26 + 18 * len(shown)
        parts.append(f"<text x='{left}' y='{y}' {_FONT}>{escape(chart.note)}</text>")
    return parts
