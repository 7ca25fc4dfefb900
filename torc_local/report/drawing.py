"""``graph``: a workflow drawn as DOT (Graphviz), as Mermaid or as JSON; families of jobs are one node.

A set that several jobs wait for is one point through which all its edges go, so that drawings stay as small as the
workflow file.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from torc_local.engine.graph import Graph, order
from torc_local.ground.states import JobStatus
from torc_local.report.families import families

#: Colours by what of a node's jobs a person wants to see first. The first that any job is in decides; a node is
#: green when all are completed.
_COLOURS = (
    ((JobStatus.FAILED, JobStatus.TERMINATED, JobStatus.PENDING_FAILED), "failed", "#f4b6b6"),
    ((JobStatus.RUNNING, JobStatus.PENDING), "running", "#b6d4f4"),
    ((JobStatus.CANCELED,), "canceled", "#d9d9d9"),
    ((JobStatus.READY,), "ready", "#fdf3b4"),
    ((JobStatus.BLOCKED, JobStatus.UNINITIALIZED, JobStatus.DISABLED), "waiting", "#ffffff"),
    ((JobStatus.COMPLETED,), "completed", "#bfe5bf"),
)
_CLASSES = {status: (name, colour) for statuses, name, colour in _COLOURS for status in statuses}
_RANK = {status: rank for rank, (statuses, _, _) in enumerate(_COLOURS) for status in statuses}


class Node(NamedTuple):
    """A job, or a family of jobs; or a point between those who are waited for and those who wait."""

    id: str
    name: str
    jobs: int  # 0: a point
    counts: dict[str, int] | None  # by state; None: from a file

    @property
    def worst(self) -> str | None:
        """The state that a person wants to see first."""
        return min(self.counts, key=lambda status: _RANK[JobStatus(status)]) if self.counts else None


class Drawing(NamedTuple):
    """Nodes, and edges between their ids."""

    nodes: list[Node]
    edges: list[tuple[str, str]]


def draw(graph: Graph, *, expand: bool) -> Drawing:
    """What there is to draw; ``expand``: every job is a node."""
    groups = {name: [index] for index, name in enumerate(graph.names)} if expand else families(graph.names)
    nodes = [
        Node(f"n{number}", name, len(members), _counts(graph, members))
        for number, (name, members) in enumerate(groups.items())
    ]
    group_of = [0] * len(graph.names)
    for number, members in enumerate(groups.values()):
        for member in members:
            group_of[member] = number
    edges: dict[tuple[str, str], None] = {}  # each once, in order
    before = [sorted({group_of[member] for member in members}) for members in graph.sets]
    after: list[set[int]] = [set() for _ in graph.sets]
    for job, sets in enumerate(graph.waits):
        for one in sets:
            after[one].add(group_of[job])
    for number, (sources, targets) in enumerate(zip(before, map(sorted, after), strict=True)):
        if len(sources) > 1 and len(targets) > 1:
            point = f"p{number}"
            nodes.append(Node(point, "", 0, None))
            edges.update({(f"n{source}", point): None for source in sources})
            edges.update({(point, f"n{target}"): None for target in targets})
        else:
            edges.update({(f"n{source}", f"n{target}"): None for source in sources for target in targets})
    return Drawing(nodes, sorted(edges, key=_order))


def waves(graph: Graph) -> dict[str, int]:
    """For the nodes of a drawing by families: the first wave (from 0) in which a job of each can run."""
    wave_of = order(graph).wave_of
    groups = families(graph.names).values()
    return {f"n{number}": min(wave_of[member] for member in members) for number, members in enumerate(groups)}


def _order(edge: tuple[str, str]) -> tuple[tuple[str, int], tuple[str, int]]:
    (source, target) = edge
    return (source[0], int(source[1:])), (target[0], int(target[1:]))


def _counts(graph: Graph, members: Sequence[int]) -> dict[str, int] | None:
    return None if graph.statuses is None else dict(Counter(graph.statuses[member] for member in members))


def dot(graph: Graph, drawing: Drawing) -> Iterator[str]:
    """Lines in the language of Graphviz."""
    yield f"digraph {_dot_text(graph.name)} {{"
    yield "  rankdir=LR;"
    yield '  node [shape=box, style="rounded,filled", fillcolor="#ffffff", fontname="sans-serif"];'
    for node in drawing.nodes:
        if not node.jobs:
            yield f"  {node.id} [shape=point];"
            continue
        colour = "" if node.worst is None else f', fillcolor="{_CLASSES[JobStatus(node.worst)][1]}"'
        # A line break is an escape of its own, and must not be escaped.
        label = "\\n".join(map(_dot_escaped, _label(node)))
        yield f'  {node.id} [label="{label}"{colour}];'
    for source, target in drawing.edges:
        yield f"  {source} -> {target};"
    yield "}"


def _dot_text(text: str) -> str:
    return f'"{_dot_escaped(text)}"'


def _dot_escaped(text: str) -> str:
    # Labels know backslashes (\N is the node's name) and entities of HTML (&amp;).
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")


def mermaid(drawing: Drawing) -> Iterator[str]:
    """Lines of a Mermaid flowchart."""
    yield "flowchart LR"
    used: dict[str, str] = {}
    for node in drawing.nodes:
        if not node.jobs:
            yield f"  {node.id}(( ))"
            continue
        style = ""
        if node.worst is not None:
            name, colour = _CLASSES[JobStatus(node.worst)]
            used[name] = colour
            style = f":::{name}"
        yield f'  {node.id}["{"<br/>".join(map(_mermaid_escaped, _label(node)))}"]{style}'
    for source, target in drawing.edges:
        yield f"  {source} --> {target}"
    for name, colour in used.items():
        yield f"  classDef {name} fill:{colour},stroke:#555,color:#000"


def _mermaid_escaped(text: str) -> str:
    """Whatever Mermaid, Markdown or HTML could act on as the number of its character."""
    return "".join(c if c.isalnum() or c in " ," or not c.isascii() else f"#{ord(c)};" for c in text)


def _label(node: Node) -> list[str]:
    """Its name; how many jobs it is, and in which states."""
    if node.jobs == 1:
        return [node.name]
    lines = [node.name, f"{node.jobs:,} jobs"]
    if node.counts is not None:
        lines += [f"{count:,} {status}" for status, count in sorted(node.counts.items())]
    return lines


def document(graph: Graph, drawing: Drawing) -> dict[str, Any]:
    """The JSON object of ``graph``."""
    return {
        "source": graph.source,
        "workflow_id": graph.workflow_id,
        "workflow_name": graph.name,
        "nodes": [
            {"id": node.id, "name": node.name or None, "jobs": node.jobs, "jobs_by_status": node.counts}
            for node in drawing.nodes
        ],
        "edges": [{"from": source, "to": target} for source, target in drawing.edges],
    }
