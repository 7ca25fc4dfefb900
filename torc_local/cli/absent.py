"""What Torc's command line has and this one has not, and why: so that scripts written for Torc fail with a reason."""

#: Options that say where a server is and who asks.
OPTIONS = frozenset({"--url", "--password", "--tls-ca-cert", "--tls-insecure", "--cookie-header"})

_SERVER = "there is no server here: every command opens the database itself"
_SUBMIT = (
    "a workflow is made here, and Slurm is asked for nodes that work on it",
    "torc-local create FILE, then torc-local slurm submit ID",
)
_THROUGH_THE_FILE = (
    "the parts of a workflow stand in its file",
    "edit it, then torc-local run FILE; torc-local add appends jobs",
)
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
    "initialize": ("workflows are ready to run when they are made", "torc-local run ID"),
    "sync-status": (
        "what dead processes held is taken back by every run, retry and reset",
        "torc-local doctor finds them, torc-local run ID goes on",
    ),
    "update": ("a stored workflow is changed through its file", "edit it, then torc-local run FILE"),
    "submit": _SUBMIT,
    "submit-slurm": _SUBMIT,
    "hpc": (
        "clusters have no profiles here: what allocations are asked for with stands in the workflow file",
        "slurm_schedulers and slurm_defaults in it, or options of torc-local slurm submit",
    ),
    "scheduled-compute-nodes": ("allocations are Slurm's own, and it knows best", "torc-local slurm status ID"),
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
    ("workflows", "new"): ("an empty workflow has nothing to run", "write a file, then torc-local create FILE"),
    ("workflows", "submit"): _SUBMIT,
    ("workflows", "create-slurm"): _SUBMIT,
    ("slurm", "sacct"): ("accounting is asked for allocations and not for jobs", "torc-local slurm usage ID"),
    ("slurm", "stats"): ("jobs are measured where they run", "torc-local results ID, torc-local report"),
    ("slurm", "parse-logs"): (
        "what jobs wrote is with the database, not in files of Slurm",
        "torc-local logs --analyze",
    ),
    ("slurm", "regenerate"): (
        "nodes are asked for again with the same words",
        "torc-local recover ID, then torc-local slurm submit ID",
    ),
    ("slurm", "schedule-nodes"): ("nodes are asked for with another word", "torc-local slurm submit ID"),
    **{
        ("slurm", verb): ("schedulers stand in the workflow file, under slurm_schedulers", "torc-local slurm submit ID")
        for verb in ("create", "update", "list", "get", "delete")
    },
    **{
        (noun, verb): _THROUGH_THE_FILE
        for noun in ("files", "user-data", "resource-requirements", "failure-handlers")
        for verb in ("create", "update", "delete", "delete-all")
    },
    **{
        (noun, verb): ("what has happened is on record as it happened", f"torc-local {noun} list ID")
        for noun in ("events", "compute-nodes", "results")
        for verb in ("create", "update", "delete", "delete-all")
    },
    ("jobs", "create"): _THROUGH_THE_FILE,
    ("jobs", "update"): ("a job is changed through the workflow's file", "edit it, then torc-local run FILE"),
    ("jobs", "delete"): ("jobs are never deleted one by one", "torc-local cancel -w ID JOB"),
    ("jobs", "delete-all"): ("jobs are deleted with their workflow", "torc-local delete ID"),
}


def reason(args: list[str]) -> tuple[str, str] | None:
    """Why there is no such command, and what to do instead; None for words that Torc has not either."""
    pair = (args[0], args[1]) if len(args) > 1 else ("", "")
    return VERBS.get(pair) or COMMANDS.get(args[0])
