"""What the database itself refuses, and what it shows to the outside."""

import itertools

import apsw
import pytest

from tests.support.workflows import Stage, spec_of
from torc_local.ground.states import CLAIMED, ENDED, FINISHED, MOVES, RETRIABLE, JobStatus
from torc_local.store import invariants, opening, salvage


@pytest.fixture
def stage(db):
    return Stage(db, spec_of({"a": [], "b": ["a"], "c": [], "d": [], "e": ["c", "d"], "f": ["c", "d"]}))


def raw(db, sql, *bindings):
    return db.connection.execute(sql, bindings).fetchall()


@pytest.mark.parametrize(("before", "after"), list(itertools.product(JobStatus, JobStatus)))
def test_the_database_allows_exactly_the_moves_of_the_list(db, before, after):
    Stage(db, spec_of({"a": []}))
    raw(db, "PRAGMA ignore_check_constraints = ON")
    raw(db, "BEGIN")
    raw(db, "DELETE FROM move")
    raw(db, "INSERT INTO move SELECT a.status, b.status FROM job_count a, job_count b")
    raw(db, "UPDATE job SET status = ?", before)
    raw(db, "DELETE FROM move")
    db.connection.executemany("INSERT INTO move (before, after) VALUES (?, ?)", sorted(MOVES))
    if (before, after) in MOVES or before == after:
        raw(db, "UPDATE job SET status = ?", after)
    else:
        with pytest.raises(apsw.ConstraintError, match="illegal move"):
            raw(db, "UPDATE job SET status = ?", after)
    raw(db, "ROLLBACK")


def test_the_groups_of_states_fit_together():
    assert set(ENDED) < set(FINISHED)
    assert set(RETRIABLE) - {JobStatus.PENDING_FAILED} < set(ENDED)
    assert not set(CLAIMED) & set(FINISHED)
    assert {before for before, _ in MOVES} | {after for _, after in MOVES} == set(JobStatus) - {JobStatus.DISABLED}


@pytest.mark.parametrize(
    ("sql", "constraint"),
    [
        ("UPDATE job SET status = 'pending' WHERE name = 'a'", "claimed_has_runner"),
        ("UPDATE job SET runner_id = 1 WHERE name = 'a'", "claimed_has_runner"),
        ("UPDATE job SET blockers = 0 WHERE name = 'b'", "blocked_has_blockers"),
        ("UPDATE job SET blockers = 1 WHERE name = 'a'", "ready_has_none"),
        ("UPDATE job SET blockers = -1 WHERE name = 'a'", "blockers"),
        ("UPDATE job_count SET jobs = -1", "count_not_negative"),
        ("UPDATE gate SET remaining = -1", "remaining"),
        ("INSERT INTO dependency VALUES (1, 1)", "after_id"),
        ("INSERT INTO gate (id, workflow_id, members, remaining) VALUES (7, 1, 1, 1)", "id < 0"),
        ("UPDATE job SET name = 'a' WHERE name = 'b'", "UNIQUE"),
        ("UPDATE job SET status = 7 WHERE name = 'a'", "illegal move"),
        ("INSERT INTO attempt VALUES (1,1,1,1,'completed',NULL,3,0,0,0,0,NULL,0,0,0,0)", "completed_is_zero"),
        ("INSERT INTO attempt VALUES (1,1,1,1,'completed','why',0,0,0,0,0,NULL,0,0,0,0)", "completed_is_zero"),
        ("INSERT INTO attempt VALUES (99,1,1,1,'failed','x',1,0,0,0,0,NULL,0,0,0,0)", "FOREIGN KEY"),
        ("INSERT INTO meta VALUES (2, 'x', 'x', 0, 0, 'wal')", "id = 1"),
    ],
)
def test_a_row_that_contradicts_itself_is_refused(stage, sql, constraint):
    with pytest.raises(apsw.ConstraintError) as caught:
        raw(stage.db, sql)
    assert constraint in str(caught.value)


def test_the_public_views_can_be_read_by_anyone(stage):
    stage.begin()
    stage.run_all(failing=["c"])
    raw(stage.db, "INSERT INTO file VALUES (1, 1, 'f', 'f', 0, 0, NULL)")
    raw(stage.db, "INSERT INTO user_data VALUES (1, 1, 'u', NULL, NULL, 0, 0, 0, 0, NULL, NULL)")
    raw(stage.db, ACTION)
    raw(stage.db, f"INSERT INTO attempt_usage {USAGE}")
    raw(stage.db, "INSERT INTO node VALUES (9, 'n', 'b', 1, 1, 0)")
    raw(stage.db, "INSERT INTO node_usage VALUES (1, 1, 9, 1, 1, 1, 1, 1)")
    with opening.open_read_only(stage.db.path) as reader:
        views = [name for (name,) in raw(reader, "SELECT name FROM sqlite_schema WHERE type = 'view'")]
        assert len(views) >= 8
        for view in views:
            assert raw(reader, f"SELECT * FROM {view}"), view
        assert raw(reader, "SELECT count(*) FROM v_results") == [(4,)]


def moved(name, state, more=""):
    """A job moved by hand, and counted."""
    count = "UPDATE job_count SET jobs = jobs {} WHERE status = '{}'"
    moves = f"UPDATE job SET status = '{state}'{more} WHERE name = '{name}'"
    return "; ".join([moves, count.format("- 1", "ready"), count.format("+ 1", state)])


OVERLAPPING = (
    "INSERT INTO attempt VALUES (1,1,1,1,'completed',NULL,0,50,100,0,0,NULL,0,0,0,0),"
    " (2,1,1,1,'completed',NULL,0,60,70,0,0,NULL,0,0,0,0)"
)

ACTION = (
    "INSERT INTO action VALUES (1, 1, 1, 'on_jobs_complete', 'run_commands', 0, '{}');"
    " INSERT INTO action_job VALUES (1, 1)"
)

USAGE = "VALUES (1, 1, 1, 9, 9, 1, 1, 1, 1, 0, 0, 1, 'tree', NULL)"

BEGUN = "INSERT INTO action_run (action_id, run_id, worker, runner_id, started_at) VALUES"

# For each invariant a damage that it notices, and which others cannot help noticing too.
DAMAGE = {
    "counts_match_jobs": ("UPDATE job_count SET jobs = jobs + 1 WHERE status = 'ready'", set()),
    "every_state_is_counted": ("DELETE FROM job_count WHERE status = 'ready'", set()),
    "blockers_match_dependencies": ("UPDATE job SET blockers = 5 WHERE name = 'b'", set()),
    "gates_match_members": ("UPDATE gate SET remaining = 1", set()),
    "failures_match_dependencies": ("UPDATE job SET blocker_failed = 1 WHERE name = 'b'", set()),
    "gates_match_failures": ("UPDATE gate SET failed = 1", set()),
    "queue_holds_what_ended": ("INSERT INTO ended (workflow_id, node_id, failed) VALUES (1, 1, 0)", set()),
    "dependencies_have_ends": ("INSERT INTO dependency VALUES (1, 99)", set()),
    "completed_has_one_completion": (moved("free", "completed"), set()),
    "completion_is_final": ("INSERT INTO attempt VALUES (1,1,1,1,'completed',NULL,0,0,0,0,0,NULL,0,0,0,0)", set()),
    "failed_has_a_result": (moved("free", "failed"), set()),
    "claims_have_live_runners": (moved("free", "pending", ", runner_id = 77"), set()),
    "running_rows_match_jobs": ("INSERT INTO running VALUES (1, 1, 0, 0, 0, 0)", set()),
    "starts_follow_ends": (OVERLAPPING, {"completion_is_final"}),
    "budget_is_kept": ("UPDATE runner SET ended_at = 1, end_reason = 'lost', held_cpus = 1", set()),
    "gpus_have_live_runners": ("INSERT INTO held_gpu VALUES (1, '0', 1)", set()),
    "ended_run_has_nothing_open": ("UPDATE run SET ended_at = 1", set()),
    "moves_are_known": ("DELETE FROM move WHERE before = 'running' AND after = 'failed'", set()),
    "runs_are_numbered": ("INSERT INTO run (workflow_id, run_id, started_at) VALUES (1, 7, 0)", set()),
    "documents_can_be_read": ("UPDATE workflow SET settings = '[]'", set()),
    "recovery_follows_a_failure": ("UPDATE job SET io = 8 WHERE name = 'free'", set()),
    "uses_have_ends": ("UPDATE job SET io = 1 WHERE id = 1; INSERT INTO job_file VALUES (1, 1, 99, NULL)", set()),
    "uses_are_known": ("INSERT INTO file VALUES (1, 1, 'f', 'f', 1, 0, NULL)", set()),
    "uses_of_user_data_are_known": (
        "INSERT INTO user_data VALUES (1, 1, 'u', NULL, NULL, 0, 0, 0, 1, NULL, NULL)",
        set(),
    ),
    "looked_up_where_there_is_any": ("UPDATE job SET io = 5 WHERE id = 1", set()),
    "actions_have_jobs": (f"{ACTION}; INSERT INTO action_job VALUES (1, 99)", set()),
    "actions_have_live_actors": (
        f"{ACTION}; {BEGUN} (1, 1, '', 1, 0)",
        set(),
    ),
    "ended_run_has_no_open_action": (
        f"{ACTION}; UPDATE run SET ended_at = 1; {BEGUN} (1, 1, '', NULL, 0)",
        {"ended_run_has_nothing_open"},
    ),
    "later_jobs_have_an_origin": ("UPDATE job SET origin = 'spawn' WHERE name = 'free'", set()),
    "usage_has_jobs": (f"INSERT INTO attempt_usage {USAGE.replace('1', '99', 1)}", set()),
    "nothing_is_half_put_back": (moved("free", "uninitialized"), set()),
    "nothing_claimed_at_rest": ("SELECT 1", set()),
}


def test_every_invariant_has_a_damage():
    assert set(DAMAGE) == {invariant.name for invariant in invariants.INVARIANTS}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damage_is_noticed_by_its_invariant_and_by_no_other(tmp_path, name):
    damage, others = DAMAGE[name]
    waits = {"a": [], "b": ["a"], "c": [], "d": [], "e": ["c", "d"], "f": ["c", "d"], "free": []}
    with opening.open_or_create(tmp_path / "torc.db") as db:
        stage = Stage(db, spec_of(waits))
        stage.begin()
        stage.runner()
        assert invariants.violations(db) == []
        raw(db, "DROP TRIGGER job_move")
        raw(db, "PRAGMA ignore_check_constraints = ON")
        raw(db, "PRAGMA foreign_keys = OFF")
        raw(db, damage)
        at_rest = name == "nothing_claimed_at_rest"  # it is: the runner is still open
        assert {violation.invariant for violation in invariants.violations(db, at_rest=at_rest)} == {name} | others


def test_every_table_is_copied_when_a_database_is_salvaged(db):
    """Left out is what is made anew: by us (meta, move), from the jobs (ended), by the next run (held_gpu)."""
    tables = {name for (name,) in db.connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    made_anew = {"meta", "move", "ended", "held_gpu"}
    assert {name for name in tables if not name.startswith("sqlite_")} == made_anew | salvage.TABLES.keys()
