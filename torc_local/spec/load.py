"""Reading a workflow file: from a path to a checked ``Spec``, or to everything that is wrong with it."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from torc_local.ground.collector import without_collector
from torc_local.ground.errors import Problem, SpecError
from torc_local.spec.check import check
from torc_local.spec.formats import Format, by_suffix, likeliest
from torc_local.spec.json5_tree import json5_steps, read_json5
from torc_local.spec.json_tree import json_steps, read_json
from torc_local.spec.kdl_tree import kdl_steps, read_kdl
from torc_local.spec.model import Spec
from torc_local.spec.places import Step, repeated_keys
from torc_local.spec.problems import Problems
from torc_local.spec.source import Source, Unreadable, decode, read_bytes
from torc_local.spec.wording import describe, quote
from torc_local.spec.yaml_tree import read_yaml, yaml_steps

_Steps = Callable[[], Iterator[Step]]


def load(path: str | Path) -> Spec:
    """The checked workflow of a file; ``-`` is standard input. Raises SpecError with all problems, sorted."""
    data, file = read_bytes(path)
    return loads(data, file)


def loads(text: bytes, file: str) -> Spec:
    """The checked workflow of a file's content; the suffix of ``file`` says which format it is."""
    with without_collector():
        tree, source, steps, problems = _parse(text, file, None)
        spec = check(tree, problems)
        if spec is None or problems:
            raise SpecError(problems.errors(source, steps))
        return spec._replace(warnings=tuple(problems.warnings(source, steps)))


def load_tree(path: str | Path, kind: Format | None = None) -> dict[str, Any]:
    """The content of a workflow file as it is, unchecked but for its form; ``kind`` overrules the suffix.

    Raises SpecError.
    """
    data, file = read_bytes(path)
    with without_collector():
        tree, source, steps, problems = _parse(data, file, kind)
        if not isinstance(tree, dict):
            problems.add((), f"a workflow must be a mapping with 'name' and 'jobs', not {describe(tree)}")
        if problems or not isinstance(tree, dict):
            raise SpecError(problems.errors(source, steps))
        return tree


def _parse(data: bytes, file: str, kind: Format | None) -> tuple[object, Source, _Steps, Problems]:
    """The tree, and what is needed to say where things are. Raises SpecError for what is not of any format."""
    try:
        source = Source(file, decode(data, file))
    except Unreadable as error:
        raise SpecError([Problem(file, 0, 0, error.message, error.hint)]) from None
    try:
        tree, repeats, steps, problems = read_tree(source, kind)
    except Unreadable as error:
        raise SpecError([source.problem(error.message, error.hint, error.start, error.end)]) from None
    if repeats:
        _report_repeats(source, steps, problems)
    return tree, source, steps, problems


def read_tree(source: Source, kind: Format | None = None) -> tuple[object, bool, _Steps, Problems]:
    """The tree, whether it repeats a key, where things are, and problems so far.

    Without ``kind`` the suffix says which format it is; if it does not, all are tried. Raises Unreadable.
    """
    known = kind or by_suffix(source.file)
    if known is not None:
        problems = Problems()
        return *_FORMATS[known](source, problems), problems
    likely = likeliest(source.text)
    errors: dict[Format, Unreadable] = {}
    for tried, read in _FORMATS.items():
        problems = Problems()
        try:
            tree, repeats, steps = read(source, problems)
        except Unreadable as error:
            errors[tried] = error
            continue
        # Any word is a text in YAML and a node in KDL.
        if tried is likely or (isinstance(tree, dict) and (tried is not Format.KDL or "name" in tree)):
            return tree, repeats, steps, problems
        errors[tried] = Unreadable(f"a workflow must be a mapping with 'name' and 'jobs', not {describe(tree)}")
    raise errors[likely]


def _read_json(source: Source, _problems: Problems) -> tuple[object, bool, _Steps]:
    return *read_json(source), partial(json_steps, source)


def _read_json5(source: Source, _problems: Problems) -> tuple[object, bool, _Steps]:
    return *read_json5(source), partial(json5_steps, source)


def _read_yaml(source: Source, problems: Problems) -> tuple[object, bool, _Steps]:
    return *read_yaml(source, problems), partial(yaml_steps, source)


def _read_kdl(source: Source, problems: Problems) -> tuple[object, bool, _Steps]:
    return *read_kdl(source, problems), partial(kdl_steps, source)


#: In the order in which they are tried (Torc).
_FORMATS = {
    Format.JSON: _read_json,
    Format.JSON5: _read_json5,
    Format.YAML: _read_yaml,
    Format.KDL: _read_kdl,
}


def _report_repeats(source: Source, steps: _Steps, problems: Problems) -> None:
    for first, again in repeated_keys(steps()):
        message = f"the key {quote(again.value)} is repeated; it is already in line {source.line(first.start)}"
        problems.add_placed(message, "remove one of them", again.start, again.end)
