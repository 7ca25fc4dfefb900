"""Every statement of the program is valid, typed by its row, and reads no more than it must."""

import importlib
import pkgutil
import re

import apsw.ext
import pytest

import torc_local.store
from torc_local.store import opening, registry, restarting, taking_over, unblocking

for module in pkgutil.iter_modules(torc_local.store.__path__):
    importlib.import_module(f"torc_local.store.{module.name}")

ALL = sorted(registry.STATEMENTS.values(), key=lambda statement: statement.name)

# Read whole on purpose: a temporary table holds one batch, carray() an argument, "meta" one row, "b" and "l" are names
# of such a batch inside a statement.
SMALL = {
    "batch",
    "b",
    "hit",
    "seed",
    "back",
    "need",
    "reach",
    "s",
    "u",
    "l",
    "left_before",
    "member",
    "meta",
    "carray",
    "e",
    "CONSTANT",
}


def bindings_for(sql):
    """As many nothings as the statement has parameters."""
    numbered = [int(n) for n in re.findall(r"\?(\d+)", sql)]
    return [None] * (max(numbered, default=0) + len(re.findall(r"\?(?!\d)", sql)))


@pytest.fixture(scope="module")
def db(tmp_path_factory):
    with opening.open_or_create(tmp_path_factory.mktemp("statements") / "torc.db") as opened:
        unblocking.prepare(opened)
        restarting.prepare(opened)
        taking_over.prepare(opened)
        yield opened


def test_there_are_statements_and_hot_ones():
    assert len(ALL) > 60
    assert sum(statement.hot for statement in ALL) > 30


@pytest.mark.parametrize("statement", ALL, ids=lambda statement: statement.name)
def test_a_statement_prepares_and_its_columns_are_those_of_its_row(db, statement):
    info = apsw.ext.query_info(db.connection, statement.sql, bindings=bindings_for(statement.sql))
    row = getattr(statement.make, "__self__", None)
    if row is not None:
        assert len(info.description) == len(row._fields)
    elif statement.make is registry._no_row:
        assert info.description == ()


def plan(db, statement):
    explain = "EXPLAIN QUERY PLAN " + statement.sql
    return [row[3] for row in db.connection.execute(explain, bindings_for(statement.sql)).fetchall()]


@pytest.mark.parametrize("statement", [s for s in ALL if s.hot], ids=lambda statement: statement.name)
def test_a_hot_statement_scans_no_table_that_grows(db, statement):
    for line in plan(db, statement):
        match = re.match(r"SCAN (?:temp\.)?(\w+)", line)
        assert match is None or match[1] in SMALL, line


# Once for each node, or for one node: those of runners at work, and what these hold.
REPEATING = {"explain_places", "node_free"}


def repeated_scans(db, statement):
    """Tables that it reads whole for each row of something else: in an inner loop, or in a subquery that depends on it.

    Of what changes rows only subqueries are looked at: SQLite shows foreign keys as loops, which are none. A search
    that says no column is one for the least or the largest, which ends at once or reads everything.
    """
    explain = "EXPLAIN QUERY PLAN " + statement.sql
    rows = db.connection.execute(explain, bindings_for(statement.sql)).fetchall()
    lines = {number: (parent, text) for number, parent, _, text in rows}

    def is_repeated(number):
        while number:
            number, text = lines[number]
            if text.startswith("MATERIALIZE"):
                return False  # what it reads is kept
            if text.startswith("CORRELATED"):
                return True
        return False

    outer = set()
    for number, (parent, text) in lines.items():
        if not text.startswith(("SCAN", "SEARCH")):
            continue
        is_inner = parent in outer and statement.sql.startswith(("SELECT", "WITH"))
        outer.add(parent)
        if "VIRTUAL TABLE" in text or "CONSTANT ROW" in text or "SCAN meta" in text:
            continue
        is_whole = text.startswith("SCAN") or "(" not in text
        if is_whole and (is_inner or is_repeated(number)):
            yield text


def test_no_statement_takes_the_square_of_a_table(db):
    found = {statement.name: list(repeated_scans(db, statement)) for statement in ALL}
    assert {name for name, scans in found.items() if scans} == REPEATING, found


# They sort one batch, or what failed; anything else would sort the workflow at each call.
SORTING = {"gate_count_down", "job_count_down", "read_failures"}


@pytest.mark.parametrize("statement", [s for s in ALL if s.hot], ids=lambda statement: statement.name)
def test_a_hot_statement_takes_its_order_from_an_index(db, statement):
    sorts = any("TEMP B-TREE" in line or "AUTOMATIC" in line for line in plan(db, statement))
    assert sorts == (statement.name in SORTING)


def test_what_is_free_on_a_node_is_asked_of_live_runners_only(db):
    """It scans them all, so it must be the index of the live ones and not the table, which keeps the ended ones."""
    assert any("USING INDEX runner_alive" in line for line in plan(db, registry.STATEMENTS["node_free"]))
