"""Commands on the database as a whole, and on the program."""
# ruff: noqa: PLC0415 - bodies import what they need when they are called

from pathlib import Path
from typing import Annotated, Any

import typer

from torc_local.cli.app import app
from torc_local.cli.options import Answer, Database, db_of, wants_json
from torc_local.cli.words import did_you_mean
from torc_local.ground.errors import ExitCode, InputError

_db_commands = typer.Typer(
    rich_markup_mode=None, help="Copy, check, shrink or share the database: snapshot, check, vacuum, share, unshare."
)
app.add_typer(_db_commands, name="db")


@app.command()
def doctor(
    context: typer.Context,
    database: Database = None,
    answer: Answer = None,
    *,
    repair: Annotated[
        bool, typer.Option("--repair", help="First mend what can be mended. Nobody may use the database meanwhile.")
    ] = False,
    benchmark: Annotated[
        bool, typer.Option("--benchmark", help="Also stress the file system for some seconds, beside the database.")
    ] = False,
    nodes: Annotated[
        bool,
        typer.Option("--nodes", help="Also test its file system with another machine, where the same is called now."),
    ] = False,
) -> int:
    """Examine the database and its file system; exit code 4 when something is wrong.

    With --nodes on two machines at once it says in a minute whether a shared file system is fit: locks, what one sees
    of the other's writes, claims per second. For that no database need be there.
    """
    from torc_local.cli.looking import show_health

    return show_health(
        db_of(context, database), repair=repair, benchmark=benchmark, nodes=nodes, as_json=wants_json(context, answer)
    )


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
    database: Database = None,
    answer: Answer = None,
) -> int:
    """Copy the database as it is now into a new file, also while jobs run.

    The copy is a database like any other. To go back to it, end all runs, remove torc.db-wal and torc.db-shm if they
    are there, and put the copy in the place of torc.db.
    """
    from torc_local.cli.database import snapshot

    return snapshot(db_of(context, database), copy, as_json=wants_json(context, answer))


@_db_commands.command("check")
def db_check(context: typer.Context, database: Database = None, answer: Answer = None) -> int:
    """Check every page and every promise of the database; exit code 4 when something is wrong."""
    from torc_local.cli.database import check as check_database

    return check_database(db_of(context, database), as_json=wants_json(context, answer))


@_db_commands.command("share")
def db_share(context: typer.Context, database: Database = None, answer: Answer = None) -> int:
    """Make the database fit for several machines that mount its file system; it becomes slower. Not while jobs run."""
    from torc_local.cli.database import share

    return share(db_of(context, database), shared=True, as_json=wants_json(context, answer))


@_db_commands.command("unshare")
def db_unshare(context: typer.Context, database: Database = None, answer: Answer = None) -> int:
    """Make the database fast again, for one machine alone. Not while jobs run."""
    from torc_local.cli.database import share

    return share(db_of(context, database), shared=False, as_json=wants_json(context, answer))


@_db_commands.command("vacuum")
def db_vacuum(context: typer.Context, database: Database = None, answer: Answer = None) -> int:
    """Give the room of what was deleted back to the file system; not while jobs run."""
    from torc_local.cli.database import vacuum

    return vacuum(db_of(context, database), as_json=wants_json(context, answer))


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
    answer: Answer = None,
    *,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Also Python, SQLite and the system.")] = False,
) -> int:
    """Print the version."""
    from torc_local.cli.looking import show_version

    return show_version(verbose=verbose, as_json=wants_json(context, answer))
