"""Commands that only look."""
# ruff: noqa: PLC0415 - bodies import what they need when they are called

from pathlib import Path
from typing import Annotated

import typer

from torc_local.cli.app import app
from torc_local.cli.options import (
    MOST,
    Answer,
    Database,
    DryRun,
    Failed,
    Format,
    InWorkflow,
    Job,
    Limit,
    ListAnswer,
    OfWorkflow,
    Records,
    Regex,
    ReportFormat,
    ReturnCode,
    Select,
    States,
    Target,
    db_of,
    report_format,
    wants_items,
    wants_json,
)
from torc_local.cli.words import WHOLE, ReportWords
from torc_local.ground.errors import InputError

_report = typer.Typer(rich_markup_mode=None, cls=ReportWords, help="Everything about a run, as a page or as text.")
app.add_typer(_report, name="report")


@app.command("list")
def list_(
    context: typer.Context,
    database: Database = None,
    answer: ListAnswer = None,
    *,
    everything: Annotated[bool, typer.Option("--all", "--include-archived", help="Also archived ones.")] = False,
    archived: Annotated[bool, typer.Option("--archived", "--archived-only", help="Only archived ones.")] = False,
) -> int:
    """List the workflows of a database; archived ones only when asked to."""
    from torc_local.cli.looking import show_list

    wanted = {True} if archived else {False, True} if everything else {False}
    return show_list(db_of(context, database), wanted, as_json=wants_items(context, answer))


@app.command()
def status(
    context: typer.Context,
    target: Target = None,
    database: Database = None,
    answer: Answer = None,
    *,
    exit_status: Annotated[
        bool, typer.Option("--exit-status", help="Exit code 0 completed, 1 with failures, 3 work remains.")
    ] = False,
    all_groups: Annotated[bool, typer.Option("--all-groups", help="All families of jobs, however many.")] = False,
) -> int:
    """Show how far a workflow is and what went wrong.

    Jobs whose names differ in numbers only are one group. MEDIAN and P95 are run times of attempts that completed; PEAK
    MEM is the most that any of its attempts used, ASKED the memory that its requirements state; CPU EFF is processor
    time by the processors asked for. ! is worth a look.
    """
    from torc_local.cli.looking import show_status

    return show_status(
        db_of(context, database),
        target,
        as_json=wants_json(context, answer),
        exit_status=exit_status,
        all_groups=all_groups,
    )


_Sort = Annotated[
    str | None, typer.Option("--sort", metavar="COLUMN", help="By a column; -COLUMN has the largest first.")
]
_Columns = Annotated[str | None, typer.Option("--columns", metavar="A,B", help="Only these columns, named as in JSON.")]
_Extreme = Annotated[int | None, typer.Option("--slowest", min=0, max=MOST, metavar="N", help="The N slowest.")]


@app.command()
def jobs(
    context: typer.Context,
    select: Select = None,
    states: Annotated[
        str | None, typer.Option("-s", "--status", metavar="STATES", help="Only these, such as ready,running.")
    ] = None,
    return_code: ReturnCode = None,
    regex: Regex = None,
    workflow: OfWorkflow = None,
    slowest: _Extreme = None,
    largest: Annotated[
        int | None, typer.Option("--largest", min=0, max=MOST, metavar="N", help="The N with the most memory.")
    ] = None,
    sort: _Sort = None,
    columns: _Columns = None,
    limit: Limit = None,
    database: Database = None,
    answer: ListAnswer = None,
    *,
    failed: Annotated[bool, typer.Option("--failed", help="Only failed and terminated ones.")] = False,
    running: Annotated[bool, typer.Option("--running", help="Only running ones, and for how long.")] = False,
) -> int:
    """List jobs: all, or those of SELECT. A lone number is the id of a workflow, as in Torc; with -w that of a job."""
    from torc_local.cli.selecting import Asked
    from torc_local.cli.tables import Extremes, View, show_jobs

    return show_jobs(
        db_of(context, database),
        workflow,
        Asked(tuple(select or ()), states, failed, return_code, regex),
        Extremes(slowest, largest, running),
        View(limit, sort, columns, wants_items(context, answer)),
    )


@app.command()
def job(
    context: typer.Context,
    name: Job,
    workflow: InWorkflow = None,
    database: Database = None,
    answer: Answer = None,
) -> int:
    """Show everything about one job."""
    from torc_local.cli.looking import show_job

    return show_job(db_of(context, database), name, workflow, as_json=wants_json(context, answer))


@app.command()
def logs(
    context: typer.Context,
    select: Select = None,
    attempt: Annotated[
        int | None,
        typer.Option("--attempt", min=1, max=MOST, metavar="N", help="This attempt.  [default: the newest]"),
    ] = None,
    tail: Annotated[
        int | None, typer.Option("--tail", min=0, max=MOST, metavar="N", help="Only the last N lines.")
    ] = None,
    grep: Annotated[
        str | None,
        typer.Option("--grep", metavar="REGEX", help="Only lines in which it is found, with the job's name."),
    ] = None,
    states: States = None,
    return_code: ReturnCode = None,
    regex: Regex = None,
    workflow: InWorkflow = None,
    output_dir: Annotated[
        Path | None, typer.Option("-o", "--output-dir", metavar="DIR", readable=False, hidden=True)
    ] = None,
    database: Database = None,
    answer: Annotated[Format | None, typer.Option("--format", help="How --analyze answers: table or json.")] = None,
    *,
    failed: Failed = False,
    paths: Annotated[
        bool, typer.Option("--paths", help="Where it is instead: job, file, first byte, bytes; tabs between them.")
    ] = False,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on until the job ends.")] = False,
    stderr: Annotated[bool, typer.Option("--stderr", help="Standard error instead of standard output.")] = False,
    analyze: Annotated[
        bool, typer.Option("--analyze", help="Instead, count lines whose meaning is known, of all jobs or of SELECT.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", hidden=True)] = False,
) -> int:
    """Print what a job wrote, byte for byte; of several jobs, each under its name."""
    from torc_local.cli import analyzing
    from torc_local.cli.logs import Shown, print_logs
    from torc_local.cli.selecting import Asked

    shown = Shown(attempt, stderr, tail, grep, paths)
    asked = Asked(tuple(select or ()), states, failed, return_code, regex)
    verb = analyzing.torcs_verb(db_of(context, database), workflow, select or [])
    if verb is not None and verb.word == "bundle":
        from torc_local.cli.bundling import bundle_logs

        return bundle_logs(
            db_of(context, database), verb.target, None, output_dir, force=force, as_json=wants_json(context, answer)
        )
    if output_dir is not None or force:
        raise InputError("-o and --force are for logs bundle", hint="torc-local logs --help")
    if not analyze and verb is None:
        if answer is not None:
            raise InputError("--format is for logs --analyze: output is printed as it is")
        return print_logs(db_of(context, database), workflow, asked, shown, follow=follow)
    if follow or shown != Shown():
        raise InputError("--analyze looks at all that jobs wrote", hint="leave out -f and what chooses lines")
    return analyzing.analyze(
        db_of(context, database),
        workflow,
        asked if verb is None else Asked(),
        None if verb is None else verb.target,
        as_json=wants_json(context, answer),
    )


@app.command()
def results(
    context: typer.Context,
    select: Select = None,
    return_code: ReturnCode = None,
    regex: Regex = None,
    workflow: OfWorkflow = None,
    sort: _Sort = None,
    columns: _Columns = None,
    limit: Limit = None,
    database: Database = None,
    answer: ListAnswer = None,
    *,
    all_runs: Annotated[bool, typer.Option("--all-runs", help="All attempts, not only each job's newest.")] = False,
    failed: Annotated[bool, typer.Option("--failed", help="Only attempts that did not complete.")] = False,
) -> int:
    """List how attempts ended: exit code, time, CPU time, memory. A lone number is the id of a workflow, as in Torc."""
    from torc_local.cli.selecting import Asked
    from torc_local.cli.tables import View, show_results

    return show_results(
        db_of(context, database),
        workflow,
        Asked(tuple(select or ()), None, failed, return_code, regex),
        View(limit, sort, columns, wants_items(context, answer)),
        all_runs=all_runs,
    )


@app.command()
def recommend(
    context: typer.Context,
    target: Target = None,
    write_spec: Annotated[
        Path | None,
        typer.Option(
            "--write-spec", metavar="FILE", readable=False, help="Write the workflow file with what would be right."
        ),
    ] = None,
    memory_multiplier: Annotated[
        float, typer.Option("--memory-multiplier", metavar="X", help="Suggest X times the memory of nearly all.")
    ] = 1.2,
    runtime_multiplier: Annotated[
        float, typer.Option("--runtime-multiplier", metavar="X", help="The same for run time.")
    ] = 1.2,
    database: Database = None,
    answer: Answer = None,
    *,
    apply: Annotated[bool, typer.Option("--apply", help="Let the jobs of the workflow ask for it.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE.")] = False,
    dry_run: DryRun = False,
) -> int:
    """Show what jobs used against what they ask for, and suggest requirements.

    For each set of requirements, over all attempts: memory at most, run time and processors. The YAML is for pasting
    into the workflow file. Attempts that were ended for a limit count as lower bounds. --apply changes what is stored,
    for jobs that run from now on, and only what the file states; --write-spec makes a file of it.
    """
    from torc_local.cli import recommending

    return recommending.recommend(
        recommending.Order(
            db_of(context, database),
            target,
            recommending.margins(memory_multiplier, runtime_multiplier),
            apply,
            write_spec,
            force,
            dry_run,
            wants_json(context, answer),
        )
    )


@app.command("check-resource-utilization", hidden=True)
def check_resource_utilization(
    context: typer.Context,
    target: Target = None,
    run_id: Annotated[int | None, typer.Option("-r", "--run-id", min=1, help="Of this run.")] = None,
    least: Annotated[float, typer.Option("--min-over-utilization", metavar="PERCENT", help="Only above it.")] = 1.0,
    database: Database = None,
    answer: Answer = None,
    *,
    everything: Annotated[bool, typer.Option("-a", "--all", help="Also what stayed below.")] = False,
    include_failed: Annotated[bool, typer.Option("--include-failed", help="Also why jobs may have failed.")] = False,
) -> int:
    """List results that used more than their job asks for (Torc: reports check-resource-utilization)."""
    from torc_local.cli.looking import show_utilization
    from torc_local.report.utilization import Wanted

    wanted = Wanted(run_id, everything, include_failed, least)
    return show_utilization(db_of(context, database), target, wanted, as_json=wants_json(context, answer))


@_report.command(WHOLE)
def report(
    context: typer.Context,
    target: Target = None,
    file: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", readable=False, help="Write it there; - is standard output."),
    ] = None,
    form: Annotated[
        ReportFormat | None,
        typer.Option("-f", "--format", help="[default: as FILE ends; text without FILE]", show_default=False),
    ] = None,
    database: Database = None,
) -> int:
    """Write everything about the newest run into one file, such as report.html.

    What became of it, why jobs failed and what to do, limits to ask for, when and where jobs ran, families, outliers,
    the graph, all jobs, and how each number was obtained. The page needs no network and no server. Text and Markdown
    have the first three parts. docs/report.md explains it; `torc-local report scale` shows what the run cost the queue.
    """
    from torc_local.cli.reporting import show_report

    return show_report(db_of(context, database), target, file, report_format(context, form))


@_report.command()
def scale(context: typer.Context, target: Target = None, database: Database = None, answer: Answer = None) -> int:
    """Show what the newest run cost and where its time went.

    Creation time, database size, wall time, jobs per second, time between rounds, idle time of runners, CPU time,
    transactions, and waits for the database lock. JSON names carry their units: _seconds, _bytes, _per_second;
    counts have none. docs/report-scale.md explains each figure.
    """
    from torc_local.cli.looking import show_scale

    return show_scale(db_of(context, database), target, as_json=wants_json(context, answer))


@app.command("records", hidden=True)
def records_(
    context: typer.Context,
    kind: Annotated[Records, typer.Argument(metavar="KIND")],
    target: Target = None,
    limit: Limit = None,
    database: Database = None,
    answer: ListAnswer = None,
) -> int:
    """List the parts of a workflow: what Torc's `events list`, `job-dependencies job-job` and the like mean."""
    from torc_local.cli.records import list_records

    return list_records(db_of(context, database), kind.value, target, limit=limit, as_json=wants_items(context, answer))


@app.command("record", hidden=True)
def record_(
    context: typer.Context,
    kind: Annotated[Records, typer.Argument(metavar="KIND")],
    which: Annotated[str, typer.Argument(metavar="NAME|ID")],
    workflow: OfWorkflow = None,
    database: Database = None,
    answer: Answer = None,
) -> int:
    """Show one part of a workflow: what Torc's `files get` and the like mean."""
    from torc_local.cli.records import get_record

    return get_record(db_of(context, database), kind.value, which, workflow, as_json=wants_json(context, answer))


@app.command("is-complete", hidden=True)
def is_complete_(
    context: typer.Context, target: Target = None, database: Database = None, answer: Answer = None
) -> int:
    """Say whether nothing of a workflow is left to do, as Torc does: in words, not in the exit code."""
    from torc_local.cli.records import is_complete

    return is_complete(db_of(context, database), target, as_json=wants_json(context, answer))
