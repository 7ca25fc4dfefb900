"""The program: options in front of a command, and usage errors in our words. The commands are in ``commands``."""
# ruff: noqa: PLC0415

import enum
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from torc_local.cli import absent, terminal
from torc_local.cli.helping import EPILOG
from torc_local.cli.options import Common, Database, ListAnswer
from torc_local.cli.words import Commands, did_you_mean
from torc_local.ground.errors import ExitCode, InputError

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


def call(words: Sequence[str]) -> int:
    """Run the command that ``words`` name; its exit code. Raises TorcLocalError, also for unknown words."""
    import torc_local.cli.commands  # noqa: F401 - adds them to the program

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


class Colour(enum.StrEnum):
    """When screens are coloured."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


_Colour = Annotated[
    Colour,
    typer.Option("--color", help="Colours: auto is on a terminal, unless NO_COLOR is set.", show_default=False),
]


@app.callback()
def root(
    context: typer.Context,
    database: Database = None,
    answer: ListAnswer = None,
    *,
    version: Annotated[  # noqa: ARG001 - its callback does it
        bool,
        typer.Option("-V", "--version", is_eager=True, callback=_print_version, help="Print the version and exit."),
    ] = False,
    shared: _Shared = None,
    colour: _Colour = Colour.AUTO,
    log_level: Annotated[str | None, typer.Option("--log-level", hidden=True)] = None,  # noqa: ARG001 - Torc's
    standalone: Annotated[bool, typer.Option("-s", "--standalone", hidden=True)] = False,  # noqa: ARG001 - Torc's
    no_prompts: Annotated[bool, typer.Option("--no-prompts", hidden=True)] = False,  # noqa: ARG001 - Torc's
) -> None:
    """Options that are the same for every command."""
    _place(shared)
    terminal.use_colour(colour.value)
    context.obj = Common(database, answer)
