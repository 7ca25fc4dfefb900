"""What jobs may say beyond what every job has. Most jobs say nothing of it, and many that do say the same.

Stored as one row for all jobs that say the same (table ``job_options``), as JSON that ``dumps`` and ``loads`` agree on.
"""

import json
from typing import NamedTuple

from torc_local.spec.freezing import frozen


class Options(NamedTuple):
    """The options of a job after expansion; the defaults are what a job that says nothing gets."""

    invocation_script: str | None = None  # goes before the command, in the same line of bash (Torc)
    env: tuple[tuple[str, str], ...] = ()  # names and values, sorted; they win over the workflow's
    supports_termination: bool = False  # it does something sensible when it is asked to end (TERM)
    description: str | None = None
    failure_handler: str | None = None  # its name, one of Settings.failure_handlers
    # stdio, see spec/stdio.py; None: as for the workflow
    stdio: str | None = None
    delete_on_success: bool | None = None


NONE = Options()


def dumps(options: Options) -> str:
    """As JSON; what is at its default is left out, so that a later version's default is not frozen."""
    default = NONE._asdict()
    return json.dumps({name: value for name, value in options._asdict().items() if value != default[name]})


def loads(text: str) -> Options:
    """From the JSON that ``dumps`` makes."""
    return Options(**frozen(json.loads(text)))
