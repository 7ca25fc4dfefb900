"""What jobs and workflows say beyond their columns, from the database back to values of ``spec``."""

from torc_local.spec import options, settings
from torc_local.spec.options import NONE, Options
from torc_local.spec.settings import Settings
from torc_local.spec.stdio import COMBINED, NO_STDERR, NO_STDOUT, SEPARATE, Stdio, stdio_of
from torc_local.spec.stdio import NONE as NOTHING
from torc_local.store import jobs, workflows
from torc_local.store.database import Database

__all__ = [
    "COMBINED", "NONE", "NOTHING", "NO_STDERR", "NO_STDOUT", "SEPARATE", "Options", "OptionsOf", "Settings", "Stdio",
    "settings_in", "settings_of", "stdio_of", "stdio_of_job",
]  # fmt: skip

#: Options remembered by one process; beyond it, all are forgotten and read again.
_MOST = 10_000


class OptionsOf:
    """Looks options up once each: jobs that say the same share them, and they never change."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._known: dict[int, Options] = {}

    def __call__(self, options_id: int) -> Options:
        """The options with this id; not inside a transaction of others."""
        found = self._known.get(options_id)
        if found is None:
            if len(self._known) >= _MOST:
                self._known.clear()
            found = self._known[options_id] = options.loads(jobs.options(self._db, options_id))
        return found


def options_in(text: str) -> Options:
    """The options of jobs that are stored as ``text``."""
    return options.loads(text)


def settings_in(text: str) -> Settings:
    """The settings that are stored as ``text``."""
    return settings.loads(text)


def settings_of(db: Database, workflow_id: int) -> Settings:
    """The settings of a workflow; the defaults when it is gone."""
    workflow = workflows.get(db, workflow_id)
    return Settings() if workflow is None else settings.loads(workflow.settings)


def stdio_of_job(db: Database, workflow_id: int, options_id: int | None) -> Stdio:
    """What becomes of the output of a job with these options."""
    said = NONE if options_id is None else options.loads(jobs.options(db, options_id))
    return stdio_of(settings_of(db, workflow_id), said)
