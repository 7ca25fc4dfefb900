"""``logs bundle``: everything that somebody needs to find out what went wrong elsewhere, in one file.

A gzipped tar file with a directory in it: what each attempt wrote, by the name of its job; the output of actions; the
workflow file; a copy of the database; and bundle_metadata.json, with Torc's keys.
"""

import io
import json
import os
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NamedTuple

from torc_local.ground import clock
from torc_local.report.analyzing import sources
from torc_local.report.output import read
from torc_local.report.text import iso
from torc_local.store import actions, outputs, snapshot
from torc_local.store.database import Database
from torc_local.store.outputs import AttemptOutput
from torc_local.store.workflows import WorkflowRow

_IN_MEMORY = 1 << 24
_LONGEST = 200  # bytes of a directory's name: file systems end at 255, and an id may have to be added


class Bundled(NamedTuple):
    """What went into a bundle; ``missing``: files that were to be there and are not."""

    files: int
    bytes: int
    missing: list[str]
    spec_changed: bool


def write(
    db: Database, workflow: WorkflowRow, target: IO[bytes], scratch: Path, *, same_spec: Callable[[Path], bool]
) -> Bundled:
    """Write a bundle of a workflow. ``scratch``: a directory in which nobody else is. Raises StateError, OSError."""
    root = f"wf{workflow.id}"
    missing: list[str] = []
    spec_changed = False
    with tarfile.open(fileobj=target, mode="w:gz", compresslevel=6, format=tarfile.PAX_FORMAT) as tar:
        packed = _Packed(tar, root)
        names: dict[int, str] = {}
        for attempt in outputs.everything(db, workflow.id):
            _add_output(packed, attempt, db.path.parent, names, missing)
        for log in actions.logs(db, workflow.id):
            _add_file(packed, db.path.parent / log, f"actions/{Path(log).name}", missing)
        if workflow.spec_path is not None:
            spec = Path(workflow.spec_path)
            spec_changed = spec.is_file() and not same_spec(spec)
            _add_file(packed, spec, f"spec{spec.suffix}", missing)
        copy = scratch / "torc.db"
        snapshot.snapshot(db, copy)
        _add_file(packed, copy, "torc.db", missing)
        metadata = {
            "workflow_id": workflow.id,
            "workflow_name": workflow.name,
            "workflow_description": workflow.description,
            "workflow_user": workflow.user,
            "run_id": workflow.run_id,
            "collected_at": iso(clock.now()),
            "files_collected": packed.files,
            "total_size_bytes": packed.bytes,
            "missing_files": missing,
            "spec_has_changed": spec_changed,
        }
        packed.add("bundle_metadata.json", io.BytesIO(json.dumps(metadata, indent=2).encode() + b"\n"))
    return Bundled(packed.files, packed.bytes, missing, spec_changed)


def _add_output(
    packed: "_Packed", attempt: AttemptOutput, directory: Path, names: dict[int, str], missing: list[str]
) -> None:
    name = names.get(attempt.job_id)
    if name is None:
        name = names[attempt.job_id] = _file_name(attempt.job_name, attempt.job_id)
    for stream, source in sources(attempt, directory):
        short = "out" if stream == "stdout" else "err"
        try:
            with source.path.open("rb") as file:
                file.seek(source.start)
                packed.add(f"logs/{name}/r{attempt.run_id}_a{attempt.attempt_id}.{short}", file, source.length)
        except FileNotFoundError:
            if str(source.path) not in missing:
                missing.append(str(source.path))


def _file_name(name: str, job_id: int) -> str:
    """The job's name; cut, and with its id, when a file system could not hold it."""
    data = name.encode()
    return name if len(data) <= _LONGEST else f"{data[:_LONGEST].decode(errors='ignore')}~{job_id}"


def _add_file(packed: "_Packed", path: Path, name: str, missing: list[str]) -> None:
    try:
        with path.open("rb") as file:
            packed.add(name, file)
    except (FileNotFoundError, IsADirectoryError, PermissionError):
        missing.append(str(path))


class _Packed:
    """The tar file, with what was put into it."""

    def __init__(self, tar: tarfile.TarFile, root: str) -> None:
        self._tar = tar
        self._root = root
        self._at = clock.now()
        self.files = 0
        self.bytes = 0

    def add(self, name: str, file: IO[bytes], length: int | None = None) -> None:
        """Put the next ``length`` bytes of a file into the bundle (None: all of the rest).

        They are taken first: a file that others write to may become shorter, and its size stands before it.
        """
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as taken:
            for piece in read(file, length):
                taken.write(piece)
            info = tarfile.TarInfo(f"{self._root}/{name}")
            info.size = taken.tell()
            info.mode = 0o600
            info.mtime = int(self._at)
            info.uid, info.gid = os.getuid(), os.getgid()
            taken.seek(0)
            self._tar.addfile(info, taken)
        self.files += 1
        self.bytes += info.size


def document(workflow: WorkflowRow, path: Path, size: int, found: Bundled) -> dict[str, Any]:
    """The JSON answer."""
    return {
        "workflow_id": workflow.id,
        "bundle": str(path),
        "size_bytes": size,
        "files_collected": found.files,
        "total_size_bytes": found.bytes,
        "missing_files": found.missing,
        "spec_has_changed": found.spec_changed,
    }
