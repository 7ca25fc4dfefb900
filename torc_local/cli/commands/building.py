"""Commands that make workflows, check and draw them."""
# ruff: noqa: PLC0415 - bodies import what they need when they are called

from pathlib import Path
from typing import Annotated

import typer

from torc_local.cli.app import app
from torc_local.cli.options import (
    MOST,
    Answer,
    CpusEach,
    Database,
    Drawing,
    MemoryEach,
    OutputDir,
    RuntimeEach,
    Spec,
    SpecOrWorkflow,
    Target,
    db_of,
    wants_json,
)
from torc_local.ground.errors import InputError
from torc_local.spec.formats import Format as FileFormat


@app.command()
def create(
    context: typer.Context,
    spec: Spec,
    output_dir: OutputDir = None,
    database: Database = None,
    answer: Answer = None,
    *,
    dry_run: Annotated[bool, typer.Option("-n", "--dry-run", help="Only check the file.")] = False,
    skip_checks: Annotated[bool, typer.Option("--skip-checks", hidden=True)] = False,  # noqa: ARG001 - Torc's
) -> int:
    """Store a workflow without running it; print its id."""
    from torc_local.cli.changing import check_file, create_workflow

    if dry_run:
        return check_file(spec, as_json=wants_json(context, answer))
    return create_workflow(db_of(context, database), output_dir, spec, as_json=wants_json(context, answer))


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
    cpus: CpusEach = None,
    memory: MemoryEach = None,
    runtime: RuntimeEach = None,
    database: Database = None,
    answer: Answer = None,
    *,
    dry_run: Annotated[bool, typer.Option("-n", "--dry-run", help="Only show what would be added.")] = False,
) -> int:
    """Add jobs to a workflow, whether it runs, waits or has ended; print their ids and names.

    FILE is like a workflow file with 'jobs' and what they need, a list of jobs, or JSON lines. Jobs may depend on those
    that are there.
    """
    from torc_local.cli.adding import Request, add_jobs

    as_json = wants_json(context, answer)
    return add_jobs(
        db_of(context, database), Request(tuple(words or ()), commands, cpus, memory, runtime, dry_run, as_json)
    )


@app.command("create-from-file", hidden=True)
def create_from_file(
    context: typer.Context,
    workflow: Annotated[int, typer.Argument(metavar="WORKFLOW_ID", min=0, max=MOST)],
    file: Annotated[Path, typer.Argument(metavar="FILE", readable=False)],
    cpus: CpusEach = 1,
    memory: MemoryEach = None,
    runtime: RuntimeEach = None,
    database: Database = None,
    answer: Answer = None,
) -> int:
    """Add one job for each line of a file (Torc)."""
    from torc_local.cli.adding import Request, create_from_file

    request = Request((), file, cpus, memory, runtime, False, wants_json(context, answer))
    return create_from_file(db_of(context, database), workflow, file, request)


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
    answer: Answer = None,
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
    return spawn_file(file, state, lineage, as_json=wants_json(context, answer))


@app.command()
def check(context: typer.Context, spec: Spec, answer: Answer = None) -> int:
    """Say what is wrong with a workflow file; never writes."""
    from torc_local.cli.changing import check_file

    return check_file(spec, as_json=wants_json(context, answer))


app.command("validate", hidden=True)(check)


@app.command()
def plan(
    context: typer.Context, target: SpecOrWorkflow = None, database: Database = None, answer: Answer = None
) -> int:
    """Show in which order jobs can run: wave by wave, and what each asks for. Runs and stores nothing."""
    from torc_local.cli.drawing import show_plan

    return show_plan(db_of(context, database), target, as_json=wants_json(context, answer))


@app.command()
def graph(
    context: typer.Context,
    target: SpecOrWorkflow = None,
    database: Database = None,
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

    chosen = form or (Drawing.JSON if wants_json(context, None) else Drawing.DOT)
    return show_graph(db_of(context, database), target, chosen.value, expand=expand)


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
    target: Target = None,
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", metavar="FILE", help="Where to.  [default: standard output, which is also -]"),
    ] = None,
    logs: Annotated[
        Path | None,
        typer.Option(
            "--logs",
            metavar="FILE",
            readable=False,
            help="Instead, a .tar.gz of what its jobs wrote, its file and the database.",
        ),
    ] = None,
    database: Database = None,
    answer: Answer = None,
    *,
    results: Annotated[
        bool, typer.Option("--results", "--include-results", help="Also how all attempts ended.")
    ] = False,
    events: Annotated[bool, typer.Option("--events", "--include-events", help="Also what has happened.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> int:
    """Write a workflow as a JSON document that Torc and `import` read; --logs packs what its jobs wrote instead."""
    if logs is not None:
        from torc_local.cli.bundling import bundle_logs

        if output is not None or results or events:
            raise InputError(
                "--logs writes another file than the rest of export", hint="leave out -o, --results, --events"
            )
        return bundle_logs(
            db_of(context, database), target, logs, None, force=force, as_json=wants_json(context, answer)
        )
    if answer is not None:
        raise InputError("-f is for --logs: export writes JSON")
    from torc_local.cli.portable import export_workflow

    return export_workflow(db_of(context, database), target, output, results=results, events=events, force=force)


@app.command("import")
def import_(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="What `export` wrote; - is standard input.")],
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="Another name for the workflow.")] = None,
    database: Database = None,
    answer: Answer = None,
) -> int:
    """Make a new workflow from an exported one, Torc's or our own; nothing of it has run. Print its id."""
    from torc_local.cli.portable import import_workflow

    return import_workflow(db_of(context, database), file, name, as_json=wants_json(context, answer))
