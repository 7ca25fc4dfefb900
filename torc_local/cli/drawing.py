"""``plan`` and ``graph``: the order of a workflow's jobs, from a file or from a database."""

from pathlib import Path

from torc_local.cli import answer, place
from torc_local.cli.looking import open_workflow
from torc_local.engine import graph
from torc_local.engine.graph import Graph
from torc_local.ground.errors import ExitCode
from torc_local.report import drawing, plan


def show_plan(option: Path | None, word: str | None, *, as_json: bool) -> int:
    """``plan``."""
    found = _graph(option, word)
    if as_json:
        answer.large_document(plan.document(found))
    else:
        answer.lines(plan.screen(found))
    return ExitCode.OK


def show_graph(option: Path | None, word: str | None, form: str, *, expand: bool) -> int:
    """``graph``."""
    found = _graph(option, word)
    drawn = drawing.draw(found, expand=expand)
    if form == "json":
        answer.large_document(drawing.document(found, drawn))
    else:
        answer.lines(drawing.mermaid(drawn) if form == "mermaid" else drawing.dot(found, drawn))
    return ExitCode.OK


def _graph(option: Path | None, word: str | None) -> Graph:
    spec = place.target(word).spec
    if spec is not None:
        from torc_local.spec.load import load  # noqa: PLC0415 - loaded when needed

        return graph.from_spec(load(spec))
    with open_workflow(option, word) as (db, workflow):
        return graph.from_database(db, workflow)
