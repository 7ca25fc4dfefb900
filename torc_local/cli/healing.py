"""``doctor --repair``: mend what can be mended, and say what was done."""

from collections.abc import Iterator
from pathlib import Path

from torc_local.cli import writing
from torc_local.process.repair import Repaired, repair
from torc_local.report import cures
from torc_local.report.text import plural
from torc_local.store.salvage import ESSENTIAL, Salvaged


def heal(path: Path) -> list[str]:
    """Repair the database; a sentence for each thing that was done. Raises StateError when somebody uses it."""
    writing.consult(path)
    done = repair(path)
    sentences = [*_files(done), *_rows(done)]
    sentences += dict.fromkeys(cures.DONE[name] for name in done.mended if name in cures.DONE)
    return sentences or ["there was nothing to mend"]


def _files(done: Repaired) -> Iterator[str]:
    if done.indexes:
        yield "made all indexes anew from their tables"
    if done.salvaged is None:
        return
    yield f"read what can be read of the damaged file: {_read(done.salvaged)}"
    if done.kept is not None:
        yield f"the new file is in its place; the damaged one is kept as {done.kept}"
    if done.beside is not None:
        lost = " and ".join(name for name in ESSENTIAL if done.salvaged.tables[name].stretches)
        yield (
            f"the database cannot be repaired so that the right jobs would run: rows of {lost or 'dependency'} are "
            f"lost. It stays as it is; what could be read is in {done.beside}, to look at. Put a snapshot in its "
            "place, or make the workflow anew from its file (torc-local run FILE --fresh)"
        )


def _read(salvaged: Salvaged) -> str:
    rows = ", ".join(f"{table.read:,} of {name}" for name, table in salvaged.tables.items() if table.read)
    torn = [
        f"{name} (in {plural(table.stretches, 'place')}"
        + (f", and {plural(table.refused, 'row')} could not be right)" if table.refused else ")")
        for name, table in salvaged.tables.items()
        if table.stretches or table.refused
    ]
    return f"rows: {rows}" + (f"; rows were lost of {', '.join(torn)}" if torn else "; no row was lost")


def _rows(done: Repaired) -> Iterator[str]:
    if done.says_itself:
        yield "made the row anew that says what this file is; its journal is as it was found"
    if done.values:
        yield f"set {plural(done.values, 'value')} right that could not be what anybody wrote"
    if done.put_back:
        yield (
            f"{plural(done.put_back, 'job')} had lost {'its row' if done.put_back == 1 else 'their rows'}: put back, "
            "as completed where a completion is on record, else as failed, with a command that fails"
        )
    if done.made_up:
        yield f"made up {plural(done.made_up, 'row')} that others refer to"
    freed = (
        (done.runners, f"closed {plural(done.runners, 'runner')} that died without a goodbye"),
        (done.freed, f"freed {plural(done.freed, 'job')}"),
        (done.leases, f"released {plural(done.leases, 'lease')}"),
    )
    if any(count for count, _ in freed):
        yield "; ".join(words for count, words in freed if count)
