"""What commands have in common: the types of their options, and what may stand in front of every command."""

import enum
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from torc_local.cli import answer
from torc_local.ground.errors import InputError


class Format(enum.StrEnum):
    """How a command answers on standard output."""

    TABLE = "table"
    JSON = "json"


class ReportFormat(enum.StrEnum):
    """How a report is written."""

    HTML = "html"
    TEXT = "text"
    MD = "md"
    JSON = "json"


class ListFormat(enum.StrEnum):
    """How a list answers on standard output."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    TSV = "tsv"
    MD = "md"
    NAMES = "names"


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
    format: ListFormat | None = None


#: The largest number that an option takes: what SQLite cannot hold is a slip of the fingers.
MOST = 1_000_000_000

# The variable TORC_LOCAL_DB is read in place.py, which also needs it for hints.
Database = Annotated[
    Path | None,
    typer.Option(
        "--db",
        metavar="PATH",
        readable=False,  # whether it is, is found out when it is opened, and told with what to do about it
        help="Database.  [env: TORC_LOCAL_DB; default: torc_output/torc.db]",
    ),
]

Answer = Annotated[
    Format | None, typer.Option("-f", "--format", help="Answer for people or for programs.  [default: table]")
]

ListAnswer = Annotated[
    ListFormat | None, typer.Option("-f", "--format", help="Answer for people or for programs.  [default: table]")
]

Target = Annotated[str | None, typer.Argument(metavar="TARGET", help="Id of a workflow, or a database.")]

OfWorkflow = Annotated[
    int | None,
    typer.Option("-w", "--workflow", min=0, max=MOST, metavar="ID", help="The workflow.  [default: the only one]"),
]

Spec = Annotated[str, typer.Argument(metavar="SPEC", help="Workflow file; - is standard input.")]

Limit = Annotated[
    int | None, typer.Option("-l", "--limit", min=0, max=MOST, metavar="N", help="At most so many lines.")
]

OutputDir = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output-dir",
        metavar="DIR",
        readable=False,
        help="Where output of jobs goes.  [default: beside the database]",
    ),
]


def db_of(context: typer.Context, option: Path | None) -> Path | None:
    """The database that was named, after the command or in front of it."""
    common = context.find_object(Common) or Common()
    return option or common.database


def wants_json(context: typer.Context, option: Format | None) -> bool:
    """Whether programs are to be answered, with one document. Raises InputError for formats that only lists have."""
    common = context.find_object(Common) or Common()
    chosen = str(option or common.format or Format.TABLE)
    if chosen not in list(map(str, Format)):
        raise InputError(f"{context.command_path} answers as table or json, not as {chosen}: it is no list")
    answer.use(answer.JSON)
    return chosen == Format.JSON


def report_format(context: typer.Context, option: ReportFormat | None) -> ReportFormat | None:
    """How a report is wanted; None when nobody said. Raises InputError for formats that only lists have."""
    common = context.find_object(Common) or Common()
    if option is not None or common.format is None:
        return option
    if common.format is ListFormat.TABLE:
        return ReportFormat.TEXT
    if common.format is ListFormat.JSON:
        return ReportFormat.JSON
    if common.format is ListFormat.MD:
        return ReportFormat.MD
    raise InputError(f"a report is written as html, text, md or json, not as {common.format}: it is no list")


def wants_items(context: typer.Context, option: ListFormat | None) -> bool:
    """Whether programs are to be answered, with a list in the format that they want; it is printed in that."""
    common = context.find_object(Common) or Common()
    chosen = option or common.format or ListFormat.TABLE
    answer.use(answer.JSON if chosen is ListFormat.TABLE else chosen.value)
    return chosen is not ListFormat.TABLE


Jobs = Annotated[
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

Runners = Annotated[
    int | None,
    typer.Option("--runners", min=1, max=10_000, metavar="N", help="Runner processes.  [default: one per CPU]"),
]

Cpus = Annotated[
    int | None,
    typer.Option("--cpus", "--num-cpus", min=1, max=MOST, metavar="N", help="CPUs to use.  [default: all]"),
]

Memory = Annotated[str | None, typer.Option("--memory", metavar="SIZE", help="Memory to use, such as 64g.")]

Gpus = Annotated[str | None, typer.Option("--gpus", "--num-gpus", metavar="N|LIST", help="GPUs to use: 2, or 0,1.")]

Progress = Annotated[ProgressStyle, typer.Option("--progress", help="How to show progress.")]

Grace = Annotated[
    float, typer.Option("--grace", min=0, metavar="SECONDS", help="After Ctrl-C, time for running jobs to end.")
]

TimeLimit = Annotated[
    str | None,
    typer.Option(
        "--time-limit", metavar="DURATION", help="Stop after so long, such as 2h; auto: when the Slurm allocation ends."
    ),
]

Monitored = Annotated[
    bool,
    typer.Option("--resource-monitoring/--no-resource-monitoring", help="Measure what jobs use, as the workflow says."),
]
SampleInterval = Annotated[
    float | None,
    typer.Option(
        "--sample-interval",
        metavar="SECONDS",
        min=0.1,
        max=86400,
        help="How often; by default as the workflow says.",
    ),
]

TimeSeries = Annotated[
    bool, typer.Option("--time-series", help="Also keep all samples, of jobs and of the node, for `plot`.")
]

Select = Annotated[
    list[str] | None,
    typer.Argument(metavar="SELECT", help="Jobs: names, patterns such as 'sim_*', ids such as 1,5-8; - reads them."),
]

States = Annotated[
    str | None, typer.Option("-s", "--status", metavar="STATES", help="Only these, such as failed,canceled.")
]

Failed = Annotated[bool, typer.Option("--failed", help="Only failed and terminated ones.")]

ReturnCode = Annotated[
    int | None,
    typer.Option("--return-code", min=-MOST, max=MOST, metavar="N", help="Only those that ended with it last."),
]

Regex = Annotated[str | None, typer.Option("--regex", metavar="REGEX", help="Only those in whose name it is found.")]

DryRun = Annotated[bool, typer.Option("-n", "--dry-run", help="Only say what would happen.")]

Yes = Annotated[bool, typer.Option("-y", "--yes", "--no-prompts", help="Do not ask.")]

Workflows = Annotated[list[str] | None, typer.Argument(metavar="ID...", help="Ids of workflows.")]

CpusEach = Annotated[int | None, typer.Option("--cpus", min=1, max=MOST, metavar="N", help="CPUs of each command.")]

MemoryEach = Annotated[str | None, typer.Option("--memory", metavar="SIZE", help="Memory of each command, such as 2g.")]

RuntimeEach = Annotated[
    str | None, typer.Option("--runtime", metavar="DURATION", help="Run time of each command, such as PT10M.")
]

SpecOrWorkflow = Annotated[
    str | None, typer.Argument(metavar="TARGET", help="Workflow file, id of a workflow, or a database.")
]

Job = Annotated[str, typer.Argument(metavar="JOB", help="Name or id of a job.")]

InWorkflow = Annotated[
    int | None,
    typer.Option("-w", "--workflow", min=0, max=MOST, metavar="ID", help="The workflow, when several have such a job."),
]

MemoryMultiplier = Annotated[
    float, typer.Option("--memory-multiplier", metavar="X", help="Memory becomes X times what was not enough.")
]

RuntimeMultiplier = Annotated[float, typer.Option("--runtime-multiplier", metavar="X", help="The same for run time.")]

RetryUnknown = Annotated[
    bool, typer.Option("--retry-unknown", help="Also jobs that failed for another reason, as they are.")
]

RecoveryHook = Annotated[
    str | None,
    typer.Option(
        "--recovery-hook",
        metavar="COMMAND",
        help="Run it, with the id of the workflow, before these jobs are put back; then they are.",
    ),
]
