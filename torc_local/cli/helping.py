"""Texts of help that are not generated."""

SHORT = """\
torc-local runs workflows of many jobs on this machine, without a server.

  torc-local run WORKFLOW.yaml       run it; again: go on where it stopped
  torc-local check WORKFLOW.yaml     say what is wrong with it
  torc-local status                  how far it is
  torc-local jobs --failed           what went wrong
  torc-local logs JOB                what a job printed
  torc-local explain JOB             why it does not run, or why it failed
  torc-local report -o report.html   everything about the run in one page

All commands and options: torc-local --help, torc-local COMMAND --help
"""

SECTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Run", ("run", "join", "slurm", "cancel")),
    ("Build", ("init", "create", "check", "convert", "schema", "plan", "graph", "add", "spawn", "export", "import")),
    (
        "Look",
        (
            "status",
            "watch",
            "tui",
            "wait",
            "explain",
            "list",
            "jobs",
            "job",
            "logs",
            "results",
            "runners",
            "events",
            "report",
            "recommend",
            "plot",
            "sql",
        ),
    ),
    ("Change", ("retry", "recover", "reset", "refresh", "delete", "archive", "unarchive")),
    ("Data", ("files", "user-data", "actions")),
    ("Admin", ("doctor", "db", "help", "version")),
)

EPILOG = "Exit codes: torc-local help exit-codes"

TOPICS = ("exit-codes", "env", "targets")

_ENV = """\
TORC_LOCAL_DB           the database when --db is not given (default: torc_output/torc.db)
NO_COLOR, FORCE_COLOR   screens without colours, or with colours wherever they go (torc-local --color)
COLUMNS                 how wide screens are, whatever the terminal says
TORC_LOCAL_SSH          how run --nodes reaches other machines (default: ssh -o BatchMode=yes -o ConnectTimeout=10)
TORC_LOCAL_FILE_SYSTEM  shared or local, whatever the file system looks like (torc-local --shared, --local)

Set for each job, besides Torc's variables:
TORC_LOCAL_ERROR_FILE   what a job that fails writes there is its reason

Set for the command of run --notify:
TORC_WORKFLOW_ID, TORC_WORKFLOW_NAME, TORC_RUN_ID, TORC_STATUS (completed, failed, incomplete, stopped), TORC_EXIT_CODE,
TORC_JOBS_TOTAL, TORC_JOBS_COMPLETED, TORC_JOBS_FAILED, TORC_LOCAL_DB
"""

_TARGETS = """\
TARGET names what a command works on:

  workflow.yaml, x.json, -   a workflow file, or standard input (run, create, check, plan, graph)
  3                          a workflow by its id
  torc_output/torc.db        a database with one workflow in it
  (nothing)                  the only workflow in the database

SELECT names jobs (jobs, results, logs, explain, retry, reset, cancel):

  sim_7 'sim_*'              by name, or by a pattern of names
  12 1,3,5-8                 by id
  -                          names or ids from standard input, one on each line
  --failed --status canceled --return-code 137 --regex '_(7|8)$'   of these, only such jobs

JOB is a job's name or id. A name wins over an id that looks the same.
"""


def topic(name: str) -> str:
    """The text of one topic."""
    if name == "exit-codes":
        from torc_local.ground.errors import ExitCode  # noqa: PLC0415 - loaded when needed

        return "".join(f"{code.value:>4}  {code.meaning}\n" for code in ExitCode)
    return _ENV if name == "env" else _TARGETS


def topics() -> str:
    """What there is to read about."""
    return "".join(f"torc-local help {name}\n" for name in TOPICS)
