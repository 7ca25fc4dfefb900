"""Reading a workflow file: from a path to a checked ``Spec``, or to everything that is wrong with it."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from torc_local.ground.errors import Problem, SpecError
from torc_local.spec.check import check
from torc_local.spec.json_tree import json_steps, read_json
from torc_local.spec.model import Spec
from torc_local.spec.places import Step, repeated_keys
from torc_local.spec.problems import Problems
from torc_local.spec.source import Source, Unreadable, decode, read_bytes
from torc_local.spec.wording import quote
from torc_local.spec.yaml_tree import read_yaml, yaml_steps

_Steps = Callable[[], Iterator[Step]]


def load(path: str | Path) -> Spec:
    """The checked workflow of a file; ``-`` is standard input. Raises SpecError with all problems, sorted."""
    data, file = read_bytes(path)
    return loads(data, file)


def loads(text: bytes, file: str) -> Spec:
    """The checked workflow of a file's content; the suffix of ``file`` says whether it is JSON or YAML."""
    problems = Problems()
    with _without_collector():
        try:
            source = Source(file, decode(text, file))
        except Unreadable as error:
            raise SpecError([Problem(file, 0, 0, error.message, error.hint)]) from None
        try:
            tree, repeats, steps = _read(source, problems)
        except Unreadable as error:
            raise SpecError([source.problem(error.message, error.hint, error.start, error.end)]) from None
        if repeats:
            _report_repeats(source, steps, problems)
        spec = check(tree, problems)
        if spec is None or problems:
            raise SpecError(problems.errors(source, steps))
        return spec._replace(warnings=tuple(problems.warnings(source, steps)))


def _read(source: Source, problems: Problems) -> tuple[object, bool, _Steps]:
    suffix = Path(source.file).suffix.lower()
    if suffix in {".json5", ".kdl"}:
        raise Unreadable(f"this version does not read {suffix} files", "write the workflow as YAML or JSON")
    if suffix not in {".yaml", ".yml"}:
        try:
            return *read_json(source), partial(json_steps, source)
        except Unreadable as error:
            # Without a suffix that decides, what begins like JSON is reported as JSON, unless it is good YAML.
            if suffix == ".json":
                raise
            json_error = error
        try:
            return *read_yaml(source, problems), partial(yaml_steps, source)
        except Unreadable:
            if source.text.lstrip()[:2] in {'{"', "{\n"}:
                raise json_error from None
            raise
    return *read_yaml(source, problems), partial(yaml_steps, source)


def _report_repeats(source: Source, steps: _Steps, problems: Problems) -> None:
    for first, again in repeated_keys(steps()):
        message = f"the key {quote(again.value)} is repeated; it is already in line {source.line(first.start)}"
        problems.add_placed(message, "remove one of them", again.start, again.end)


@contextmanager
def _without_collector() -> Iterator[None]:
    """Hold back the cycle collector: among millions of new objects it finds nothing and costs a third of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
