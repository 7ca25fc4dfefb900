"""``init``: a workflow file to begin with."""

from pathlib import Path

from torc_local.cli import answer, converting
from torc_local.cli.words import did_you_mean
from torc_local.ground.errors import ExitCode, InputError
from torc_local.spec.formats import SUFFIXES, Format, by_suffix
from torc_local.spec.load import load_tree
from torc_local.spec.writing import to_text

_PACKAGE = Path(__file__).parents[1]


def init(word: str, example: str, *, force: bool) -> int:
    """Write one of the workflows that come with the program. Raises InputError when the file exists."""
    found = examples()
    if example not in found:
        raise InputError(
            f"there is no example '{example}'", hint=did_you_mean(example, [*found]) or f"there is: {', '.join(found)}"
        )
    path = Path(word)
    kind = by_suffix(word)
    if kind is None:
        raise InputError(f"in which format is '{word}' to be written?", hint=f"end it with {', '.join(SUFFIXES)}")
    source = found[example]
    if kind is Format.YAML:
        text = source.read_text(encoding="utf-8").replace(f"workflows/{source.name}", word)
    else:
        text = to_text(load_tree(source), kind)
    converting.write_file(path, text, force=force)
    answer.note(f"wrote {path}; run it:  torc-local run {path}")
    return ExitCode.OK


def examples() -> dict[str, Path]:
    """The workflows that come with the program, by name."""
    # Inside an installed package, and beside it where the sources are.
    folders = [folder for folder in (_PACKAGE / "workflows", _PACKAGE.parent / "workflows") if folder.is_dir()]
    return {path.stem: path for folder in folders[:1] for path in sorted(folder.glob("*.yaml"))}
