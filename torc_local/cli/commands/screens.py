"""Commands that look closely: at one job, at who works, at what happens."""
# ruff: noqa: PLC0415 - bodies import what they need when they are called

from typing import Annotated

import typer

from torc_local.cli.app import app
from torc_local.cli.options import (
    MOST,
    Answer,
    Cpus,
    Database,
    Failed,
    Gpus,
    Jobs,
    Limit,
    ListAnswer,
    ListFormat,
    Memory,
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
    db_of,
    wants_items,
    wants_json,
)
from torc_local.ground.errors import InputError

#: Options of ``watch`` that mean nothing without --recover.
_OF_RECOVERY = (
    "most",
    "memory_multiplier",
    "runtime_multiplier",
    "recovery_hook",
    "retry_unknown",
    "jobs",
    "cpus",
    "memory",
    "gpus",
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
    answer: ListAnswer = None,
    *,
    failed: Failed = False,
) -> int:
    """Say why a job does not run, why it failed, or why it would run again, and what to do about it.

    Of many jobs the first ten are explained, unless --limit says otherwise.
    """
    from torc_local.cli.explaining import explain as explain_jobs
    from torc_local.cli.selecting import Asked

    asked = Asked(tuple(select or ()), states, failed, return_code, regex)
    return explain_jobs(db_of(context, database), workflow, asked, limit=limit, as_json=wants_items(context, answer))


@app.command()
def wait(
    context: typer.Context,
    target: Target = None,
    timeout: Annotated[
        str | None, typer.Option("--timeout", metavar="DURATION", help="Give up after so long, such as 2h.")
    ] = None,
    database: Database = None,
    answer: Answer = None,
) -> int:
    """Wait until a workflow has ended; exit code 0 completed, 1 with failures, 3 work remains.

    It has also ended when it is canceled, or when everybody who worked on it has stopped.
    """
    from torc_local.cli.waiting import wait as wait_for

    return wait_for(db_of(context, database), target, timeout=timeout, as_json=wants_json(context, answer))


@app.command()
def watch(
    context: typer.Context,
    target: Target = None,
    interval: Annotated[
        float | None,
        typer.Option(
            "-i",
            "--interval",
            "--poll-interval",
            min=0.1,
            max=86400,
            metavar="SECONDS",
            help="Between two looks.  [default: 1 on a terminal, otherwise 30]",
        ),
    ] = None,
    most: Annotated[
        int, typer.Option("--max-retries", min=0, max=MOST, metavar="N", help="With --recover: so many times.")
    ] = 3,
    memory_multiplier: MemoryMultiplier = 1.5,
    runtime_multiplier: RuntimeMultiplier = 1.5,
    recovery_hook: RecoveryHook = None,
    jobs: Jobs = None,
    cpus: Cpus = None,
    memory: Memory = None,
    gpus: Gpus = None,
    database: Database = None,
    *,
    recover: Annotated[
        bool, typer.Option("--recover", help="Work on it here when nobody does, and recover what fails.")
    ] = False,
    retry_unknown: RetryUnknown = False,
) -> int:
    """Show the status until the workflow has ended: painted anew on a terminal, a line per change elsewhere.

    With --recover it is brought to its end: while others work on it, they are watched; when nobody does, it runs here
    (-j, --cpus, --memory and --gpus are for that). What was ended for too low a limit runs again with a higher one, as
    `recover` does it. Exit codes are those of `wait`.
    """
    if not recover:
        # By name: which package the type of a source is in depends on the release of typer.
        sources = {name: context.get_parameter_source(name) for name in _OF_RECOVERY}
        named = [name for name, source in sources.items() if source is not None and source.name != "DEFAULT"]
        if named:
            option = "--max-retries" if named[0] == "most" else f"--{named[0].replace('_', '-')}"
            raise InputError(f"{option} is for watch --recover", hint="add --recover, or leave it out")
        from torc_local.cli.waiting import watch as watch_it

        return watch_it(db_of(context, database), target, interval=interval)
    from torc_local.cli import recovering, recovery_loop

    given = {"-j": jobs, "--cpus": cpus, "--memory": memory, "--gpus": gpus}
    return recovery_loop.watch(
        recovery_loop.Loop(
            db_of(context, database),
            target,
            recovering.cure(memory_multiplier, runtime_multiplier, recovery_hook, retry_unknown=retry_unknown),
            most,
            interval,
            [word for option, value in given.items() if value is not None for word in (option, str(value))],
        )
    )


@app.command()
def tui(context: typer.Context, target: Target = None, database: Database = None) -> int:
    """Look at a workflow on the whole screen: jobs, runners, the graph, events, logs; ? there lists the keys.

    It changes nothing but what is asked for and agreed to there. Needs the extra tui.
    """
    from torc_local.cli.full_screen import show

    return show(db_of(context, database), target)


@app.command()
def events(
    context: typer.Context,
    target: Target = None,
    kinds: Annotated[
        str | None, typer.Option("--type", metavar="TYPES", help="Only these, such as job_failed,runner_lost.")
    ] = None,
    tail: Annotated[
        int | None, typer.Option("--tail", min=0, max=MOST, metavar="N", help="Only the last ones of the past.")
    ] = None,
    database: Database = None,
    answer: Annotated[
        ListFormat | None, typer.Option("--format", help="Answer for people or for programs.  [default: table]")
    ] = None,
    *,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on until the workflow has ended.")] = False,
) -> int:
    """Show what has happened to a workflow; -f goes on with what happens. As JSON, -f prints an object per line."""
    from torc_local.cli.waiting import show_events

    return show_events(
        db_of(context, database),
        target,
        follow=follow,
        kinds=kinds,
        tail=tail,
        as_json=wants_items(context, answer),
    )


@app.command()
def runners(
    context: typer.Context,
    target: Target = None,
    database: Database = None,
    answer: ListAnswer = None,
    *,
    all_runs: Annotated[bool, typer.Option("--all-runs", help="Those of earlier runs, too.")] = False,
) -> int:
    """Show who works on a workflow: machines, runner processes, their jobs, and who has died.

    Only runners of this machine are known to have died (LOST); those of others are taken for alive until a run finds
    them silent.
    """
    from torc_local.cli.waiting import show_runners

    return show_runners(db_of(context, database), target, all_runs=all_runs, as_json=wants_items(context, answer))


@app.command()
def sql(
    context: typer.Context,
    query: Annotated[
        str | None, typer.Argument(metavar="QUERY", help="One SELECT on the views; - reads it. Without: lists them.")
    ] = None,
    timeout: Annotated[
        str, typer.Option("--timeout", metavar="DURATION", help="End a query that takes longer.")
    ] = "60s",
    database: Database = None,
    answer: ListAnswer = None,
) -> int:
    """Ask the database in SQL, through the views that stay as they are from version to version. Nothing is changed."""
    from torc_local.cli.querying import sql as ask

    return ask(db_of(context, database), query, timeout=timeout, as_items=wants_items(context, answer))
