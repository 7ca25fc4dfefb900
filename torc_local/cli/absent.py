"""What Torc's command line has and this one has not, and why: so that scripts written for Torc fail with a reason."""

#: Options that say where a server is and who asks.
OPTIONS = frozenset({"--url", "--password", "--tls-ca-cert", "--tls-insecure", "--cookie-header"})

_SERVER = "there is no server here: every command opens the database itself"
_OWNER = "there are no users and groups here: a database belongs to who owns its file"

#: Commands by their first word.
COMMANDS: dict[str, tuple[str, str]] = {
    "server": (_SERVER, "leave it out; torc-local run WORKFLOW.yaml needs nothing before it"),
    "torc-server": (_SERVER, "leave it out; torc-local run WORKFLOW.yaml needs nothing before it"),
    "dash": (_SERVER, "torc-local status; torc-local graph draws the workflow"),
    "mcp-server": (_SERVER, "every command answers programs with -f json"),
    "admin": (_SERVER, "torc-local doctor and torc-local db look after the database"),
    "access-groups": (_OWNER, "share the directory with a group of the file system"),
    "login": (_OWNER, "leave it out"),
    "remote": (
        "workers on other machines are not started from here",
        "start torc-local join DATABASE there, on a file system that both have mounted",
    ),
    "ro-crate": ("provenance is not written as RO-Crate", "torc-local export writes the workflow with its results"),
    "completions": ("there are no completion scripts", "torc-local --help lists the commands"),
    "config": (
        "there are no configuration files: options and environment variables say everything",
        "torc-local help env",
    ),
}

#: The same for a noun and its verb.
VERBS: dict[tuple[str, str], tuple[str, str]] = {
    ("workflows", "initialize"): ("workflows are ready to run when they are made", "torc-local run ID"),
    ("workflows", "init"): ("workflows are ready to run when they are made", "torc-local run ID"),
    ("workflows", "sync-status"): (
        "what dead processes held is taken back by every run, retry and reset",
        "torc-local doctor finds them, torc-local run ID goes on",
    ),
    ("workflows", "reconcile"): ("there is nothing to reconcile: the database has one owner", "torc-local doctor"),
    ("workflows", "update"): ("a stored workflow is changed through its file", "edit it, then torc-local run FILE"),
    ("workflows", "correct-resources"): (
        "requirements are changed through the workflow's file",
        "torc-local recommend prints what to paste",
    ),
    ("jobs", "update"): ("a job is changed through the workflow's file", "edit it, then torc-local run FILE"),
    ("jobs", "delete"): ("jobs are never deleted one by one", "torc-local cancel -w ID JOB"),
    ("jobs", "delete-all"): ("jobs are deleted with their workflow", "torc-local delete ID"),
}


def reason(args: list[str]) -> tuple[str, str] | None:
    """Why there is no such command, and what to do instead; None for words that Torc has not either."""
    pair = (args[0], args[1]) if len(args) > 1 else ("", "")
    return VERBS.get(pair) or COMMANDS.get(args[0])
