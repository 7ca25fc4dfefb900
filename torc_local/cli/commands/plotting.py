"""Commands that draw what was measured."""
# ruff: noqa: PLC0415 - bodies import what they need when they are called

import enum
from pathlib import Path
from typing import Annotated

import typer

from torc_local.cli.app import app
from torc_local.cli.options import (
    MOST,
    Database,
    Failed,
    Limit,
    ListAnswer,
    OfWorkflow,
    Regex,
    ReturnCode,
    Select,
    States,
    db_of,
    wants_items,
)
from torc_local.ground.errors import InputError


class _Picture(enum.StrEnum):
    HTML = "html"
    JSON = "json"


@app.command()
def plot(
    context: typer.Context,
    select: Select = None,
    states: States = None,
    return_code: ReturnCode = None,
    regex: Regex = None,
    workflow: OfWorkflow = None,
    run_id: Annotated[
        int | None,
        typer.Option("--run-id", min=0, max=MOST, metavar="N", help="Of this run.  [default: the newest with samples]"),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="FILE", readable=False, help="Write a page (.html) or all samples (.csv, .json)."
        ),
    ] = None,
    limit: Limit = None,
    database: Database = None,
    answer: ListAnswer = None,
    *,
    failed: Failed = False,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE.")] = False,
) -> int:
    """Draw what nodes and jobs used over time: processors and memory, from the samples of `run --time-series`.

    Without SELECT, nodes and the jobs with the most memory.
    """
    from torc_local.cli import plotting
    from torc_local.cli.selecting import Asked

    asked = Asked(tuple(select or ()), states, failed, return_code, regex)
    wish = plotting.Wish(output, force, wants_items(context, answer), limit, run_id)
    return plotting.plot(db_of(context, database), workflow, asked, wish)


@app.command("plot-resources", hidden=True)
def plot_resources(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Time series: resource_metrics_*.db.")],
    output_dir: Annotated[Path, typer.Option("-o", "--output-dir", help="Where to write.")] = Path(),
    job_ids: Annotated[str | None, typer.Option("-j", "--job-ids", metavar="IDS", help="Only these jobs.")] = None,
    prefix: Annotated[str, typer.Option("-p", "--prefix", help="What the file is called.")] = "resource_plot",
    form: Annotated[_Picture, typer.Option("-f", "--format", help="A page, or all samples.")] = _Picture.HTML,
) -> int:
    """Draw the curves of time series that are named (Torc); `plot` finds them by itself."""
    from torc_local.cli.plotting import plot_files

    words = [word.strip() for word in (job_ids or "").split(",") if word.strip()]
    if any(not (word.isascii() and word.isdigit() and len(word) < 19) for word in words):  # noqa: PLR2004 - 64 bits
        raise InputError(f"--job-ids: '{job_ids}' is no list of ids", hint="write 1,2,5")
    return plot_files(files, [int(word) for word in words], output_dir, prefix, form.value)
