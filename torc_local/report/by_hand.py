"""The line with which a person runs a job again in a shell, to see for themselves why it failed."""

import shlex

from torc_local.engine.options import OptionsOf, Settings
from torc_local.ground.secret_names import is_secret
from torc_local.store import reading
from torc_local.store.database import Database


def line(db: Database, job_id: int, directory: str | None, settings: Settings, options: OptionsOf) -> str:
    """Runs the job's command where and as it ran, without what the program itself sets.

    Secrets are not told: the line takes them from the environment of who runs it.
    """
    job = reading.job(db, job_id)
    said = None if job.options_id is None else options(job.options_id)
    env = dict(settings.env) | dict(() if said is None else said.env)
    script = job.command if said is None or not said.invocation_script else f"{said.invocation_script} {job.command}"
    words = shlex.join(["bash", "-c", script])
    if env:
        words = f"env {' '.join(_given(name, value) for name, value in env.items())} {words}"
    return words if directory is None else f"cd {shlex.quote(directory)} && {words}"


def _given(name: str, value: str) -> str:
    return f'{name}="${name}"' if is_secret(name) else shlex.quote(f"{name}={value}")
