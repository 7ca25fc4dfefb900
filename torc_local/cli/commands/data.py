"""Commands on what jobs exchange, and on actions."""
# ruff: noqa: PLC0415 - bodies import what they need when they are called

from typing import Annotated

import typer

from torc_local.cli.app import app
from torc_local.cli.options import Database, ListAnswer, OfWorkflow, Target, db_of, wants_items
from torc_local.ground.errors import InputError

_files = typer.Typer(rich_markup_mode=None, help="Files of a workflow: list, list-required-existing.")
app.add_typer(_files, name="files")


_user_data = typer.Typer(rich_markup_mode=None, help="Small data that jobs exchange: get, put, list, list-missing.")
app.add_typer(_user_data, name="user-data")


_actions = typer.Typer(rich_markup_mode=None, help="Actions of a workflow: list.")
app.add_typer(_actions, name="actions")


@_files.callback(invoke_without_command=True)
def files_(context: typer.Context) -> None:
    """Files of a workflow: list, list-required-existing."""
    if context.invoked_subcommand is None:
        raise InputError("do what with files?", hint="torc-local files list")


@_files.command("list")
def files_list(
    context: typer.Context, target: Target = None, database: Database = None, answer: ListAnswer = None
) -> int:
    """List the files that jobs read and write, and whether they are there."""
    from torc_local.cli.data import list_files

    return list_files(db_of(context, database), target, as_json=wants_items(context, answer))


@_files.command("list-required-existing")
def files_list_required(
    context: typer.Context, target: Target = None, database: Database = None, answer: ListAnswer = None
) -> int:
    """List paths that must exist: inputs that no job writes, and outputs of completed jobs."""
    from torc_local.cli.data import list_required

    return list_required(db_of(context, database), target, as_json=wants_items(context, answer))


@_actions.callback(invoke_without_command=True)
def actions_(context: typer.Context) -> None:
    """Actions of a workflow: list."""
    if context.invoked_subcommand is None:
        raise InputError("do what with actions?", hint="torc-local actions list")


@_actions.command("list")
def actions_list(
    context: typer.Context, target: Target = None, database: Database = None, answer: ListAnswer = None
) -> int:
    """List actions, what they wait for, and how they were executed in the newest run."""
    from torc_local.cli.acting import list_actions

    return list_actions(db_of(context, database), target, as_json=wants_items(context, answer))


@_user_data.callback(invoke_without_command=True)
def user_data_(context: typer.Context) -> None:
    """Small data that jobs exchange: get, put, list, list-missing."""
    if context.invoked_subcommand is None:
        raise InputError("do what with user data?", hint="torc-local user-data list")


@_user_data.command("get")
def user_data_get(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME")],
    workflow: OfWorkflow = None,
    database: Database = None,
) -> int:
    """Print user data as JSON. Inside a job it is that of the job's workflow."""
    from torc_local.cli.inside import get

    return get(db_of(context, database), workflow, name)


@_user_data.command("put", context_settings={"ignore_unknown_options": True})
def user_data_put(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME")],
    value: Annotated[str, typer.Argument(metavar="JSON", help="The new value; - is standard input.")],
    workflow: OfWorkflow = None,
    database: Database = None,
) -> int:
    """Write user data that the workflow file declares. Jobs that start later get it."""
    from torc_local.cli.inside import put

    return put(db_of(context, database), workflow, name, value)


@_user_data.command("list")
def user_data_list(
    context: typer.Context, target: Target = None, database: Database = None, answer: ListAnswer = None
) -> int:
    """List user data, what it is now, and which job wrote it."""
    from torc_local.cli.data import list_user_data

    return list_user_data(db_of(context, database), target, as_json=wants_items(context, answer))


@_user_data.command("list-missing")
def user_data_list_missing(
    context: typer.Context, target: Target = None, database: Database = None, answer: ListAnswer = None
) -> int:
    """List user data that jobs read, that has no data, and that no job writes."""
    from torc_local.cli.data import list_missing

    return list_missing(db_of(context, database), target, as_json=wants_items(context, answer))
