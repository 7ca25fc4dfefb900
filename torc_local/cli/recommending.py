"""``recommend``: what jobs used against what they ask for; ``--apply`` and ``--write-spec`` make it so."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from torc_local.cli import answer, place, writing
from torc_local.cli.converting import write_file
from torc_local.cli.recovering import MOST, change_item
from torc_local.engine import requirements
from torc_local.engine.requirements import Change
from torc_local.ground import clock
from torc_local.ground.errors import ExitCode, InputError
from torc_local.ground.units import format_iso_duration, format_memory
from torc_local.process.recovery import recover_dead
from torc_local.report import advice
from torc_local.report.advice import Advice, Margins
from torc_local.report.text import plural, printable
from torc_local.spec.formats import SUFFIXES, by_suffix
from torc_local.spec.load import load, load_tree
from torc_local.spec.problems import Problems
from torc_local.spec.resources import read_resources
from torc_local.spec.source import Unwritable
from torc_local.spec.writing import to_text
from torc_local.store import opening, reading
from torc_local.store import requirements as stored
from torc_local.store.reading import Requirements
from torc_local.store.workflows import WorkflowRow


class Order(NamedTuple):
    """What the command was told."""

    database: Path | None
    target: str | None
    margins: Margins
    apply: bool
    write_spec: Path | None
    force: bool
    dry_run: bool
    as_json: bool


def margins(memory: float, runtime: float) -> Margins:
    """Check what was asked for. Raises InputError."""
    for option, value in (("--memory-multiplier", memory), ("--runtime-multiplier", runtime)):
        if not 1 <= value <= MOST:
            raise InputError(f"{option}: at least 1 and at most {MOST:.0f} times what was used", hint="1.2")
    return Margins(memory, runtime)


def recommend(order: Order) -> int:
    """``recommend``. With ``--apply`` requirements are changed, with ``--write-spec`` a file is written."""
    if order.force and order.write_spec is None:
        raise InputError("--force is for --write-spec", hint="leave it out")
    if order.dry_run and not order.apply and order.write_spec is None:
        raise InputError("recommend alone changes nothing", hint="leave out -n, or add --apply or --write-spec FILE")
    target = place.existing(order.target, order.database)
    path = place.database(target.database)
    opened = writing.open_existing(path) if order.apply else opening.open_read_only(path)
    with opened as db:
        workflow = place.workflow(db, target.workflow_id)
        with db.read():
            found = advice.gather(db, workflow.id, order.margins)
            changes = advice.changes(found, largest_node=stored.largest_node(db, workflow.id))
            jobs = stored.jobs_of(db, workflow.id)
            asks = reading.requirements(db, workflow.id)
        text = None
        if order.write_spec is not None:
            text = _new_spec(workflow, [_after(one, changes) for one in asks], order.write_spec, force=order.force)
        if order.apply:
            recover_dead(db, workflow.id)
            # Refuses while somebody works, before a file is written.
            requirements.change(db, workflow.id, changes, at=clock.now(), dry_run=True)
        if text is not None and order.write_spec is not None and not order.dry_run:
            write_file(order.write_spec, text, force=order.force)
        if order.apply and not order.dry_run and changes:
            requirements.change(db, workflow.id, changes, at=clock.now(), dry_run=False)
    if order.as_json:
        answer.document(_document(order, workflow, found, changes))
    elif not order.apply and order.write_spec is None:
        answer.lines(advice.screen(found))
    else:
        counted = [(one, jobs[one.before.id].jobs) for one in changes]
        answer.lines(_lines(order, workflow, found, counted))
        if order.write_spec is not None and not order.dry_run:
            answer.note(f"wrote {printable(str(order.write_spec))}; comments are not kept")
    return ExitCode.OK


def _after(asks: Requirements, changes: Iterable[Change]) -> Requirements:
    return next((one.after for one in changes if one.before.id == asks.id), asks)


def _document(order: Order, workflow: WorkflowRow, found: list[Advice], changes: list[Change]) -> dict[str, Any]:
    made: dict[str, Any] = {"workflow_id": workflow.id, **advice.document(found)}
    if order.apply or order.write_spec is not None:
        made |= {
            "dry_run": order.dry_run,
            "applied": order.apply and not order.dry_run,
            "written": None if order.write_spec is None or order.dry_run else str(order.write_spec),
            "changes": [change_item(one) for one in changes],
        }
    return made


def _lines(order: Order, workflow: WorkflowRow, found: list[Advice], changes: list[tuple[Change, int]]) -> list[str]:
    if not changes:
        few = [printable(one.asks.name) for one in found if not one.has_any and one.asks.name != "default"]
        why = "what is stated is what is suggested"
        if not found:
            why = "no attempt has ended"
        elif few:
            why = f"fewer than {advice.FEWEST} attempts at jobs of {', '.join(few)} tell anything"
        return [f"workflow {workflow.id}: nothing to change: {why}"]
    would = "would ask" if order.dry_run else "ask"
    lines = [f"workflow {workflow.id}: {plural(sum(jobs for _, jobs in changes), 'job')} {would} for something else"]
    lines += [
        f"  {printable(one.before.name)}: {', '.join(one.in_words)}  ({plural(jobs, 'job')})" for one, jobs in changes
    ]
    unstated = [one.asks.name for one in found if one.has_any and one.asks.name == "default"]
    if unstated:
        lines.append(
            "  jobs that name no requirements are left: they have no limits (torc-local recommend says what to add)"
        )
    return lines


def _new_spec(workflow: WorkflowRow, asks: list[Requirements], output: Path, *, force: bool) -> str:
    """The workflow's file with these requirements. Raises InputError, SpecError."""
    kind = by_suffix(str(output))
    if kind is None:
        raise InputError(f"in which format is '{output}' to be written?", hint=f"end it with {', '.join(SUFFIXES)}")
    if not force and os.path.lexists(output):
        raise InputError(f"{output} exists", hint="choose another name, or replace it with --force")
    if workflow.spec_path is None:
        raise InputError(
            f"workflow {workflow.id} was not made from a file", hint="torc-local recommend prints what to paste"
        )
    if not Path(workflow.spec_path).is_file():
        raise InputError(f"the file of workflow {workflow.id} is gone: {workflow.spec_path}", hint="move it back")
    if load(workflow.spec_path).digest != workflow.spec_digest:
        raise InputError(
            f"{workflow.spec_path} has changed since workflow {workflow.id} was made from it",
            hint="torc-local recommend prints what to paste",
        )
    tree = load_tree(workflow.spec_path)
    by_name = {one.name: one for one in asks}
    given = tree.get("resource_requirements") or []
    tree = tree | {"resource_requirements": [_entry(one, by_name[one["name"]]) for one in given]}
    try:
        return to_text(tree if given else {k: v for k, v in tree.items() if k != "resource_requirements"}, kind)
    except Unwritable as error:
        raise InputError(f"{workflow.spec_path} cannot be written as {kind.upper()}: {error}") from None


def _entry(written: dict[str, Any], asks: Requirements) -> dict[str, Any]:
    """An entry of the file with what is asked for now, as Torc reads it; what is the same stays as it was written."""
    made = dict(written)
    *_, was = read_resources([written], Problems())
    if was.num_cpus != asks.num_cpus:
        made["num_cpus"] = asks.num_cpus
    if asks.stated_memory not in (None, was.memory_bytes):
        made["memory"] = format_memory(asks.memory_bytes)
    if asks.stated_runtime not in (None, was.runtime_s):
        made["runtime"] = format_iso_duration(asks.runtime_s)
    return made
