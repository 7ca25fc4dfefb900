"""Short ways to check a workflow's text, or to see what is wrong with it."""

from collections.abc import Callable

import pytest

from torc_local.ground.errors import Problem, SpecError
from torc_local.spec.load import loads
from torc_local.spec.model import Spec


def _read(text: str | bytes, file: str = "w.yaml") -> Spec:
    return loads(text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text, file)


def _problems(text: str | bytes, file: str = "w.yaml") -> tuple[Problem, ...]:
    with pytest.raises(SpecError) as caught:
        _read(text, file)
    return caught.value.problems


def _only(text: str | bytes, file: str = "w.yaml") -> Problem:
    found = _problems(text, file)
    assert len(found) == 1, found
    return found[0]


def _jobs(*jobs: str) -> str:
    return "name: w\njobs:\n" + "".join(f"  - {{command: x, {job}}}\n" for job in jobs)


@pytest.fixture
def read() -> Callable[..., Spec]:
    return _read


@pytest.fixture
def problems() -> Callable[..., tuple[Problem, ...]]:
    return _problems


@pytest.fixture
def only() -> Callable[..., Problem]:
    return _only


@pytest.fixture
def jobs() -> Callable[..., str]:
    """One line per job, in flow style: jobs("name: a", "name: b, depends_on: [a]")."""
    return _jobs
