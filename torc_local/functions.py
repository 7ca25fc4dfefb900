"""A Python function over a list of parameters, as jobs of a workflow: ``torc_local.map_function_to_jobs``.

As the helper of Torc's Python client. Each job calls ``func(job_name, params)`` of the module and keeps what that
returns as user data (JSON; None is not kept). A last job may call a function with the list of all results.

Inside the jobs this module is the program: ``python -m torc_local.functions run``, and ``postprocess``.
"""

import importlib
import os
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

#: Names of the user data that a job reads and writes (Torc).
INPUT, OUTPUT = "input_{}", "output_{}"

_TRIES = 50


class MappedJob(NamedTuple):
    """A job that was made."""

    id: int
    name: str


def map_function_to_jobs(
    database: str | Path,
    workflow_id: int,
    module: str,
    func: str,
    params: Sequence[Mapping[str, Any]],
    *,
    postprocess_func: str | None = None,
    module_directory: str | Path | None = None,
    resource_requirements: str | None = None,
    start_index: int = 1,
    name_prefix: str = "",
    depends_on: Iterable[str] = (),
) -> list[MappedJob]:
    """Add a job for each set of parameters to a workflow that is there, and one for the results if asked to.

    Args:
        database: The database file.
        workflow_id: The workflow; one without jobs is made with ``torc-local create``.
        module: What jobs import.
        func: Its function of a job's name and parameters; returns JSON, or None.
        params: For each job, what its function gets: JSON.
        postprocess_func: A function of the same module that gets the list of all results, in the order of ``params``.
        module_directory: Where the module is, when it is not installed.
        resource_requirements: Name of requirements of the workflow, for all of these jobs.
        start_index: Number of the first job. Jobs are named ``name_prefix`` and number.
        name_prefix: What names begin with.
        depends_on: Names of jobs that all of these wait for.

    Returns:
        The jobs in the order of ``params``; the last one is that of ``postprocess_func``, named ``postprocess``.

    Raises:
        InputError: a name is taken, or something named here does not exist. Nothing was added.
    """
    names = [f"{name_prefix}{number}" for number in range(start_index, start_index + len(params))]
    common: dict[str, Any] = {} if resource_requirements is None else {"resource_requirements": resource_requirements}
    where = {"module": module, "directory": None if module_directory is None else str(Path(module_directory).resolve())}
    before = list(depends_on)
    program = f"{shlex.quote(sys.executable)} -m torc_local.functions"
    jobs: list[dict[str, Any]] = []
    data: list[dict[str, Any]] = []
    for name, given in zip(names, params, strict=True):
        data.append({"name": INPUT.format(name), "data": {**where, "func": func, "params": dict(given)}})
        data.append({"name": OUTPUT.format(name)})
        jobs.append(
            {
                "name": name,
                "command": f"{program} run",
                "input_user_data": [INPUT.format(name)],
                "output_user_data": [OUTPUT.format(name)],
                "depends_on": before,
                **common,
            }
        )
    if postprocess_func is not None:
        last = f"{name_prefix}postprocess"
        results = [OUTPUT.format(name) for name in names]
        data.append({"name": INPUT.format(last), "data": {**where, "func": postprocess_func, "results": results}})
        data.append({"name": OUTPUT.format(last)})
        jobs.append(
            {
                "name": last,
                "command": f"{program} postprocess",
                "input_user_data": [INPUT.format(last), *results],
                "output_user_data": [OUTPUT.format(last)],
                **common,
            }
        )
    return _add(Path(database), workflow_id, {"jobs": jobs, "user_data": data})


def _add(database: Path, workflow_id: int, tree: dict[str, Any]) -> list[MappedJob]:
    from torc_local.cli import writing  # noqa: PLC0415 - a job needs none of it
    from torc_local.engine.adding import Changed, add, catalogue  # noqa: PLC0415
    from torc_local.ground import clock  # noqa: PLC0415
    from torc_local.ground.errors import StateError  # noqa: PLC0415
    from torc_local.spec.addition import check_addition  # noqa: PLC0415
    from torc_local.spec.fragment import Fragment  # noqa: PLC0415

    with writing.open_existing(database) as db:
        for _ in range(_TRIES):
            there = catalogue(db, workflow_id)
            fragment = Fragment.of_tree(tree, "map_function_to_jobs")
            spec = check_addition(fragment.tree, fragment.problems, there.known)
            if spec is None:
                raise fragment.error()
            try:
                added = add(db, there, spec, at=clock.now())
            except Changed:
                continue
            return [MappedJob(job_id, job.name) for job_id, job in zip(added.ids, spec.jobs, strict=True)]
    raise StateError("others change the workflow all the time", hint="try again")


def run() -> None:
    """Be the job of one set of parameters."""
    from torc_local import user_data  # noqa: PLC0415 - only inside a job

    name = os.environ["TORC_JOB_NAME"]
    given = user_data.get(INPUT.format(name))
    _keep(name, _function(given)(name, given["params"]))


def postprocess() -> None:
    """Be the job of all results; one that was not kept is None."""
    from torc_local import user_data  # noqa: PLC0415 - only inside a job

    name = os.environ["TORC_JOB_NAME"]
    given = user_data.get(INPUT.format(name))
    _keep(name, _function(given)([user_data.get(one, None) for one in given["results"]]))


def _function(given: Mapping[str, Any]) -> Any:  # noqa: ANN401 - whatever the module has under this name
    if given["directory"] is not None:
        sys.path.insert(0, given["directory"])
    return getattr(importlib.import_module(given["module"]), given["func"])


def _keep(name: str, result: Any) -> None:  # noqa: ANN401 - whatever the function returned
    from torc_local import user_data  # noqa: PLC0415 - only inside a job

    if result is not None:
        user_data.put(OUTPUT.format(name), result)


if __name__ == "__main__":
    {"run": run, "postprocess": postprocess}[sys.argv[1]]()
