"""The keys that few jobs have, read into ``Options``: one for each instance of a job with parameters."""

from collections.abc import Collection
from itertools import repeat

from torc_local.spec.environment import check_value, read_env
from torc_local.spec.fields import text, truth
from torc_local.spec.options import Options
from torc_local.spec.places import Path
from torc_local.spec.problems import Problems
from torc_local.spec.render import Grid
from torc_local.spec.stdio import read_stdio
from torc_local.spec.wording import did_you_mean, quote

#: Keys of a job that are read here; a job without any of them never comes here.
KEYS = frozenset({"invocation_script", "env", "supports_termination", "description", "failure_handler", "stdio"})

_Environment = tuple[tuple[str, str], ...]


def read_options(
    fields: dict[str, object], grid: Grid, path: Path, handlers: Collection[str], problems: Problems
) -> Options | list[Options]:
    """The options of a job's instances: one for all, or a list in their order. What is wrong is reported.

    ``handlers`` are the names of the workflow's failure handlers.
    """
    termination = fields.get("supports_termination")
    mode, deletes = read_stdio(fields.get("stdio"), (*path, "stdio"), "in 'stdio'", problems)
    same = Options(
        stdio=mode,
        delete_on_success=deletes,
        description=text(fields.get("description"), "description", (*path, "description"), problems),
        supports_termination=truth(
            termination, "supports_termination", (*path, "supports_termination"), problems, default=False
        ),
        failure_handler=_handler(fields, path, handlers, problems),
    )
    script = _script(fields, grid, path, problems)
    env = _environment(fields, grid, path, problems)
    if not isinstance(script, list) and not isinstance(env, list):
        return same._replace(invocation_script=script, env=env)
    scripts = script if isinstance(script, list) else repeat(script, grid.size)
    envs = env if isinstance(env, list) else repeat(env, grid.size)
    return [same._replace(invocation_script=s, env=e) for s, e in zip(scripts, envs, strict=True)]


def _handler(fields: dict[str, object], path: Path, handlers: Collection[str], problems: Problems) -> str | None:
    # Torc fills no parameters in here.
    here = (*path, "failure_handler")
    name = text(fields.get("failure_handler"), "failure_handler", here, problems)
    if name is not None and name not in handlers:
        hint = did_you_mean(name, handlers) or "they stand under 'failure_handlers' at the top"
        problems.add(here, f"there is no failure handler {quote(name)}", hint)
    return name


def _script(fields: dict[str, object], grid: Grid, path: Path, problems: Problems) -> str | list[str] | None:
    here = (*path, "invocation_script")
    script = text(fields.get("invocation_script"), "invocation_script", here, problems)
    if script is None:
        return None
    if not script or script.isspace():
        problems.add(here, "the invocation_script is empty", "leave the key out", at_key=True)
        return None
    if (wrong := check_value("invocation_script", script)) is not None:
        problems.add(here, wrong)
        return None
    return grid.fill(script)


def _environment(
    fields: dict[str, object], grid: Grid, path: Path, problems: Problems
) -> _Environment | list[_Environment]:
    env = read_env(fields.get("env"), (*path, "env"), problems)
    filled = [grid.fill(value) for value in env.values()]
    if all(isinstance(value, str) for value in filled):
        return tuple(env.items())
    columns = (repeat(value, grid.size) if isinstance(value, str) else value for value in filled)
    return [tuple(zip(env, values, strict=True)) for values in zip(*columns, strict=True)]
