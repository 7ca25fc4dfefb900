"""Commands that change what is on record."""
# ruff: noqa: PLC0415 - bodies import what they need when they are called

from typing import Annotated

import typer

from torc_local.cli.app import app
from torc_local.cli.options import (
    Answer,
    Database,
    DryRun,
    Failed,
    MemoryMultiplier,
    OfWorkflow,
    RecoveryHook,
    Regex,
    RetryUnknown,
    ReturnCode,
    RuntimeMultiplier,
    Select,
    States,
    Target,
    Workflows,
    Yes,
    db_of,
    wants_json,
)


@app.command()
def retry(
    context: typer.Context,
    select: Select = None,
    states: States = None,
    return_code: ReturnCode = None,
    regex: Regex = None,
    workflow: OfWorkflow = None,
    database: Database = None,
    answer: Answer = None,
    *,
    failed: Failed = False,
    dry_run: DryRun = False,
) -> int:
    """Put jobs back that did not succeed, so that the next run does them again.

    Without SELECT all of them. What comes after them runs again, too, and what they cannot run without; completed jobs
    stay. Says why for each group.
    """
    from torc_local.cli import restarting, selecting

    order = restarting.Order(db_of(context, database), workflow, dry_run, wants_json(context, answer))
    return restarting.retry(order, selecting.Asked(tuple(select or ()), states, failed, return_code, regex))


@app.command()
def reset(
    context: typer.Context,
    select: Select = None,
    states: States = None,
    return_code: ReturnCode = None,
    regex: Regex = None,
    workflow: OfWorkflow = None,
    database: Database = None,
    answer: Answer = None,
    *,
    failed: Failed = False,
    everything: Annotated[bool, typer.Option("--all", help="All jobs.")] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> int:
    """Put jobs back, also completed ones, and everything after them, so that the next run does them again.

    Their attempts and output stay on record.
    """
    from torc_local.cli import restarting, selecting

    order = restarting.Order(db_of(context, database), workflow, dry_run, wants_json(context, answer))
    asked = selecting.Asked(tuple(select or ()), states, failed, return_code, regex)
    return restarting.reset(order, asked, everything=everything, yes=yes)


@app.command("reset-status", hidden=True)
def reset_status(
    context: typer.Context,
    target: Target = None,
    database: Database = None,
    answer: Answer = None,
    *,
    failed_only: Annotated[bool, typer.Option("--failed-only", help="Only what did not succeed.")] = False,
    reinitialize: Annotated[bool, typer.Option("--reinitialize", "-r", help="Also what has changed.")] = False,
    force: Annotated[bool, typer.Option("--force", hidden=True)] = False,  # noqa: ARG001 - Torc's; what runs is never reset
    dry_run: DryRun = False,
    yes: Yes = False,
) -> int:
    """Torc's spelling of retry (--failed-only) and reset --all."""
    from torc_local.cli import place, restarting

    chosen = place.existing(target, db_of(context, database))
    order = restarting.Order(chosen.database, chosen.workflow_id, dry_run, wants_json(context, answer))
    return restarting.reset_status(order, failed_only=failed_only, reinitialize=reinitialize, yes=yes)


@app.command()
def refresh(
    context: typer.Context,
    target: Target = None,
    database: Database = None,
    answer: Answer = None,
    *,
    force: Annotated[bool, typer.Option("--force", hidden=True)] = False,  # noqa: ARG001 - Torc's
    dry_run: DryRun = False,
) -> int:
    """Put completed jobs back whose input files or user data have changed, or whose output files are missing.

    What comes after them runs again, too. Given a file that was edited, makes a workflow that takes over
    every completed job that is still the same. `run` does both when it goes on.
    """
    from torc_local.cli import changing, place, restarting

    if (spec := place.target(target).spec) is not None:
        return changing.refresh_file(
            db_of(context, database), spec, dry_run=dry_run, as_json=wants_json(context, answer)
        )
    chosen = place.existing(target, db_of(context, database))
    return restarting.refresh(
        restarting.Order(chosen.database, chosen.workflow_id, dry_run, wants_json(context, answer))
    )


@app.command()
def recover(
    context: typer.Context,
    target: Target = None,
    memory_multiplier: MemoryMultiplier = 1.5,
    runtime_multiplier: RuntimeMultiplier = 1.5,
    recovery_hook: RecoveryHook = None,
    database: Database = None,
    answer: Answer = None,
    *,
    retry_unknown: RetryUnknown = False,
    dry_run: DryRun = False,
) -> int:
    """Raise the limits that jobs were ended at, and put these jobs back, so that the next run does them again.

    Memory and run time are raised for all jobs that ask for the same. Jobs of runners that died are put back, too;
    what failed for another reason is left, unless told otherwise. Says what and why; -n does nothing else.
    """
    from torc_local.cli import recovering

    return recovering.recover(
        recovering.Order(
            db_of(context, database),
            target,
            recovering.cure(memory_multiplier, runtime_multiplier, recovery_hook, retry_unknown=retry_unknown),
            dry_run,
            wants_json(context, answer),
        )
    )


@app.command()
def delete(
    context: typer.Context,
    ids: Workflows = None,
    database: Database = None,
    answer: Answer = None,
    *,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> int:
    """Delete workflows with all that is on record of them and the output of their jobs. Asks before.

    Give the room back to the file system with: torc-local db vacuum
    """
    from torc_local.cli import keeping

    return keeping.delete(
        db_of(context, database), ids or [], yes=yes, dry_run=dry_run, as_json=wants_json(context, answer)
    )


@app.command()
def archive(context: typer.Context, ids: Workflows = None, database: Database = None, answer: Answer = None) -> int:
    """Put workflows aside: they are not listed and do not run, and everything stays on record."""
    from torc_local.cli import keeping

    return keeping.archive(db_of(context, database), ids or [], archived=True, as_json=wants_json(context, answer))


@app.command()
def unarchive(context: typer.Context, ids: Workflows = None, database: Database = None, answer: Answer = None) -> int:
    """Bring workflows back from the archive."""
    from torc_local.cli import keeping

    return keeping.archive(db_of(context, database), ids or [], archived=False, as_json=wants_json(context, answer))
