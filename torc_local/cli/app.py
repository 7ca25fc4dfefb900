"""The commands and their options. Bodies import what they need when they are called, so that help stays fast."""
# ruff: noqa: PLC0415

import enum
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from torc_local.cli import absent
from torc_local.cli.helping import EPILOG
from torc_local.cli.words import Commands, did_you_mean
from torc_local.ground.durability import Durability
from torc_local.ground.errors import ExitCode, InputError
from torc_local.spec.formats import Format as FileFormat


class Format(enum.StrEnum):
    """How a command answers on standard output."""

    TABLE = "table"
    JSON = "json"


class Drawing(enum.StrEnum):
    """The language in which a graph is written."""

    DOT = "dot"
    MERMAID = "mermaid"
    JSON = "json"


class Records(enum.StrEnum):
    """What can be listed under Torc's names."""

    RESOURCE_REQUIREMENTS = "resource-requirements"
    FAILURE_HANDLERS = "failure-handlers"
    EVENTS = "events"
    FILES = "files"
    COMPUTE_NODES = "compute-nodes"
    JOB_JOB = "job-job"
    JOB_FILE = "job-file"
    JOB_USER_DATA = "job-user-data"


class ProgressStyle(enum.StrEnum):
    """How ``run`` shows on standard error how far it is."""

    AUTO = "auto"
    BAR = "bar"
    LINES = "lines"
    JSON = "json"
    NONE = "none"


class Common(NamedTuple):
    """Options that may stand in front of the command."""

    database: Path | None = None
    format: Format | None = None


app = typer.Typer(
    name="torc-local",
    cls=Commands,
    help="Run very many jobs with dependencies on this machine, without a server.",
    epilog=EPILOG,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
_report = typer.Typer(rich_markup_mode=None, help="Figures of a run: scale.")
app.add_typer(_report, name="report")
_db_commands = typer.Typer(
    rich_markup_mode=None, help="Copy, check, shrink or share the database: snapshot, check, vacuum, share, unshare."
)
app.add_typer(_db_commands, name="db")
_files = typer.Typer(rich_markup_mode=None, help="Files of a workflow: list, list-required-existing.")
app.add_typer(_files, name="files")
_user_data = typer.Typer(rich_markup_mode=None, help="Small data that jobs exchange: get, put, list, list-missing.")
app.add_typer(_user_data, name="user-data")

_actions = typer.Typer(rich_markup_mode=None, help="Actions of a workflow: list.")
app.add_typer(_actions, name="actions")

#: The largest number that an option takes: what SQLite cannot hold is a slip of the fingers.
_MOST = 1_000_000_000

# The variable TORC_LOCAL_DB is read in place.py, which also needs it for hints.
_Database = Annotated[
    Path | None,
    typer.Option(
        "--db",
        metavar="PATH",
        readable=False,  # whether it is, is found out when it is opened, and told with what to do about it
        help="Database.  [env: TORC_LOCAL_DB; default: torc_output/torc.db]",
    ),
]
_Format = Annotated[
    Format | None, typer.Option("-f", "--format", help="Answer for people or for programs.  [default: table]")
]
_Workflow = Annotated[str | None, typer.Argument(metavar="TARGET", help="Id of a workflow, or a database.")]
_OfWorkflow = Annotated[
    int | None,
    typer.Option("-w", "--workflow", min=0, max=_MOST, metavar="ID", help="The workflow.  [default: the only one]"),
]
_Spec = Annotated[str, typer.Argument(metavar="SPEC", help="Workflow file; - is standard input.")]
_Limit = Annotated[
    int | None, typer.Option("-l", "--limit", min=0, max=_MOST, metavar="N", help="At most so many lines.")
]
_OutputDir = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output-dir",
        metavar="DIR",
        readable=False,
        help="Where output of jobs goes.  [default: beside the database]",
    ),
]


def call(words: Sequence[str]) -> int:
    """Run the command that ``words`` name; its exit code. Raises TorcLocalError, also for unknown words."""
    root: Any = typer.main.get_command(app)
    try:
        with root.make_context("torc-local", list(words)) as context:
            code = root.invoke(context)
    except typer.Exit as done:
        return done.exit_code
    except _UsageError as error:
        raise _in_our_words(error) from None
    return code if isinstance(code, int) else ExitCode.OK


# Newer releases of Typer have their own copy of click, so its base of all usage errors is found by family.
_UsageError: Any = typer.BadParameter.__mro__[1]


def _in_our_words(error: Any) -> InputError:  # noqa: ANN401 - click's types differ by release
    message = (
        str(error.format_message()).rstrip(".").replace("Value error, ", "").replace("Input should be", "should be")
    )
    context = error.ctx
    option = getattr(error, "option_name", None)
    hint = None
    if type(error).__name__ == "NoSuchOption" and context is not None and option is not None:
        if option in absent.OPTIONS:
            hint = "there is no server here: leave it out; --db names the database"
        known = [name for parameter in context.command.params for name in parameter.opts if name.startswith("-")]
        message = f"{context.command_path} has no option '{option}'"
        hint = hint or did_you_mean(option, [*known, "--help"])
    if hint is None and context is not None:
        hint = f"{context.command_path} --help"
    return InputError(message[:1].lower() + message[1:], hint=hint)


def _print_version(wanted: bool) -> None:
    if wanted:
        from torc_local import __version__

        print(f"torc-local {__version__}")
        raise typer.Exit


def _place(shared: bool | None) -> None:
    """Let this process and its children take the file system for shared, or for local, whatever it looks like."""
    if shared is not None:
        import os

        from torc_local.store import mounts

        os.environ[mounts.VARIABLE] = (mounts.Use.SHARED if shared else mounts.Use.LOCAL).value


_Shared = Annotated[
    bool | None,
    typer.Option(
        "--shared/--local",
        show_default=False,
        help="Whether several machines have the file system mounted.  [default: found out]",
    ),
]


@app.callback()
def root(
    context: typer.Context,
    database: _Database = None,
    answer: _Format = None,
    *,
    version: Annotated[  # noqa: ARG001 - its callback does it
        bool,
        typer.Option("-V", "--version", is_eager=True, callback=_print_version, help="Print the version and exit."),
    ] = False,
    shared: _Shared = None,
    standalone: Annotated[bool, typer.Option("-s", "--standalone", hidden=True)] = False,  # noqa: ARG001 - Torc's
    no_prompts: Annotated[bool, typer.Option("--no-prompts", hidden=True)] = False,  # noqa: ARG001 - Torc's
) -> None:
    """Options that are the same for every command."""
    _place(shared)
    context.obj = Common(database, answer)


def _db(context: typer.Context, option: Path | None) -> Path | None:
    common = context.find_object(Common) or Common()
    return option or common.database


def _json(context: typer.Context, option: Format | None) -> bool:
    common = context.find_object(Common) or Common()
    return (option or common.format) is Format.JSON


_Jobs = Annotated[
    int | None,
    typer.Option(
        "-j",
        "--jobs",
        "--max-parallel-jobs",
        "--num-parallel-processes",
        min=1,
        max=100_000,
        metavar="N",
        help="Run N jobs at once whatever they ask for.  [default: as many as cpus, memory and gpus allow]",
    ),
]
_Runners = Annotated[
    int | None,
    typer.Option("--runners", min=1, max=10_000, metavar="N", help="Runner processes.  [default: one per CPU]"),
]
_Cpus = Annotated[
    int | None,
    typer.Option("--cpus", "--num-cpus", min=1, max=_MOST, metavar="N", help="CPUs to use.  [default: all]"),
]
_Memory = Annotated[str | None, typer.Option("--memory", metavar="SIZE", help="Memory to use, such as 64g.")]
_Gpus = Annotated[str | None, typer.Option("--gpus", "--num-gpus", metavar="N|LIST", help="GPUs to use: 2, or 0,1.")]
_Progress = Annotated[ProgressStyle, typer.Option("--progress", help="How to show progress.")]
_Grace = Annotated[
    float, typer.Option("--grace", min=0, metavar="SECONDS", help="After Ctrl-C, time for running jobs to end.")
]
_TimeLimit = Annotated[
    str | None,
    typer.Option("--time-limit", metavar="DURATION", help="Stop after so long, such as 2h; jobs must fit in."),
]


@app.command()
def run(
    context: typer.Context,
    target: Annotated[
        str | None, typer.Argument(metavar="TARGET", help="Workflow file, id of a workflow, or a database.")
    ] = None,
    jobs: _Jobs = None,
    runners: _Runners = None,
    cpus: _Cpus = None,
    memory: _Memory = None,
    memory_gb: Annotated[float | None, typer.Option("--memory-gb", hidden=True)] = None,
    gpus: _Gpus = None,
    output_dir: _OutputDir = None,
    database: _Database = None,
    answer: _Format = None,
    progress: _Progress = ProgressStyle.AUTO,
    grace: _Grace = 30.0,
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
    time_limit: _TimeLimit = None,
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
    contention: Annotated[
        bool,
        typer.Option("--contention", help="Stress the queue: claim and settle jobs in a scratch database, run none."),
    ] = False,
    batch: Annotated[int | None, typer.Option("--batch", min=1, max=1000, hidden=True)] = None,
    journal: Annotated[str | None, typer.Option("--journal", hidden=True)] = None,
    no_turnstile: Annotated[bool, typer.Option("--no-turnstile", hidden=True)] = False,
    poll_interval: Annotated[float | None, typer.Option("--poll-interval", hidden=True)] = None,  # noqa: ARG001 - Torc's
) -> int:
    """Run a workflow here until it is done; go on where it stopped.

    Given a file, this makes the workflow first, unless the database has it already. While another `run` works on it,
    this one helps. Jobs that failed run again. Ctrl-C stops gently, a second one at once; nothing is lost.
    """
    if grace != grace:  # noqa: PLR0124 - "nan" is a number to Python, and neither long nor short
        raise InputError("invalid value for '--grace': nan is no number of seconds", hint="torc-local run --help")
    if contention:
        from torc_local.cli.contention import Asked, run_contention

        return run_contention(
            Asked(
                target=target,
                database=_db(context, database),
                output_dir=output_dir,
                jobs=jobs,
                runners=runners,
                batch=batch,
                journal=journal,
                durability=durability,
                turnstile=not no_turnstile,
                progress=progress.value,
                as_json=_json(context, answer),
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
            database=_db(context, database),
            progress=progress.value,
            grace_s=grace,
            fresh=fresh,
            retry_failed=retry_failed,
            refresh=refresh,
            turnstile=not no_turnstile,
            durability=durability,
            force=force,
            as_json=_json(context, answer),
            time_limit=time_limit,
            limit_memory=limits and memory_limits,
            limit_runtime=limits and runtime_limits,
        )
    )


_Select = Annotated[
    list[str] | None,
    typer.Argument(metavar="SELECT", help="Jobs: names, patterns such as 'sim_*', ids such as 1,5-8; - reads them."),
]
_States = Annotated[
    str | None, typer.Option("-s", "--status", metavar="STATES", help="Only these, such as failed,canceled.")
]
_Failed = Annotated[bool, typer.Option("--failed", help="Only failed and terminated ones.")]
_ReturnCode = Annotated[
    int | None,
    typer.Option("--return-code", min=-_MOST, max=_MOST, metavar="N", help="Only those that ended with it last."),
]
_Regex = Annotated[str | None, typer.Option("--regex", metavar="REGEX", help="Only those in whose name it is found.")]
_DryRun = Annotated[bool, typer.Option("-n", "--dry-run", help="Only say what would happen.")]
_Yes = Annotated[bool, typer.Option("-y", "--yes", "--no-prompts", help="Do not ask.")]


@app.command()
def join(
    context: typer.Context,
    target: _Workflow = None,
    jobs: _Jobs = None,
    runners: _Runners = None,
    cpus: _Cpus = None,
    memory: _Memory = None,
    gpus: _Gpus = None,
    output_dir: _OutputDir = None,
    database: _Database = None,
    answer: _Format = None,
    progress: _Progress = ProgressStyle.AUTO,
    grace: _Grace = 30.0,
    time_limit: _TimeLimit = None,
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
            database=_db(context, database),
            progress=progress.value,
            grace_s=grace,
            fresh=False,
            retry_failed=False,
            refresh=False,
            turnstile=True,
            durability=Durability.NORMAL,
            force=False,
            as_json=_json(context, answer),
            time_limit=time_limit,
            limit_memory=True,
            limit_runtime=True,
        )
    )


@app.command()
def cancel(
    context: typer.Context,
    select: _Select = None,
    states: _States = None,
    return_code: _ReturnCode = None,
    regex: _Regex = None,
    workflow: _OfWorkflow = None,
    database: _Database = None,
    answer: _Format = None,
    *,
    failed: _Failed = False,
    dry_run: _DryRun = False,
) -> int:
    """Stop a workflow, or some of its jobs, on all nodes; what runs is ended.

    Without SELECT the workflow. A lone number is the id of a workflow, as in Torc; with -w it is that of a job. What
    waits for a canceled job is canceled, too, unless it says otherwise.
    """
    from torc_local.cli.changing import cancel_some
    from torc_local.cli.selecting import Asked

    asked = Asked(tuple(select or ()), states, failed, return_code, regex)
    return cancel_some(_db(context, database), workflow, asked, dry_run=dry_run, as_json=_json(context, answer))


@app.command()
def retry(
    context: typer.Context,
    select: _Select = None,
    states: _States = None,
    return_code: _ReturnCode = None,
    regex: _Regex = None,
    workflow: _OfWorkflow = None,
    database: _Database = None,
    answer: _Format = None,
    *,
    failed: _Failed = False,
    dry_run: _DryRun = False,
) -> int:
    """Put jobs back that did not succeed, so that the next run does them again.

    Without SELECT all of them. What comes after them runs again, too, and what they cannot run without; completed jobs
    stay. Says why for each group.
    """
    from torc_local.cli import restarting, selecting

    order = restarting.Order(_db(context, database), workflow, dry_run, _json(context, answer))
    return restarting.retry(order, selecting.Asked(tuple(select or ()), states, failed, return_code, regex))


@app.command()
def reset(
    context: typer.Context,
    select: _Select = None,
    states: _States = None,
    return_code: _ReturnCode = None,
    regex: _Regex = None,
    workflow: _OfWorkflow = None,
    database: _Database = None,
    answer: _Format = None,
    *,
    failed: _Failed = False,
    everything: Annotated[bool, typer.Option("--all", help="All jobs.")] = False,
    dry_run: _DryRun = False,
    yes: _Yes = False,
) -> int:
    """Put jobs back, also completed ones, and everything after them, so that the next run does them again.

    Their attempts and output stay on record.
    """
    from torc_local.cli import restarting, selecting

    order = restarting.Order(_db(context, database), workflow, dry_run, _json(context, answer))
    asked = selecting.Asked(tuple(select or ()), states, failed, return_code, regex)
    return restarting.reset(order, asked, everything=everything, yes=yes)


@app.command("reset-status", hidden=True)
def reset_status(
    context: typer.Context,
    target: _Workflow = None,
    database: _Database = None,
    answer: _Format = None,
    *,
    failed_only: Annotated[bool, typer.Option("--failed-only", help="Only what did not succeed.")] = False,
    reinitialize: Annotated[bool, typer.Option("--reinitialize", "-r", help="Also what has changed.")] = False,
    force: Annotated[bool, typer.Option("--force", hidden=True)] = False,  # noqa: ARG001 - Torc's; what runs is never reset
    dry_run: _DryRun = False,
    yes: _Yes = False,
) -> int:
    """Torc's spelling of retry (--failed-only) and reset --all."""
    from torc_local.cli import place, restarting

    chosen = place.existing(target, _db(context, database))
    order = restarting.Order(chosen.database, chosen.workflow_id, dry_run, _json(context, answer))
    return restarting.reset_status(order, failed_only=failed_only, reinitialize=reinitialize, yes=yes)


@app.command()
def refresh(
    context: typer.Context,
    target: _Workflow = None,
    database: _Database = None,
    answer: _Format = None,
    *,
    force: Annotated[bool, typer.Option("--force", hidden=True)] = False,  # noqa: ARG001 - Torc's
    dry_run: _DryRun = False,
) -> int:
    """Put completed jobs back whose input files or user data have changed, or whose output files are missing.

    What comes after them runs again, too. Given a file that was edited, makes a workflow that takes over
    every completed job that is still the same. `run` does both when it goes on.
    """
    from torc_local.cli import changing, place, restarting

    if (spec := place.target(target).spec) is not None:
        return changing.refresh_file(_db(context, database), spec, dry_run=dry_run, as_json=_json(context, answer))
    chosen = place.existing(target, _db(context, database))
    return restarting.refresh(restarting.Order(chosen.database, chosen.workflow_id, dry_run, _json(context, answer)))


_Workflows = Annotated[list[str] | None, typer.Argument(metavar="ID...", help="Ids of workflows.")]


@app.command()
def delete(
    context: typer.Context,
    ids: _Workflows = None,
    database: _Database = None,
    answer: _Format = None,
    *,
    dry_run: _DryRun = False,
    yes: _Yes = False,
) -> int:
    """Delete workflows with all that is on record of them and the output of their jobs. Asks before.

    Give the room back to the file system with: torc-local db vacuum
    """
    from torc_local.cli import keeping

    return keeping.delete(_db(context, database), ids or [], yes=yes, dry_run=dry_run, as_json=_json(context, answer))


@app.command()
def archive(context: typer.Context, ids: _Workflows = None, database: _Database = None, answer: _Format = None) -> int:
    """Put workflows aside: they are not listed and do not run, and everything stays on record."""
    from torc_local.cli import keeping

    return keeping.archive(_db(context, database), ids or [], archived=True, as_json=_json(context, answer))


@app.command()
def unarchive(
    context: typer.Context, ids: _Workflows = None, database: _Database = None, answer: _Format = None
) -> int:
    """Bring workflows back from the archive."""
    from torc_local.cli import keeping

    return keeping.archive(_db(context, database), ids or [], archived=False, as_json=_json(context, answer))


@app.command()
def create(
    context: typer.Context,
    spec: _Spec,
    output_dir: _OutputDir = None,
    database: _Database = None,
    answer: _Format = None,
    *,
    dry_run: Annotated[bool, typer.Option("-n", "--dry-run", help="Only check the file.")] = False,
) -> int:
    """Store a workflow without running it; print its id."""
    from torc_local.cli.changing import check_file, create_workflow

    if dry_run:
        return check_file(spec, as_json=_json(context, answer))
    return create_workflow(_db(context, database), output_dir, spec, as_json=_json(context, answer))


_CpusEach = Annotated[int | None, typer.Option("--cpus", min=1, max=_MOST, metavar="N", help="CPUs of each command.")]
_MemoryEach = Annotated[
    str | None, typer.Option("--memory", metavar="SIZE", help="Memory of each command, such as 2g.")
]
_RuntimeEach = Annotated[
    str | None, typer.Option("--runtime", metavar="DURATION", help="Run time of each command, such as PT10M.")
]


@app.command()
def add(
    context: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TARGET] [FILE]", help="The workflow, and a file with jobs.  [default: -]"),
    ] = None,
    commands: Annotated[
        Path | None,
        typer.Option("-C", "--commands", metavar="FILE", readable=False, help="One command per line instead."),
    ] = None,
    cpus: _CpusEach = None,
    memory: _MemoryEach = None,
    runtime: _RuntimeEach = None,
    database: _Database = None,
    answer: _Format = None,
    *,
    dry_run: Annotated[bool, typer.Option("-n", "--dry-run", help="Only show what would be added.")] = False,
) -> int:
    """Add jobs to a workflow, whether it runs, waits or has ended; print their ids and names.

    FILE is like a workflow file with 'jobs' and what they need, a list of jobs, or JSON lines. Jobs may depend on those
    that are there.
    """
    from torc_local.cli.adding import Request, add_jobs

    as_json = _json(context, answer)
    return add_jobs(
        _db(context, database), Request(tuple(words or ()), commands, cpus, memory, runtime, dry_run, as_json)
    )


@app.command("create-from-file", hidden=True)
def create_from_file(
    context: typer.Context,
    workflow: Annotated[int, typer.Argument(metavar="WORKFLOW_ID", min=0, max=_MOST)],
    file: Annotated[Path, typer.Argument(metavar="FILE", readable=False)],
    cpus: _CpusEach = 1,
    memory: _MemoryEach = None,
    runtime: _RuntimeEach = None,
    database: _Database = None,
    answer: _Format = None,
) -> int:
    """Add one job for each line of a file (Torc)."""
    from torc_local.cli.adding import Request, create_from_file

    request = Request((), file, cpus, memory, runtime, False, _json(context, answer))
    return create_from_file(_db(context, database), workflow, file, request)


@app.command()
def spawn(
    context: typer.Context,
    file: Annotated[
        str | None, typer.Argument(metavar="FILE", help="List of jobs (JSON, JSON lines or YAML).  [default: -]")
    ] = None,
    state: Annotated[
        str | None, typer.Option("--state", metavar="JSON", help="Kept with this generation, as user data.")
    ] = None,
    lineage: Annotated[
        str | None,
        typer.Option("--lineage", metavar="NAME", help="Which chain of generations.  [default: that of the job]"),
    ] = None,
    answer: _Format = None,
    *,
    generation: Annotated[
        bool, typer.Option("--generation", help="Only print the number of the generation that this job is of.")
    ] = False,
) -> int:
    """Inside a job: add jobs that wait for it. No jobs at all mean that this lineage has converged.

    All of them are added or none. The same names again, from the same job, give back the same ids.
    """
    from torc_local.cli.spawning import show_generation, spawn_file

    if generation:
        return show_generation(lineage)
    return spawn_file(file, state, lineage, as_json=_json(context, answer))


@app.command()
def check(context: typer.Context, spec: _Spec, answer: _Format = None) -> int:
    """Say what is wrong with a workflow file; never writes."""
    from torc_local.cli.changing import check_file

    return check_file(spec, as_json=_json(context, answer))


app.command("validate", hidden=True)(check)


_SpecOrWorkflow = Annotated[
    str | None, typer.Argument(metavar="TARGET", help="Workflow file, id of a workflow, or a database.")
]


@app.command()
def plan(
    context: typer.Context, target: _SpecOrWorkflow = None, database: _Database = None, answer: _Format = None
) -> int:
    """Show in which order jobs can run: wave by wave, and what each asks for. Runs and stores nothing."""
    from torc_local.cli.drawing import show_plan

    return show_plan(_db(context, database), target, as_json=_json(context, answer))


@app.command()
def graph(
    context: typer.Context,
    target: _SpecOrWorkflow = None,
    database: _Database = None,
    form: Annotated[
        Drawing | None, typer.Option("-f", "--format", help="Language of the drawing.  [default: dot]")
    ] = None,
    *,
    expand: Annotated[bool, typer.Option("--expand", help="Every job, not only families of jobs.")] = False,
) -> int:
    """Draw which jobs wait for which, coloured by their states when they are in a database.

    Jobs whose names differ only in numbers are drawn as one. To look at it: torc-local graph | dot -Tsvg > graph.svg
    """
    from torc_local.cli.drawing import show_graph

    chosen = form or (Drawing.JSON if _json(context, None) else Drawing.DOT)
    return show_graph(_db(context, database), target, chosen.value, expand=expand)


@app.command()
def init(
    file: Annotated[str, typer.Argument(metavar="FILE", help="File to write.")] = "workflow.yaml",
    example: Annotated[
        str, typer.Option("--example", metavar="NAME", help="Which one: sweep, files, gpu, handlers, actions, ...")
    ] = "diamond",
    *,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it exists.")] = False,
) -> int:
    """Write a workflow file to begin with."""
    from torc_local.cli.starting import init as write_example

    return write_example(file, example, force=force)


@app.command()
def convert(
    source: Annotated[str, typer.Argument(metavar="IN", help="Workflow file; - is standard input.")],
    written: Annotated[str, typer.Argument(metavar="OUT", help="File to write; - is standard output.")],
    from_: Annotated[
        FileFormat | None, typer.Option("--from", help="Format of IN.  [default: as its suffix says]")
    ] = None,
    to: Annotated[FileFormat | None, typer.Option("--to", help="Format of OUT.  [default: as its suffix says]")] = None,
    *,
    force: Annotated[bool, typer.Option("--force", help="Replace OUT if it exists.")] = False,
) -> int:
    """Write a workflow file in another format: YAML, JSON, JSON5 or KDL. Comments are lost."""
    from torc_local.cli.converting import convert as convert_file

    return convert_file(source, written, from_, to, force=force)


@app.command()
def schema() -> int:
    """Print a JSON Schema of workflow files, for editors."""
    from torc_local.cli.converting import show_schema

    return show_schema()


@app.command("export")
def export_(
    context: typer.Context,
    target: _Workflow = None,
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", metavar="FILE", help="Where to.  [default: standard output, which is also -]"),
    ] = None,
    database: _Database = None,
    *,
    results: Annotated[
        bool, typer.Option("--results", "--include-results", help="Also how all attempts ended.")
    ] = False,
    events: Annotated[bool, typer.Option("--events", "--include-events", help="Also what has happened.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> int:
    """Write a workflow as a JSON document that Torc and `import` read."""
    from torc_local.cli.portable import export_workflow

    return export_workflow(_db(context, database), target, output, results=results, events=events, force=force)


@app.command("import")
def import_(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="What `export` wrote; - is standard input.")],
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="Another name for the workflow.")] = None,
    database: _Database = None,
    answer: _Format = None,
) -> int:
    """Make a new workflow from an exported one, Torc's or our own; nothing of it has run. Print its id."""
    from torc_local.cli.portable import import_workflow

    return import_workflow(_db(context, database), file, name, as_json=_json(context, answer))


@app.command("list")
def list_(
    context: typer.Context,
    database: _Database = None,
    answer: _Format = None,
    *,
    everything: Annotated[bool, typer.Option("--all", "--include-archived", help="Also archived ones.")] = False,
    archived: Annotated[bool, typer.Option("--archived", "--archived-only", help="Only archived ones.")] = False,
) -> int:
    """List the workflows of a database; archived ones only when asked to."""
    from torc_local.cli.looking import show_list

    wanted = {True} if archived else {False, True} if everything else {False}
    return show_list(_db(context, database), wanted, as_json=_json(context, answer))


@app.command()
def status(context: typer.Context, target: _Workflow = None, database: _Database = None, answer: _Format = None) -> int:
    """Show how far a workflow is and what went wrong."""
    from torc_local.cli.looking import show_status

    return show_status(_db(context, database), target, as_json=_json(context, answer))


@app.command()
def jobs(
    context: typer.Context,
    target: _Workflow = None,
    states: Annotated[
        str | None, typer.Option("-s", "--status", metavar="STATES", help="Only these, such as ready,running.")
    ] = None,
    limit: _Limit = None,
    database: _Database = None,
    answer: _Format = None,
    *,
    failed: Annotated[bool, typer.Option("--failed", help="Only failed and terminated ones.")] = False,
) -> int:
    """List jobs."""
    from torc_local.cli.looking import show_jobs

    return show_jobs(
        _db(context, database), target, states=states, failed=failed, limit=limit, as_json=_json(context, answer)
    )


_Job = Annotated[str, typer.Argument(metavar="JOB", help="Name or id of a job.")]
_InWorkflow = Annotated[
    int | None,
    typer.Option(
        "-w", "--workflow", min=0, max=_MOST, metavar="ID", help="The workflow, when several have such a job."
    ),
]


@app.command()
def job(
    context: typer.Context,
    name: _Job,
    workflow: _InWorkflow = None,
    database: _Database = None,
    answer: _Format = None,
) -> int:
    """Show everything about one job."""
    from torc_local.cli.looking import show_job

    return show_job(_db(context, database), name, workflow, as_json=_json(context, answer))


@app.command()
def logs(
    context: typer.Context,
    name: _Job,
    attempt: Annotated[
        int | None,
        typer.Option("--attempt", min=1, max=_MOST, metavar="N", help="This attempt.  [default: the newest]"),
    ] = None,
    workflow: _InWorkflow = None,
    database: _Database = None,
    *,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on until the job ends.")] = False,
    stderr: Annotated[bool, typer.Option("--stderr", help="Standard error instead of standard output.")] = False,
) -> int:
    """Print what a job wrote, byte for byte."""
    from torc_local.cli.logs import print_logs

    return print_logs(_db(context, database), name, workflow, attempt=attempt, follow=follow, stderr=stderr)


@app.command()
def results(
    context: typer.Context,
    target: _Workflow = None,
    limit: _Limit = None,
    database: _Database = None,
    answer: _Format = None,
    *,
    all_runs: Annotated[bool, typer.Option("--all-runs", help="All attempts, not only each job's newest.")] = False,
    failed: Annotated[bool, typer.Option("--failed", help="Only attempts that did not complete.")] = False,
) -> int:
    """List how attempts ended: exit code, time, CPU time, memory."""
    from torc_local.cli.looking import show_results

    return show_results(
        _db(context, database), target, all_runs=all_runs, failed=failed, limit=limit, as_json=_json(context, answer)
    )


@_report.callback(invoke_without_command=True)
def report(context: typer.Context) -> None:
    """Figures of a run: scale."""
    if context.invoked_subcommand is None:
        raise InputError("which report?", hint="torc-local report scale")


@_report.command()
def scale(context: typer.Context, target: _Workflow = None, database: _Database = None, answer: _Format = None) -> int:
    """Show what the newest run cost and where its time went.

    Creation time, database size, wall time, jobs per second, time between rounds, idle time of runners, CPU time,
    transactions, and waits for the database lock. JSON names carry their units: _seconds, _bytes, _per_second;
    counts have none. docs/report-scale.md explains each figure.
    """
    from torc_local.cli.looking import show_scale

    return show_scale(_db(context, database), target, as_json=_json(context, answer))


@app.command()
def doctor(
    context: typer.Context,
    database: _Database = None,
    answer: _Format = None,
    *,
    repair: Annotated[
        bool, typer.Option("--repair", help="First mend what can be mended. Nobody may use the database meanwhile.")
    ] = False,
    benchmark: Annotated[
        bool, typer.Option("--benchmark", help="Also stress the file system for some seconds, beside the database.")
    ] = False,
) -> int:
    """Examine the database and its file system; exit code 4 when something is wrong."""
    from torc_local.cli.looking import show_health

    return show_health(_db(context, database), repair=repair, benchmark=benchmark, as_json=_json(context, answer))


@_db_commands.callback(invoke_without_command=True)
def db_(context: typer.Context) -> None:
    """Copy, check or shrink the database: snapshot, check, vacuum."""
    if context.invoked_subcommand is None:
        raise InputError("do what with the database?", hint="torc-local db snapshot, check, vacuum, share or unshare")


@_db_commands.command("snapshot")
def db_snapshot(
    context: typer.Context,
    copy: Annotated[
        Path | None,
        typer.Argument(metavar="DEST", help="The new file.  [default: beside the database, named by the time in UTC]"),
    ] = None,
    database: _Database = None,
    answer: _Format = None,
) -> int:
    """Copy the database as it is now into a new file, also while jobs run.

    The copy is a database like any other. To go back to it, end all runs, remove torc.db-wal and torc.db-shm if they
    are there, and put the copy in the place of torc.db.
    """
    from torc_local.cli.database import snapshot

    return snapshot(_db(context, database), copy, as_json=_json(context, answer))


@_db_commands.command("check")
def db_check(context: typer.Context, database: _Database = None, answer: _Format = None) -> int:
    """Check every page and every promise of the database; exit code 4 when something is wrong."""
    from torc_local.cli.database import check as check_database

    return check_database(_db(context, database), as_json=_json(context, answer))


@_db_commands.command("share")
def db_share(context: typer.Context, database: _Database = None, answer: _Format = None) -> int:
    """Make the database fit for several machines that mount its file system; it becomes slower. Not while jobs run."""
    from torc_local.cli.database import share

    return share(_db(context, database), shared=True, as_json=_json(context, answer))


@_db_commands.command("unshare")
def db_unshare(context: typer.Context, database: _Database = None, answer: _Format = None) -> int:
    """Make the database fast again, for one machine alone. Not while jobs run."""
    from torc_local.cli.database import share

    return share(_db(context, database), shared=False, as_json=_json(context, answer))


@_db_commands.command("vacuum")
def db_vacuum(context: typer.Context, database: _Database = None, answer: _Format = None) -> int:
    """Give the room of what was deleted back to the file system; not while jobs run."""
    from torc_local.cli.database import vacuum

    return vacuum(_db(context, database), as_json=_json(context, answer))


@_files.callback(invoke_without_command=True)
def files_(context: typer.Context) -> None:
    """Files of a workflow: list, list-required-existing."""
    if context.invoked_subcommand is None:
        raise InputError("do what with files?", hint="torc-local files list")


@_files.command("list")
def files_list(
    context: typer.Context, target: _Workflow = None, database: _Database = None, answer: _Format = None
) -> int:
    """List the files that jobs read and write, and whether they are there."""
    from torc_local.cli.data import list_files

    return list_files(_db(context, database), target, as_json=_json(context, answer))


@_files.command("list-required-existing")
def files_list_required(
    context: typer.Context, target: _Workflow = None, database: _Database = None, answer: _Format = None
) -> int:
    """List paths that must exist: inputs that no job writes, and outputs of completed jobs."""
    from torc_local.cli.data import list_required

    return list_required(_db(context, database), target, as_json=_json(context, answer))


@_actions.callback(invoke_without_command=True)
def actions_(context: typer.Context) -> None:
    """Actions of a workflow: list."""
    if context.invoked_subcommand is None:
        raise InputError("do what with actions?", hint="torc-local actions list")


@_actions.command("list")
def actions_list(
    context: typer.Context, target: _Workflow = None, database: _Database = None, answer: _Format = None
) -> int:
    """List actions, what they wait for, and how they were executed in the newest run."""
    from torc_local.cli.acting import list_actions

    return list_actions(_db(context, database), target, as_json=_json(context, answer))


@_user_data.callback(invoke_without_command=True)
def user_data_(context: typer.Context) -> None:
    """Small data that jobs exchange: get, put, list, list-missing."""
    if context.invoked_subcommand is None:
        raise InputError("do what with user data?", hint="torc-local user-data list")


@_user_data.command("get")
def user_data_get(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME")],
    workflow: _OfWorkflow = None,
    database: _Database = None,
) -> int:
    """Print user data as JSON. Inside a job it is that of the job's workflow."""
    from torc_local.cli.inside import get

    return get(_db(context, database), workflow, name)


@_user_data.command("put", context_settings={"ignore_unknown_options": True})
def user_data_put(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME")],
    value: Annotated[str, typer.Argument(metavar="JSON", help="The new value; - is standard input.")],
    workflow: _OfWorkflow = None,
    database: _Database = None,
) -> int:
    """Write user data that the workflow file declares. Jobs that start later get it."""
    from torc_local.cli.inside import put

    return put(_db(context, database), workflow, name, value)


@_user_data.command("list")
def user_data_list(
    context: typer.Context, target: _Workflow = None, database: _Database = None, answer: _Format = None
) -> int:
    """List user data, what it is now, and which job wrote it."""
    from torc_local.cli.data import list_user_data

    return list_user_data(_db(context, database), target, as_json=_json(context, answer))


@_user_data.command("list-missing")
def user_data_list_missing(
    context: typer.Context, target: _Workflow = None, database: _Database = None, answer: _Format = None
) -> int:
    """List user data that jobs read, that has no data, and that no job writes."""
    from torc_local.cli.data import list_missing

    return list_missing(_db(context, database), target, as_json=_json(context, answer))


@app.command("records", hidden=True)
def records_(
    context: typer.Context,
    kind: Annotated[Records, typer.Argument(metavar="KIND")],
    target: _Workflow = None,
    limit: _Limit = None,
    database: _Database = None,
    answer: _Format = None,
) -> int:
    """List the parts of a workflow: what Torc's `events list`, `job-dependencies job-job` and the like mean."""
    from torc_local.cli.records import list_records

    return list_records(_db(context, database), kind.value, target, limit=limit, as_json=_json(context, answer))


@app.command("record", hidden=True)
def record_(
    context: typer.Context,
    kind: Annotated[Records, typer.Argument(metavar="KIND")],
    which: Annotated[str, typer.Argument(metavar="NAME|ID")],
    workflow: _OfWorkflow = None,
    database: _Database = None,
    answer: _Format = None,
) -> int:
    """Show one part of a workflow: what Torc's `files get` and the like mean."""
    from torc_local.cli.records import get_record

    return get_record(_db(context, database), kind.value, which, workflow, as_json=_json(context, answer))


@app.command("is-complete", hidden=True)
def is_complete_(
    context: typer.Context, target: _Workflow = None, database: _Database = None, answer: _Format = None
) -> int:
    """Say whether nothing of a workflow is left to do, as Torc does: in words, not in the exit code."""
    from torc_local.cli.records import is_complete

    return is_complete(_db(context, database), target, as_json=_json(context, answer))


@app.command("help")
def help_(
    context: typer.Context,
    topic: Annotated[
        str | None, typer.Argument(metavar="TOPIC", help="exit-codes, env, targets, or a command.")
    ] = None,
) -> int:
    """Explain a topic or a command: torc-local help exit-codes."""
    from torc_local.cli import helping

    top: Any = context.parent
    if topic is None:
        print(top.get_help())
        print("\nTopics:\n" + "".join(f"  {line}\n" for line in helping.topics().splitlines()), end="")
    elif topic in helping.TOPICS:
        print(helping.topic(topic), end="")
    elif topic in top.command.commands:
        command = top.command.commands[topic]
        with command.make_context(topic, [], parent=top, resilient_parsing=True) as inner:
            print(command.get_help(inner))
    else:
        known = [*helping.TOPICS, *top.command.commands]
        raise InputError(f"there is no help on '{topic}'", hint=did_you_mean(topic, known) or "torc-local help")
    return ExitCode.OK


@app.command()
def version(
    context: typer.Context,
    answer: _Format = None,
    *,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Also Python, SQLite and the system.")] = False,
) -> int:
    """Print the version."""
    from torc_local.cli.looking import show_version

    return show_version(verbose=verbose, as_json=_json(context, answer))
