"""Commands that work on a workflow, or stop it."""
# ruff: noqa: PLC0415 - bodies import what they need when they are called

from pathlib import Path
from typing import Annotated

import typer

from torc_local.cli.app import app
from torc_local.cli.options import (
    Answer,
    Cpus,
    Database,
    DryRun,
    Failed,
    Gpus,
    Grace,
    Jobs,
    Memory,
    Monitored,
    OfWorkflow,
    OutputDir,
    Progress,
    ProgressStyle,
    Regex,
    ReturnCode,
    Runners,
    SampleInterval,
    Select,
    States,
    Target,
    TimeLimit,
    TimeSeries,
    db_of,
    wants_json,
)
from torc_local.ground.durability import Durability
from torc_local.ground.errors import InputError


@app.command()
def run(
    context: typer.Context,
    target: Annotated[
        str | None, typer.Argument(metavar="TARGET", help="Workflow file, id of a workflow, or a database.")
    ] = None,
    jobs: Jobs = None,
    runners: Runners = None,
    cpus: Cpus = None,
    memory: Memory = None,
    memory_gb: Annotated[float | None, typer.Option("--memory-gb", hidden=True)] = None,
    gpus: Gpus = None,
    output_dir: OutputDir = None,
    database: Database = None,
    answer: Answer = None,
    progress: Progress = ProgressStyle.AUTO,
    grace: Grace = 30.0,
    durability: Annotated[
        Durability,
        typer.Option("--durability", help="What a power loss may cost: the last seconds of records, or none of them."),
    ] = Durability.NORMAL,
    *,
    fresh: Annotated[bool, typer.Option("--fresh", help="Make a new workflow instead of going on.")] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed/--no-retry-failed", help="Run jobs again that did not succeed.")
    ] = True,
    refresh: Annotated[
        bool,
        typer.Option("--refresh/--no-refresh", help="Run completed jobs again whose files or user data have changed."),
    ] = True,
    force: Annotated[bool, typer.Option("--force", help="Run although input files are missing.")] = False,
    time_limit: TimeLimit = None,
    nodes: Annotated[
        Path | None,
        typer.Option(
            "--nodes", metavar="FILE", readable=False, help="Also run on the machines that FILE names, by ssh."
        ),
    ] = None,
    limits: Annotated[
        bool,
        typer.Option("--limits/--no-limits", help="End jobs that use more memory or time than they ask for."),
    ] = True,
    memory_limits: Annotated[
        bool, typer.Option("--memory-limits/--no-memory-limits", hidden=True, help="Likewise, for memory alone.")
    ] = True,
    runtime_limits: Annotated[
        bool, typer.Option("--runtime-limits/--no-runtime-limits", hidden=True, help="Likewise, for run time alone.")
    ] = True,
    monitor: Monitored = True,
    sample_interval: SampleInterval = None,
    time_series: TimeSeries = False,
    junit: Annotated[
        Path | None,
        typer.Option("--junit", metavar="FILE", readable=False, help="At the end, write the jobs as JUnit XML."),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="FILE", readable=False, help="At the end, write a report, such as out.html."),
    ] = None,
    notify: Annotated[
        str | None,
        typer.Option("--notify", metavar="COMMAND", help="At the end, run it, with TORC_STATUS and others set."),
    ] = None,
    contention: Annotated[
        bool,
        typer.Option("--contention", help="Stress the queue: claim and settle jobs in a scratch database, run none."),
    ] = False,
    batch: Annotated[int | None, typer.Option("--batch", min=1, max=1000, hidden=True)] = None,
    journal: Annotated[str | None, typer.Option("--journal", hidden=True)] = None,
    no_turnstile: Annotated[bool, typer.Option("--no-turnstile", hidden=True)] = False,
    skip_checks: Annotated[bool, typer.Option("--skip-checks", hidden=True)] = False,  # noqa: ARG001 - Torc's
    poll_interval: Annotated[float | None, typer.Option("--poll-interval", hidden=True)] = None,  # noqa: ARG001 - Torc's
) -> int:
    """Run a workflow here until it is done; go on where it stopped.

    Given a file, this makes the workflow first, unless the database has it already. While another `run` works on it,
    this one helps. Jobs that failed run again. Ctrl-C stops gently, a second one at once; nothing is lost.
    """
    if grace != grace:  # noqa: PLR0124 - "nan" is a number to Python, and neither long nor short
        raise InputError("invalid value for '--grace': nan is no number of seconds", hint="torc-local run --help")
    if contention and (junit or report or notify):
        raise InputError("--contention runs no jobs: leave out --junit, --report and --notify")
    if contention:
        from torc_local.cli.contention import Asked, run_contention

        return run_contention(
            Asked(
                target=target,
                database=db_of(context, database),
                output_dir=output_dir,
                jobs=jobs,
                runners=runners,
                batch=batch,
                journal=journal,
                durability=durability,
                turnstile=not no_turnstile,
                progress=progress.value,
                as_json=wants_json(context, answer),
            )
        )
    if batch is not None or journal is not None:
        raise InputError("--batch and --journal are for --contention")
    from torc_local.cli.running import Request, run_target

    return run_target(
        Request(
            target=target,
            jobs=jobs,
            runners=runners,
            cpus=cpus,
            memory=memory,
            memory_gb=memory_gb,
            gpus=gpus,
            output_dir=output_dir,
            database=db_of(context, database),
            progress=progress.value,
            grace_s=grace,
            fresh=fresh,
            retry_failed=retry_failed,
            refresh=refresh,
            turnstile=not no_turnstile,
            durability=durability,
            force=force,
            as_json=wants_json(context, answer),
            time_limit=time_limit,
            limit_memory=limits and memory_limits,
            limit_runtime=limits and runtime_limits,
            monitor=monitor,
            sample_interval_s=sample_interval,
            time_series=time_series,
            junit=junit,
            report=report,
            notify=notify,
            nodes=nodes,
        )
    )


@app.command()
def join(
    context: typer.Context,
    target: Target = None,
    jobs: Jobs = None,
    runners: Runners = None,
    cpus: Cpus = None,
    memory: Memory = None,
    gpus: Gpus = None,
    output_dir: OutputDir = None,
    database: Database = None,
    answer: Answer = None,
    progress: Progress = ProgressStyle.AUTO,
    grace: Grace = 30.0,
    time_limit: TimeLimit = None,
    *,
    monitor: Monitored = True,
    sample_interval: SampleInterval = None,
    time_series: TimeSeries = False,
) -> int:
    """Work on a workflow as one node of several; begin it when nobody has.

    Nothing is put back: what did not succeed stays so. Exit code 0 when this node did its part, whatever became of the
    workflow; ask for that with: torc-local status.
    """
    from torc_local.cli.running import Request, join_target

    return join_target(
        Request(
            target=target,
            jobs=jobs,
            runners=runners,
            cpus=cpus,
            memory=memory,
            memory_gb=None,
            gpus=gpus,
            output_dir=output_dir,
            database=db_of(context, database),
            progress=progress.value,
            grace_s=grace,
            fresh=False,
            retry_failed=False,
            refresh=False,
            turnstile=True,
            durability=Durability.NORMAL,
            force=False,
            as_json=wants_json(context, answer),
            time_limit=time_limit,
            limit_memory=True,
            limit_runtime=True,
            monitor=monitor,
            sample_interval_s=sample_interval,
            time_series=time_series,
        )
    )


@app.command()
def cancel(
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
    """Stop a workflow, or some of its jobs, on all nodes; what runs is ended.

    Without SELECT the workflow. A lone number is the id of a workflow, as in Torc; with -w it is that of a job. What
    waits for a canceled job is canceled, too, unless it says otherwise.
    """
    from torc_local.cli.changing import cancel_some
    from torc_local.cli.selecting import Asked

    asked = Asked(tuple(select or ()), states, failed, return_code, regex)
    return cancel_some(db_of(context, database), workflow, asked, dry_run=dry_run, as_json=wants_json(context, answer))
