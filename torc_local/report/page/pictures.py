"""Small drawings as SVG, which need no script: histograms, curves, and the graph of families."""

from collections.abc import Sequence
from itertools import pairwise

from torc_local.report import drawing
from torc_local.report.content import Content
from torc_local.report.drawing import Drawing, Node
from torc_local.report.family_figures import Spread
from torc_local.report.page.html import text
from torc_local.report.text import plural, shortened
from torc_local.store.series import JobPoint

#: Families beyond which a graph is a wall, and is not drawn.
MOST_NODES = 150
_MOST_EDGES = 1500

_BOX_WIDTH, _BOX_HEIGHT = 168, 40
_GAP_X, _GAP_Y = 64, 14
_LETTERS = 22


def histogram(found: Spread, low: str, high: str) -> str:
    """Bars of one factor each; how high one is says how many jobs there are."""
    most = max(found.counts)
    bars = "".join(
        f'<rect x="{4 * number}" y="{22 - height:.1f}" width="3.2" height="{height:.1f}"/>'
        for number, count in enumerate(found.counts)
        if (height := 22 * count / most if count else 0) and (height := max(height, 1.0))
    )
    label = text(f"distribution of {found.samples:,} from {low} to {high}")
    return f'<svg class=bars viewBox="0 0 96 22" role="img" aria-label="{label}"><title>{label}</title>{bars}</svg>'


def curve(points: Sequence[JobPoint], label: str) -> str:
    """Memory as an area, processors as a line, each from 0 to its largest value."""
    began, over = points[0].timestamp, points[-1].timestamp
    span = max(over - began, 1)
    most_memory = max(point.memory_bytes for point in points) or 1
    most_cpu = max(point.cpu_percent for point in points) or 1.0
    memory = " ".join(
        f"{120 * (point.timestamp - began) / span:.1f},{24 - 22 * point.memory_bytes / most_memory:.1f}"
        for point in points
    )
    cpu = " ".join(
        f"{120 * (point.timestamp - began) / span:.1f},{24 - 22 * point.cpu_percent / most_cpu:.1f}" for point in points
    )
    return (
        f'<svg class=curve viewBox="0 0 120 25" role="img" aria-label="{text(label)}"><title>{text(label)}</title>'
        f'<polygon points="0,24 {memory} 120,24"/><polyline points="{cpu}"/></svg>'
    )


def graph(content: Content) -> str | None:
    """Families of jobs from left to right, with the critical path; None when they are too many to be read."""
    made = drawing.draw(content.graph, expand=False)
    if not made.nodes or len(made.nodes) > MOST_NODES or len(made.edges) > _MOST_EDGES:
        return None
    at = _places(content, made)
    width = max(x for x, _ in at.values()) + _BOX_WIDTH + 4
    height = max(y for _, y in at.values()) + _BOX_HEIGHT + 4
    path = [content.family_of[job] for job in content.chain.jobs]
    critical = {(f"n{one}", f"n{other}") for one, other in pairwise(path)}
    critical |= _through_points(made, critical)
    on_path = {f"n{one}" for one in path}
    edges = "".join(_edge(source, target, at, critical=(source, target) in critical) for source, target in made.edges)
    boxes = "".join(_box(node, *at[node.id], critical=node.id in on_path) for node in made.nodes)
    label = f"graph of {plural(len(made.nodes), 'family')}, left to right"
    return (
        f'<div class=wide tabindex=0 role=group aria-label="graph, scrollable"><svg class=graph width="{width}" '
        f'height="{height}" viewBox="0 0 {width} {height}" role="img" aria-label="{label}">{edges}{boxes}</svg></div>'
    )


def _places(content: Content, made: Drawing) -> dict[str, tuple[float, float]]:
    """Columns by the first wave that a family has jobs in; a point between those before it and those behind."""
    first: dict[str, float] = {}
    for job, family in enumerate(content.family_of):
        name = f"n{family}"
        first[name] = min(first.get(name, float("inf")), content.order.wave_of[job])
    ranks = {wave: rank for rank, wave in enumerate(sorted(set(first.values())))}
    column = {name: float(ranks[wave]) for name, wave in first.items()}
    for node in made.nodes:
        if not node.jobs:
            column[node.id] = max(column[source] for source, target in made.edges if target == node.id) + 0.5
    fill: dict[float, int] = {}
    at = {}
    for node in made.nodes:
        rank = column[node.id]
        row = fill.get(rank, 0)
        fill[rank] = row + 1
        at[node.id] = (2 + rank * (_BOX_WIDTH + _GAP_X), 2.0 + row * (_BOX_HEIGHT + _GAP_Y))
    return at


def _through_points(made: Drawing, critical: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """The halves of critical edges that go through a point."""
    into: dict[str, set[str]] = {}
    for source, target in made.edges:
        if target.startswith("p"):
            into.setdefault(target, set()).add(source)
    return {
        half
        for point, target in made.edges
        if point.startswith("p")
        for source in into.get(point, ())
        if (source, target) in critical
        for half in ((source, point), (point, target))
    }


def _edge(source: str, target: str, at: dict[str, tuple[float, float]], *, critical: bool) -> str:
    (x1, y1), (x2, y2) = at[source], at[target]
    x1 += _BOX_WIDTH if source.startswith("n") else _BOX_WIDTH / 2
    x2 += 0 if target.startswith("n") else _BOX_WIDTH / 2
    y1, y2 = y1 + _BOX_HEIGHT / 2, y2 + _BOX_HEIGHT / 2
    mark = " class=critical" if critical else ""
    if source == target:
        return ""
    bend = max(abs(x2 - x1) / 2, 24)
    return f'<path{mark} d="M{x1:.0f} {y1:.0f}C{x1 + bend:.0f} {y1:.0f} {x2 - bend:.0f} {y2:.0f} {x2:.0f} {y2:.0f}"/>'


def _box(node: Node, x: float, y: float, *, critical: bool) -> str:
    if not node.jobs:
        return f'<circle cx="{x + _BOX_WIDTH / 2:.0f}" cy="{y + _BOX_HEIGHT / 2:.0f}" r="3"/>'
    counts = node.counts or {}
    done = counts.get("completed", 0)
    state = node.worst or "completed"
    said = f"{done:,} of {plural(node.jobs, 'job')}" if node.jobs > 1 else state
    label = "; ".join(
        [f"{node.name}: {plural(node.jobs, 'job')}", *(f"{jobs:,} {one}" for one, jobs in counts.items())]
    )
    mark = " critical" if critical else ""
    name = text(shortened(node.name, _LETTERS))
    place = f'x="{x:.0f}" y="{y:.0f}" width="{_BOX_WIDTH}" height="{_BOX_HEIGHT}" rx="4"'
    return (
        f'<g class="box s-{state}{mark}"><title>{text(label)}</title><rect class=back {place}/>'
        f"<rect class=face {place}/>"
        f'<text x="{x + 8:.0f}" y="{y + 17:.0f}">{name}</text>'
        f'<text class=small x="{x + 8:.0f}" y="{y + 32:.0f}">{text(said)}</text></g>'
    )
