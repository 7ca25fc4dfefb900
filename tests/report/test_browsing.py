"""Pages of jobs: whatever the order and the filter, each job once, in both directions."""

import fnmatch

import pytest

from tests.report.small import Worked, job, spec, store
from torc_local.report import browsing
from torc_local.report.browsing import ORDERS, JobPages, read_filter
from torc_local.store import browsing as statements
from torc_local.store import opening, reading

NAMES = [f"{'bad' if n % 9 == 4 else 'Sim' if n % 3 else 'x%y'}_{n * 37 % 60}" for n in range(60) if n % 9 != 4] + [
    "bad"
]


@pytest.fixture(scope="module")
def db(tmp_path_factory):
    """Two workflows whose jobs are in between each other; in the first one some have run, and one has failed."""
    path = tmp_path_factory.mktemp("browsing") / "torc.db"
    with opening.open_or_create(path) as made:
        store(made, spec("w", [job(name) for name in NAMES]))
        store(made, spec("other", [job(f"Sim_{n}") for n in range(30)]))
        worked = Worked(made, 1)
        claims = worked.claim()
        worked.claim(*map(worked.result, claims))
        for _ in range(200):
            claims = worked.claim()
            if not claims or claims[0].name == "bad":
                break
            worked.claim(*map(worked.result, claims))
        yield made


def leafed(db, pages, count, *, back):
    found: list[statements.Listed] = []
    start = None
    while True:
        page = pages.page(db, start, count + (start is not None), back=back)
        more = page if start is None else page[1:]
        if start is not None:
            assert page[0].id == start.id
        if not more:
            return found
        found += more
        start = found[-1]


@pytest.mark.parametrize(
    "text", ["", "sim", "Sim_*", "completed", "ready 1", "failed", "running pending", "nothing", "x%y", "SIM 7"]
)
@pytest.mark.parametrize("order", ORDERS)
def test_both_directions_give_each_job_once(db, monkeypatch, order, text):
    monkeypatch.setattr(browsing, "PIECE", 7)
    chosen = read_filter(text)
    forward = leafed(db, JobPages(1, order, chosen), 5, back=False)
    assert leafed(db, JobPages(1, order, chosen), 4, back=True) == forward[::-1]
    states = chosen.like.states
    words = [word.lower() for word in text.split() if word not in states]
    rows = [row for row in reading.jobs(db, 1, None, None) if not states or row.status in states]
    if chosen.like.glob:
        rows = [row for row in rows if fnmatch.fnmatchcase(row.name, chosen.like.glob)]
    else:
        rows = [row for row in rows if all(word in row.name.lower() for word in words)]
    if order in ("slowest", "largest"):
        ran = {row.job_id for row in reading.results(db, 1, all_runs=True)}
        rows = [row for row in rows if row.id in ran]
        assert {row.id for row in forward} == {row.id for row in rows}
    else:
        key = (lambda row: row.id) if order == "file" else (lambda row: row.name.encode())
        assert [row.id for row in forward] == [row.id for row in sorted(rows, key=key)]


def test_words_that_are_states_are_states_and_the_rest_is_a_name():
    assert read_filter("  Failed sim ").like == statements.Like(("failed",), "%sim%", None)
    assert read_filter("a_*").like == statements.Like((), None, "a_*")
    assert read_filter("50%_x").like == statements.Like((), "%50\\%\\_x%", None)
    assert read_filter("").like.all


def test_a_job_that_came_later_is_found_at_the_end(tmp_path):
    with opening.open_or_create(tmp_path / "torc.db") as db:
        store(db, spec("w", [job("a")]))
        pages = JobPages(1, "file", read_filter(""))
        assert [row.name for row in pages.page(db, None, 5, back=False)] == ["a"]
        with db.write("test"):
            db.connection.execute(
                "INSERT INTO job (workflow_id, name, command, resource_requirements_id, status)"
                " SELECT 1, 'b', 'true', resource_requirements_id, 'ready' FROM job;"
                " UPDATE job_count SET jobs = jobs + 1 WHERE status = 'ready'"
            )
        assert [row.name for row in pages.page(db, None, 5, back=True)] == ["b", "a"]
