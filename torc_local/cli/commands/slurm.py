"""Commands that ask Slurm for nodes."""
# ruff: noqa: PLC0415 - bodies import what they need when they are called

from typing import TYPE_CHECKING, Annotated

import typer

from torc_local.cli.app import app
from torc_local.cli.options import MOST, Answer, Database, DryRun, Jobs, OutputDir, Target, db_of, wants_json
from torc_local.ground.errors import InputError

if TYPE_CHECKING:
    from torc_local.cli.slurm import Request

_slurm = typer.Typer(
    rich_markup_mode=None, help="Nodes of a cluster that work on a workflow: submit, generate, status, cancel, usage."
)
app.add_typer(_slurm, name="slurm")

_Nodes = Annotated[
    int | None, typer.Option("-N", "--nodes", min=1, max=MOST, metavar="N", help="Nodes of the allocation.")
]
_Account = Annotated[str | None, typer.Option("-A", "--account", metavar="NAME", help="Whom Slurm charges.")]
_Partition = Annotated[str | None, typer.Option("-p", "--partition", metavar="NAME", help="Partition.")]
_Qos = Annotated[str | None, typer.Option("-q", "--qos", metavar="NAME", help="Quality of service.")]
_Time = Annotated[str | None, typer.Option("-t", "--time", metavar="TIME", help="How long: 2h, or 02:00:00.")]
_Gres = Annotated[str | None, typer.Option("--gres", metavar="LIST", help="Such as gpu:2, on each node.")]
_CpusPerNode = Annotated[
    int | None,
    typer.Option("--cpus", min=1, max=MOST, metavar="N", help="CPUs of each node.  [default: whole nodes]"),
]
_Mem = Annotated[str | None, typer.Option("--mem", metavar="SIZE", help="Memory of each node, as Slurm writes it.")]
_Scheduler = Annotated[
    str | None, typer.Option("--scheduler", metavar="NAME", help="One of the workflow's slurm_schedulers.")
]
_Extra = Annotated[
    list[str] | None,
    typer.Option("-x", "--extra", metavar="OPTION", help="Another option of sbatch: -x --constraint=fast"),
]


@_slurm.callback(invoke_without_command=True)
def slurm_(context: typer.Context) -> None:
    """Nodes of a cluster that work on a workflow: submit, generate, status, cancel, usage."""
    if context.invoked_subcommand is None:
        raise InputError("do what with Slurm?", hint="torc-local slurm submit")


@_slurm.command("submit")
def slurm_submit(
    context: typer.Context,
    target: Target = None,
    nodes: _Nodes = None,
    account: _Account = None,
    partition: _Partition = None,
    qos: _Qos = None,
    time: _Time = None,
    gres: _Gres = None,
    cpus: _CpusPerNode = None,
    mem: _Mem = None,
    scheduler: _Scheduler = None,
    extra: _Extra = None,
    jobs: Jobs = None,
    output_dir: OutputDir = None,
    database: Database = None,
    answer: Answer = None,
    *,
    dry_run: DryRun = False,
) -> int:
    """Ask Slurm for an allocation whose nodes all work on a workflow; -n prints the batch script instead.

    It ends when the workflow is done, or cleanly before its time is over: then submit again, and the rest is done.
    """
    from torc_local.cli.slurm import generate, submit

    asked = {"nodes": nodes, "account": account, "partition": partition, "qos": qos, "time": time}
    asked |= {"gres": gres, "cpus-per-task": cpus, "mem": mem}
    request = _request(context, target, asked, scheduler, extra, jobs, output_dir, database)
    return generate(request) if dry_run else submit(request, as_json=wants_json(context, answer))


@_slurm.command("generate")
def slurm_generate(
    context: typer.Context,
    target: Target = None,
    nodes: _Nodes = None,
    account: _Account = None,
    partition: _Partition = None,
    qos: _Qos = None,
    time: _Time = None,
    gres: _Gres = None,
    cpus: _CpusPerNode = None,
    mem: _Mem = None,
    scheduler: _Scheduler = None,
    extra: _Extra = None,
    jobs: Jobs = None,
    output_dir: OutputDir = None,
    database: Database = None,
) -> int:
    """Print the batch script that submit would hand to sbatch."""
    from torc_local.cli.slurm import generate

    asked = {"nodes": nodes, "account": account, "partition": partition, "qos": qos, "time": time}
    asked |= {"gres": gres, "cpus-per-task": cpus, "mem": mem}
    return generate(_request(context, target, asked, scheduler, extra, jobs, output_dir, database))


@_slurm.command("status")
def slurm_status(
    context: typer.Context, target: Target = None, database: Database = None, answer: Answer = None
) -> int:
    """List the allocations that were asked for, and what has become of them."""
    from torc_local.cli.slurm import show

    return show(db_of(context, database), target, as_json=wants_json(context, answer))


@_slurm.command("cancel")
def slurm_cancel(
    context: typer.Context, target: Target = None, database: Database = None, answer: Answer = None
) -> int:
    """End all allocations of a workflow. What their nodes had begun runs again when somebody goes on."""
    from torc_local.cli.slurm import cancel

    return cancel(db_of(context, database), target, as_json=wants_json(context, answer))


@_slurm.command("usage")
def slurm_usage(context: typer.Context, target: Target = None, database: Database = None, answer: Answer = None) -> int:
    """Show what Slurm has accounted for, where it does."""
    from torc_local.cli.slurm import usage

    return usage(db_of(context, database), target, as_json=wants_json(context, answer))


def _request(
    context: typer.Context,
    target: str | None,
    asked: "dict[str, str | int | None]",
    scheduler: str | None,
    extra: list[str] | None,
    jobs: int | None,
    output_dir: OutputDir,
    database: Database,
) -> "Request":
    from torc_local.cli.slurm import Request

    options = {name: str(value) for name, value in asked.items() if value is not None}
    for option in extra or []:
        if not option.startswith("-") or not option.isprintable():
            raise InputError(f"-x '{option}' is no option of sbatch", hint="write it as one word: -x --constraint=fast")
    return Request(target, db_of(context, database), scheduler, options, extra or [], jobs, output_dir)
