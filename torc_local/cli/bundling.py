"""``export --logs`` and ``logs bundle``: what is needed to find out elsewhere what went wrong, in one file."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from torc_local.cli import answer
from torc_local.cli.looking import open_workflow
from torc_local.ground.errors import ExitCode, InputError, SpecError, StateError
from torc_local.report import bundle
from torc_local.report.text import plural, printable, size
from torc_local.spec.load import load
from torc_local.store import snapshot
from torc_local.store.workflows import WorkflowRow

_SUFFIXES = (".tar.gz", ".tgz")
_FLAGS = os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_WRONLY


def bundle_logs(
    option: Path | None, word: str | None, output: Path | None, directory: Path | None, *, force: bool, as_json: bool
) -> int:
    """Write a bundle of a workflow: ``output`` names it, or ``directory`` is where it goes under Torc's name.

    It is its owner's alone, and is there whole or not at all.
    """
    with open_workflow(option, word) as (db, workflow):
        path = output if output is not None else (directory or Path()) / f"wf{workflow.id}.tar.gz"
        _refuse(path, force=force)
        try:
            with tempfile.TemporaryDirectory(prefix=f".{path.name[:100]}.", dir=path.parent) as scratch:
                part = Path(scratch) / "part"
                with os.fdopen(os.open(part, _FLAGS, 0o600), "wb") as file:
                    found = bundle.write(
                        db, workflow, file, Path(scratch), same_spec=lambda spec: _is_same(spec, workflow)
                    )
                    file.flush()
                    os.fsync(file.fileno())
                written = part.stat().st_size
                if force:
                    part.replace(path.resolve())
                else:
                    snapshot.publish(part, path)
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            raise StateError(f"cannot write {path}: {why}", hint="choose another place, or make room") from None
    if as_json:
        answer.document(bundle.document(workflow, path, written, found))
        return ExitCode.OK
    answer.lines([str(path)])
    answer.note(f"{plural(found.files, 'file')} of workflow {workflow.id}, {size(found.bytes)}; packed {size(written)}")
    for one in found.missing:
        answer.note(f"not there any more: {printable(one)}")
    if found.spec_changed:
        answer.note("the workflow file has changed since the workflow was made: what it says now is in the bundle")
    return ExitCode.OK


def _refuse(path: Path, *, force: bool) -> None:
    if not path.name.endswith(_SUFFIXES):
        raise InputError(f"a bundle is a .tar.gz file, and {path} is not called so", hint=f"{path}.tar.gz")
    if not path.parent.is_dir():
        raise InputError(f"there is no directory {path.parent}", hint="make it, or choose another place")
    if path.is_dir():
        raise InputError(f"{path} is a directory", hint="choose another name")
    if not force and os.path.lexists(path):
        raise InputError(f"{path} exists", hint="choose another name, or replace it with --force")


def _is_same(spec: Path, workflow: WorkflowRow) -> bool:
    """Whether a workflow file still says what the workflow was made from."""
    with suppress(SpecError, InputError, OSError):
        return load(str(spec)).digest == workflow.spec_digest
    return False
