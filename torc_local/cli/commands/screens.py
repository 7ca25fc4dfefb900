"""Commands that look closely: at one job, at who works, at what happens."""
# ruff: noqa: PLC0415 - bodies import what they need when they are called

import typer

from torc_local.cli.app import app
from torc_local.cli.options import (
    Answer,
    Database,
    Failed,
    Limit,
    OfWorkflow,
    Regex,
    ReturnCode,
    Select,
    States,
    db_of,
    wants_json,
)


@app.command()
def explain(
    context: typer.Context,
    select: Select = None,
    states: States = None,
    return_code: ReturnCode = None,
    regex: Regex = None,
    workflow: OfWorkflow = None,
    limit: Limit = None,
    database: Database = None,
    answer: Answer = None,
    *,
    failed: Failed = False,
) -> int:
    """Say why a job does not run, why it failed, or why it would run again, and what to do about it.

    Of many jobs the first ten are explained, unless --limit says otherwise.
    """
    from torc_local.cli.explaining import explain as explain_jobs
    from torc_local.cli.selecting import Asked

    asked = Asked(tuple(select or ()), states, failed, return_code, regex)
    return explain_jobs(db_of(context, database), workflow, asked, limit=limit, as_json=wants_json(context, answer))
