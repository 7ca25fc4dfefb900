"""The command group: Torc's noun-verb spellings, sections in the help, and "did you mean" for everything unknown."""

import difflib
from typing import Any

from typer.core import TyperGroup

from torc_local.cli.absent import reason
from torc_local.cli.helping import SECTIONS
from torc_local.ground.errors import InputError

#: Torc's spellings; accepted, not shown.
ALIASES: dict[tuple[str, str], tuple[str, ...]] = {
    ("workflows", "create"): ("create",),
    ("workflows", "run"): ("run",),
    ("workflows", "status"): ("status",),
    ("workflows", "list"): ("list",),
    ("workflows", "get"): ("status",),
    ("workflows", "is-complete"): ("is-complete",),
    ("workflows", "execution-plan"): ("plan",),
    ("workflows", "export"): ("export",),
    ("workflows", "import"): ("import",),
    ("workflows", "cancel"): ("cancel",),
    ("workflows", "delete"): ("delete",),
    ("workflows", "archive"): ("archive",),
    ("workflows", "reset-status"): ("reset-status",),
    ("workflows", "reinit"): ("refresh",),
    ("workflows", "reinitialize"): ("refresh",),
    ("jobs", "reset-status"): ("reset",),
    ("jobs", "list"): ("jobs",),
    ("jobs", "create-from-file"): ("create-from-file",),
    ("jobs", "get"): ("job",),
    ("jobs", "list-resource-requirements"): ("records", "resource-requirements"),
    ("jobs", "running"): ("jobs", "--status", "running"),
    ("results", "list"): ("results",),
    ("files", "get"): ("record", "files"),
    ("resource-requirements", "list"): ("records", "resource-requirements"),
    ("resource-requirements", "get"): ("record", "resource-requirements"),
    ("failure-handlers", "list"): ("records", "failure-handlers"),
    ("failure-handlers", "get"): ("record", "failure-handlers"),
    ("events", "list"): ("records", "events"),
    ("events", "get"): ("record", "events"),
    ("events", "monitor"): ("events", "--follow"),
    ("compute-nodes", "list"): ("records", "compute-nodes"),
    ("compute-nodes", "get"): ("record", "compute-nodes"),
    ("job-dependencies", "job-job"): ("records", "job-job"),
    ("job-dependencies", "job-file"): ("records", "job-file"),
    ("job-dependencies", "job-user-data"): ("records", "job-user-data"),
    ("reports", "summary"): ("status",),
    ("reports", "results"): ("results",),
    ("reports", "check-resource-utilization"): ("check-resource-utilization",),
    ("workflows", "correct-resources"): ("recommend", "--apply"),
    ("workflows", "check-resources"): ("check-resource-utilization",),
}

#: Torc's verbs without a noun, where ours are called otherwise.
VERBS: dict[str, tuple[str, ...]] = {
    "get": ("status",),
    "reinitialize": ("refresh",),
    "reinit": ("refresh",),
    "execution-plan": ("plan",),
    "correct-resources": ("recommend", "--apply"),
}

_GROUPS = sorted({noun for noun, _ in ALIASES})


class Commands(TyperGroup):
    """The root command."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 - click's types differ by release
        """Translate Torc's spelling, then look the command up."""
        native = ALIASES.get((args[0], args[1])) if len(args) > 1 else None
        if native is not None:
            args = [*native, *args[2:]]
        elif args[0] in VERBS:
            args = [*VERBS[args[0]], *args[1:]]
        why = reason(args)
        if why is not None:
            raise InputError(f"torc-local has no '{' '.join(args[:2])}': {why[0]}", hint=why[1])
        if args[0] not in self.commands:
            raise _unknown(args, list(self.commands))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401, ARG002 - click's types differ
        """Commands under headings, in the order in which people need them."""
        for heading, names in SECTIONS:
            with formatter.section(heading):
                formatter.write_dl([(name, self.commands[name].get_short_help_str(80)) for name in names])


#: The name of what `report` does without another word; nobody needs to write it.
WHOLE = "whole"


class ReportWords(TyperGroup):
    """``report``: a group whose first command may be left out."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - click's types differ by release
        """Put the name of the command that is meant in front."""
        return super().parse_args(ctx, args if args and args[0] in self.commands else [WHOLE, *args])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 - likewise
        """In messages and help it goes without its name."""
        name, command, rest = super().resolve_command(ctx, args)
        if name != WHOLE or command is None:
            return name, command, rest
        command.context_class = type("Nameless", (command.context_class,), {"command_path": ctx.command_path})
        return None, command, rest


def _unknown(args: list[str], known: list[str]) -> InputError:
    word = args[0]
    if word in _GROUPS:
        verbs = ", ".join(f"{noun} {verb}" for noun, verb in ALIASES if noun == word)
        return InputError(f"'{' '.join(args[:2])}' is not a command", hint=f"there is: {verbs}")
    return InputError(f"'{word}' is not a command", hint=did_you_mean(word, known) or "torc-local --help lists them")


def did_you_mean(word: str, known: list[str]) -> str | None:
    """A hint that names what was probably meant."""
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"did you mean '{near[0]}'?" if near else None
