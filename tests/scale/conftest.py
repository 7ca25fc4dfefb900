"""Sizes, and a place in which many runners fight for one database."""

import json

import pytest

from tests.process.running import Place
from torc_local.report import scale
from torc_local.store import opening, workflows


class Arena(Place):
    """A place whose report can be asked for; runs in it only claim and settle unless a test says otherwise."""

    def independent(self, count, command="true"):
        self.write({"name": "j{i}", "command": command, "parameters": {"i": f"1:{count}"}})

    def rounds(self, rounds, size):
        """Rounds of ``size`` jobs with a barrier after each."""
        jobs = []
        for number in range(1, rounds + 1):
            waits = {"depends_on": [f"barrier{number - 1}"]} if number > 1 else {}
            jobs.append({"name": f"r{number}_{{i}}", "command": "true", "parameters": {"i": f"1:{size}"}, **waits})
            jobs.append({"name": f"barrier{number}", "command": "true", "depends_on_regexes": [f"^r{number}_"]})
        self.spec.write_text(json.dumps({"name": "rounds", "jobs": jobs}))

    def report(self):
        with opening.open_read_only(self.db_path) as db:
            found = workflows.get(db, 1)
            assert found is not None
            return scale.document(db, found)


@pytest.fixture
def arena(tmp_path):
    made = Arena(tmp_path)
    yield made
    if made.db_path.exists():
        assert made.violations() == []
        assert made.leftovers() == []


@pytest.fixture
def small(request):
    """Whether sizes must fit into CI."""
    return request.config.getoption("--size") == "small"
