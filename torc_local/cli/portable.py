"""``export`` and ``import``: a workflow as a document of Torc's, and back."""

import os
import sys
from pathlib import Path

from torc_local.cli import answer, place, writing
from torc_local.cli.changing import user
from torc_local.cli.converting import write_file
from torc_local.cli.looking import open_workflow
from torc_local.engine import admit
from torc_local.engine.exporting import export
from torc_local.ground import clock
from torc_local.ground.errors import ExitCode, InputError
from torc_local.report.text import plural, printable
from torc_local.spec.names import check_other_name
from torc_local.spec.portable import loads_export
from torc_local.spec.source import read_bytes


def export_workflow(
    option: Path | None, word: str | None, output: str | None, *, results: bool, events: bool, force: bool
) -> int:
    """``export``: to standard output, or to a file that appears whole or not at all."""
    path = None if output in (None, "-") else Path(str(output))
    if path is not None and not force and os.path.lexists(path):
        raise InputError(f"{path} exists", hint="choose another name, or replace it with --force")
    with open_workflow(option, word) as (db, workflow):
        found = export(db, workflow, results=results, events_too=events)
    for name in found.secrets:
        answer.note(f"note: the value of {name} is left out: jobs get it from the environment of who runs them")
    if path is None:
        sys.stdout.writelines(answer.entries(found.entries))
        return ExitCode.OK
    write_file(path, "".join(answer.entries(found.entries)), force=force)
    jobs = next(len(value) for key, value in found.entries if key == "jobs" and isinstance(value, list))
    answer.note(f"{plural(jobs, 'job')} of workflow {workflow.id} exported to {printable(str(path))}")
    return ExitCode.OK


def import_workflow(option: Path | None, word: str, name: str | None, *, as_json: bool) -> int:
    """``import``: a new workflow, of which nothing has run."""
    began = clock.monotonic()
    data, file = read_bytes(word)
    spec = loads_export(data, file)
    if name is not None:
        name = place.text(name)
        if (wrong := check_other_name(name)) is not None:
            raise InputError(f"--name: it {wrong[0]}", hint=wrong[1])
        spec = spec._replace(name=name)
    origin = admit.Origin(user=user(), spec_path=None, began=began, directory=place.text(str(Path.cwd())))
    with writing.open_or_create(place.database(option)) as db:
        workflow_id = admit.admit(db, spec, origin)
        if as_json:
            answer.document({"workflow_id": workflow_id})
        else:
            answer.lines([str(workflow_id)])
            command = f"{place.command(db.path)} run {workflow_id}"
            answer.note(f"imported workflow {workflow_id} with {plural(len(spec.jobs), 'job')}; run it:  {command}")
    return ExitCode.OK
