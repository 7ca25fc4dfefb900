"""Where a workflow came from, where it ran, and with what: as far as it is on record, or can be looked up now."""

import platform
import sys
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from torc_local import __version__
from torc_local.engine.options import options_in, settings_in
from torc_local.ground.secret_names import is_secret
from torc_local.report.redacting import redacted
from torc_local.report.text import iso
from torc_local.store import allocations, exporting, history, meta
from torc_local.store.database import Database
from torc_local.store.workflows import RunRow, WorkflowRow

#: So much of a workflow file is shown.
MOST_BYTES = 200_000


class Spec(NamedTuple):
    """The workflow file as it is now; ``text`` None: it cannot be read. ``note`` says how far it can be trusted."""

    path: str
    text: str | None
    note: str


class Provenance(NamedTuple):
    """Labels and values in the order in which a person reads them; and the file."""

    rows: list[tuple[str, str]]
    spec: Spec | None
    database: str


def gather(db: Database, workflow: WorkflowRow, run: RunRow | None) -> Provenance:
    """Look it up; nothing is executed."""
    settings = settings_in(workflow.settings)
    about = meta.get(db)
    rows = [
        ("workflow file", workflow.spec_path or "standard input, or none"),
        ("digest of its content", workflow.spec_digest),
        ("database", str(db.path.absolute())),
        ("stored at", iso(workflow.created_at)),
        ("user", workflow.user),
    ]
    if run is not None and run.directory is not None:
        rows.append(("jobs ran in", run.directory))
        commit = git_commit(Path(run.directory))
        if commit is not None:
            rows.append(("git commit there now", commit))
    if settings.env:
        # Values may be secrets, and a report travels.
        rows.append(("environment of all jobs sets", ", ".join(name for name, _ in settings.env)))
    asked = allocations.of_workflow(db, workflow.id)
    if asked:
        rows.append(("Slurm allocations", ", ".join(str(one.slurm_job_id) for one in asked)))
    rows += [
        ("database made by", f"torc-local {about.created_by}, {iso(about.created_at)}"),
        ("database version", str(db.connection.pragma("user_version"))),
        (
            "report made by",
            f"torc-local {__version__}, Python {platform.python_version()}, SQLite {history.sqlite_version(db)}",
        ),
        ("report made on", f"{platform.node()}, {platform.system()} {platform.release()} ({sys.platform})"),
    ]
    spec = None
    if workflow.spec_path is not None:
        said = (pair for one in exporting.options(db, workflow.id) for pair in options_in(one.options).env)
        secrets = [(name, value) for name, value in chain(settings.env, said) if is_secret(name)]
        spec = _spec(Path(workflow.spec_path), workflow.created_at, secrets)
    return Provenance(rows, spec, str(db.path.absolute()))


def _spec(path: Path, stored_at: float, secrets: Sequence[tuple[str, str]]) -> Spec:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        changed = path.stat().st_mtime > stored_at
    except OSError as error:
        return Spec(str(path), None, f"cannot be read any more: {(error.strerror or 'unknown reason').lower()}")
    note = "written to after the workflow was stored: it may say something else now" if changed else "as it was run"
    if len(content) > MOST_BYTES:
        note += f"; its first {MOST_BYTES:,} bytes"
    if secrets:
        note += "; without the values of " + ", ".join(sorted({name for name, _ in secrets}))
    return Spec(str(path), redacted(content[:MOST_BYTES].decode("utf-8", "replace"), secrets), note)


def git_commit(directory: Path) -> str | None:
    """The commit that is checked out there, read from git's files; None when there is none."""
    for place in (directory, *directory.parents):
        git = place / ".git"
        try:
            if git.is_file():  # a worktree, or a submodule
                git = (place / git.read_text().removeprefix("gitdir:").strip()).resolve()
            head = (git / "HEAD").read_text().strip()
        except (OSError, ValueError):
            continue
        if not head.startswith("ref: "):
            return head
        return _reference(git, head.removeprefix("ref: "))
    return None


def _reference(git: Path, name: str) -> str | None:
    try:
        common = git / (git / "commondir").read_text().strip()
    except (OSError, ValueError):
        common = git
    for place in (git, common):
        try:
            return f"{(place / name).read_text().strip()} ({name.removeprefix('refs/heads/')})"
        except (OSError, ValueError):
            continue
    try:
        for line in (common / "packed-refs").read_text().splitlines():
            commit, _, packed = line.partition(" ")
            if packed == name:
                return f"{commit} ({name.removeprefix('refs/heads/')})"
    except (OSError, ValueError):
        pass
    return None
