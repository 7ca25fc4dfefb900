"""``doctor`` and ``doctor --repair``: each kind of damage made on purpose, found, explained, mended, run to the end."""

import random
from contextlib import suppress
from typing import Any

import apsw
import pytest

from tests.report.small import Worked, job, spec, store
from tests.support.damage import PAGE, cut_off, leaves, scribble, wide
from tests.support.spoiling import Spoiling, spoil, spoilings
from torc_local.store import invariants, mending_values, opening, workflows

#: a_1, a_2 -> gate -> b_1, b_2; b_1 -> c -> d; e is alone.
JOBS = spec(
    "damaged",
    [job("a_1"), job("a_2"), job("b_1", 0), job("b_2", 0), job("c", 1), job("d", 2), job("e")],
    [(0, 1), (2,), (4,)],
    dependency_count=6,
)


@pytest.fixture
def path(here):
    """A database in which a_1 has completed and nobody is at work."""
    place = here / "torc_output" / "torc.db"
    with opening.open_or_create(place) as db:
        worked = Worked(db, store(db, JOBS))
        (first,) = worked.claim()
        (second,) = worked.claim(worked.result(first))
        assert (first.name, second.name) == ("a_1", "a_2")
        db.connection.execute("UPDATE job SET status = 'ready', runner_id = NULL WHERE id = ?", (second.id,))
        workflows.recount(db, 1)
        db.connection.execute("UPDATE runner SET ended_at = 1, end_reason = 'stopped'")
        db.connection.execute("UPDATE coordinator SET released_at = 1")
        assert invariants.violations(db, at_rest=True) == []
    return place


def damage(path, *statements):
    """Do to a database what no statement of ours may."""
    with opening.open_existing(path) as db:
        db.connection.pragma("foreign_keys", False)
        db.connection.pragma("ignore_check_constraints", True)
        db.connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
        for sql in statements:
            db.connection.execute(sql)


def finish(path):
    """Work on it to the end; every job completes."""
    with opening.open_existing(path) as db:
        assert invariants.violations(db, at_rest=True) == []
        db.connection.execute("DELETE FROM action")  # nobody executes them here
        Worked(db, 1, now=1_800_000_000.0).to_the_end()
        assert invariants.violations(db, at_rest=True) == []
        rows = db.connection.execute("SELECT name, status FROM job WHERE status <> 'completed'").fetchall()
    assert rows == []


ACTION = "VALUES (1, 1, 1, 'on_jobs_complete', 'run_commands', 0, '{}')"

DAMAGES = {
    "counts_match_jobs": ("UPDATE job_count SET jobs = jobs + 5 WHERE status = 'ready'",),
    "every_state_is_counted": ("DELETE FROM job_count WHERE status = 'ready'",),
    "blockers_match_dependencies": ("UPDATE job SET blockers = 7 WHERE name = 'd'",),
    "gates_match_members": ("UPDATE gate SET remaining = 2",),
    "failures_match_dependencies": ("UPDATE job SET blocker_failed = 1 WHERE name = 'c'",),
    "gates_match_failures": ("UPDATE gate SET failed = 1",),
    "queue_holds_what_ended": ("INSERT INTO ended (workflow_id, node_id, failed) VALUES (1, 7, 0), (9, 9, 0)",),
    "completed_has_one_completion": ("DELETE FROM attempt",),
    "completion_is_final": ("UPDATE job SET status = 'ready' WHERE name = 'a_1'",),
    "claims_have_live_runners": ("UPDATE job SET status = 'pending', runner_id = 1 WHERE name = 'e'",),
    "a claim of nobody": ("UPDATE job SET status = 'running', runner_id = 99 WHERE name = 'e'",),
    "running_rows_match_jobs": ("INSERT INTO running VALUES (7, 1073741824, 1, 0, 0, 0)",),
    "budget_is_kept": ("UPDATE runner SET held_cpus = 3",),
    "ended_run_has_nothing_open": ("UPDATE run SET ended_at = 1",),
    "nothing_is_half_put_back": ("UPDATE job SET status = 'uninitialized' WHERE name IN ('e', 'c')",),
    "a ready job that must wait": ("UPDATE job SET status = 'ready', blockers = 0 WHERE name = 'd'",),
    "a state that is none": ("UPDATE job SET status = 'lazy' WHERE name = 'e'",),
    "nothing_claimed_at_rest": (
        "UPDATE runner SET ended_at = NULL, end_reason = NULL",
        "UPDATE job SET status = 'running', runner_id = 1 WHERE name = 'e'",
        "INSERT INTO running VALUES (7, 1073741824, 1, 0, 0, 0)",
        "UPDATE job_count SET jobs = jobs - 1 WHERE status = 'ready'",
        "UPDATE job_count SET jobs = jobs + 1 WHERE status = 'running'",
    ),
    "requirements, machines and runs that are not there": (
        "DELETE FROM resource_requirements", "DELETE FROM node", "DELETE FROM run",
        "INSERT INTO segment VALUES (77, 77, 'x')",
    ),
    "actions_have_jobs": (f"INSERT INTO action {ACTION}", "INSERT INTO action_job VALUES (1, 99), (2, 1)"),
    "actions_have_live_actors": (
        f"INSERT INTO action {ACTION}", "INSERT INTO action_job VALUES (1, 1)",
        "INSERT INTO action_run (action_id, run_id, worker, runner_id, started_at) VALUES (1, 1, '', 1, 0)",
    ),
    "ended_run_has_no_open_action": (
        f"INSERT INTO action {ACTION}", "INSERT INTO action_job VALUES (1, 1)", "UPDATE run SET ended_at = 1",
        "INSERT INTO action_run (action_id, run_id, worker, runner_id, started_at) VALUES (1, 1, '', 1, 0)",
    ),
    "moves_are_known": ("DELETE FROM move WHERE after = 'failed'",),
    "runs_are_numbered": ("UPDATE workflow SET run_id = 0",),
    "usage_has_jobs": ("INSERT INTO attempt_usage VALUES (99, 1, 1, 9, 9, 1, 1, 1, 1, 0, 0, 1, 'tree', NULL)",),
    "everything at once": (
        "DELETE FROM job_count", "UPDATE job SET blockers = 0, status = 'ready' WHERE status = 'blocked'",
        "UPDATE gate SET remaining = 0, failed = 1", "UPDATE run SET ended_at = 1", "DELETE FROM attempt",
    ),
}  # fmt: skip


#: The others are for the long suite: each of these is of another kind.
QUICK = {"blockers_match_dependencies", "completion_is_final", "nothing_claimed_at_rest", "everything at once"}


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.fault) for name in DAMAGES]
)
def test_what_is_wrong_is_found_explained_and_mended(call, path, name):
    damage(path, *DAMAGES[name])
    before = call("doctor", "-f", "json")
    if name == "nothing_claimed_at_rest":
        assert before.code == 0, "runners of another machine count as alive"
    else:
        assert before.code == 4
        bad = {one["check"]: one["cure"] for one in before.json["findings"] if one["level"] == "bad"}
        assert "_" not in name or name in bad
        assert set(bad.values()) & {"torc-local doctor --repair"} or "doctor --repair" in str(bad)
    after = call("doctor", "--repair", "-f", "json")
    assert after.code == 0, after.out
    assert after.json["repairs"] != ["there was nothing to mend"]
    assert call("doctor", "--repair", "-f", "json").json["repairs"] == ["there was nothing to mend"]
    finish(path)


SAYS_NOTHING = (
    "DELETE FROM meta",
    "UPDATE meta SET journal = 'memory'",
    "UPDATE meta SET commit_seq = 9223372036854775807",
    "UPDATE meta SET created_by = CAST(x'ff' AS TEXT)",
)


@pytest.mark.parametrize(
    "sql", [SAYS_NOTHING[0], *(pytest.param(sql, marks=pytest.mark.fault) for sql in SAYS_NOTHING[1:])]
)
def test_a_file_that_does_not_say_any_more_what_it_is_is_refused_with_a_sentence_and_mended(call, path, sql):
    damage(path, sql)
    for words in (["status"], ["jobs"], ["doctor"], ["run"]):
        answer = call(*words)
        assert (answer.code, answer.out) == (4, "")
        assert "the database is damaged" in answer.err
        assert "torc-local doctor --repair" in answer.err
    answer = call("doctor", "--repair")
    assert answer.code == 0, answer.out
    assert "made the row anew that says what this file is" in answer.out
    finish(path)


def test_settings_that_cannot_be_read_are_not_made_up(call, process, path):
    damage(path, "UPDATE workflow SET settings = '[]'")
    answer = call("doctor", "--repair")
    assert answer.code == 4
    assert "documents_can_be_read" in answer.out
    answer = process("run")
    assert answer.code == 4
    assert "the database is damaged" in answer.err


def test_values_that_only_tell_are_made_up_and_a_command_becomes_one_that_fails(call, path):
    damage(
        path,
        "UPDATE event SET message = CAST(x'ff' AS TEXT)",
        "UPDATE job SET command = CAST(x'ff' AS TEXT) WHERE name = 'e'",
    )
    assert call("job", "e").code == 4
    assert "set 2 values right" in call("doctor", "--repair").out
    assert "was lost" in call("job", "e").out
    finish(path)


#: What says what runs, how it ended, or what a settings or options document is: nobody may make that up.
DECIDES = {
    "meta": {"token", "created_by", "created_at", "commit_seq", "journal"},
    "workflow": {"settings"},
    "resource_requirements": {"num_cpus", "num_gpus", "num_nodes", "memory_bytes", "runtime_s", "limits"},
    "job_options": {"options"},
    "job": {"io"},
    "gate": {"members", "remaining"},
    "ended": {"cursor_id"},
    "runner": {"run_id", "acts"},
    "running": {"pid", "started_at", "segment_id", "stdout_start", "stderr_start"},
    "attempt": {"runner_id", "status", "return_code"},
    "file": {"name", "path", "is_consumed", "is_produced"},
    "user_data": {"name", "data", "given", "is_ephemeral", "is_consumed", "is_produced"},
    "item_set": {"kind"},
    "recovery": {"run_id", "runner_id", "return_code"},
    "action": {"number", "trigger_type", "action_type", "is_persistent", "config"},
    "action_run": {"runner_id", "ended_at", "return_code"},
}


def test_of_every_column_it_is_known_whether_it_may_be_made_up(path):
    with opening.open_read_only(path) as db:
        tables: list[tuple[Any, ...]] = db.connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        ).fetchall()
        left = {
            table: names
            for (table,) in tables
            if table not in mending_values._SEEN
            and (
                names := {
                    name
                    for name, is_key in db.connection.execute("SELECT name, pk FROM pragma_table_info(?)", (table,))
                    if not is_key and name not in mending_values._TELLING.get(table, {})
                }
                - {key for (key,) in db.connection.execute('SELECT "from" FROM pragma_foreign_key_list(?)', (table,))}
            )
        }
    assert left == DECIDES


@pytest.mark.parametrize(
    ("table", "change", "left"),
    [
        ("attempt_usage", "cpu_s = 'x'", []),
        ("attempt_usage", "peak_gpu_memory_bytes = 0.5", []),
        ("node_usage", "peak_cpu_percent = 'x'", []),
        ("runner", "ends_at = 'x'", [(None,)]),
        ("allocation", "submitted_at = 'x'", [(0.0,)]),
    ],
)
def test_of_what_was_seen_nothing_is_made_up(call, path, table, change, left):
    damage(
        path,
        "INSERT INTO attempt_usage SELECT job_id, run_id, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 'tree', 1 FROM attempt",
        "INSERT INTO node_usage SELECT 1, 1, id, 1, 1, 1, 1, 1 FROM node",
        "INSERT INTO allocation VALUES (1, 7, 1, NULL, 5)",
    )
    spoil(path, Spoiling(table, change, f"UPDATE {table} SET {change}"))
    assert call("doctor").code == 4
    assert "set 1 value right" in call("doctor", "--repair").out
    with opening.open_read_only(path) as db:
        column = change.split()[0]
        assert db.connection.execute(f"SELECT {column} FROM {table}").fetchall() == left
    assert call("doctor").code == 0
    finish(path)


@pytest.mark.parametrize("times", [2, pytest.param(40, marks=pytest.mark.fault)])
def test_whatever_is_spoilt_commands_that_look_end_with_a_sentence(call, path, times):
    content = path.read_bytes()
    for spoiling in random.Random(times).sample(spoilings(path), times):
        path.write_bytes(content)
        with suppress(apsw.MismatchError, apsw.ConstraintError):
            spoil(path, spoiling)
        for words in (["status"], ["jobs"], ["doctor"]):
            answer = call(*words)
            assert answer.code in (0, 2, 4), f"{spoiling}: {answer}"
            assert answer.code == 0 or answer.out + answer.err, spoiling


def test_a_repair_of_what_is_whole_changes_nothing_that_matters(call, path):
    assert "repair: there was nothing to mend" in call("doctor", "--repair").out
    finish(path)


def test_a_job_that_is_lost_is_put_back_so_that_nothing_runs_too_early(call, path):
    damage(path, "DELETE FROM job WHERE name IN ('b_1', 'e')")
    answer = call("doctor", "--repair")
    assert answer.code == 0, answer.out
    assert "2 jobs had lost their rows" in answer.out
    listed = {one["name"]: one["status"] for one in call("jobs", "-f", "json").json["items"]}
    assert listed["lost_3"] == listed["lost_7"] == "failed"
    assert call("results", "--failed", "-f", "json").json["items"][0]["reason"] == "the record of this attempt was lost"


def test_a_lost_job_with_a_recorded_completion_is_completed(call, path):
    damage(path, "DELETE FROM job WHERE name = 'a_1'")
    assert call("doctor", "--repair").code == 0
    finish(path)


def test_lost_dependencies_are_not_made_up(call, path):
    damage(path, "DELETE FROM dependency WHERE before_id = 2")
    answer = call("doctor", "--repair")
    assert answer.code == 4
    assert "gates_match_members" in answer.out


def test_a_dead_run_is_put_right_and_run_to_its_end(call, process, here):
    path = here / "torc_output" / "torc.db"
    cut_off(path, JOBS, claims=2, running=1)
    notes = call("doctor")
    assert notes.code == 0
    assert "1 runner died without a goodbye" in notes.out
    answer = call("doctor", "--repair")
    assert answer.code == 0
    assert "closed 1 runner that died without a goodbye; freed 2 jobs; released 1 lease" in answer.out
    done = process("run", "-j", "2")
    assert done.code == 0, done.err
    assert "cut off" not in done.err


def test_nothing_is_repaired_while_somebody_has_the_database_open(call, path):
    with opening.open_read_only(path) as db:
        db.connection.execute("SELECT count(*) FROM job").fetchall()
        answer = call("doctor", "--repair")
    assert (answer.code, answer.out) == (4, "")
    assert "somebody works on this database now: " in answer.err
    assert "fuser" in answer.err


def test_indexes_are_made_anew(call, path):
    (root,) = leaves(path, "job_ready")
    # A leaf of an index with nothing in it: whole as a page, and wrong. Nobody would be given the ready jobs.
    scribble(path, root, content=b"\x0a\x00\x00\x00\x00\x10\x00\x00")
    answer = call("doctor")
    assert answer.code == 4
    assert "missing from index job_ready" in answer.out
    answer = call("doctor", "--repair")
    assert answer.code == 0, answer.out
    assert "repair: made all indexes anew from their tables" in answer.out
    finish(path)


@pytest.fixture
def large(here):
    """Several pages of jobs."""
    place = here / "torc_output" / "torc.db"
    cut_off(place, wide(100), claims=5)
    return place


def test_of_a_damaged_file_what_can_be_read_goes_into_a_new_one(call, process, large):
    damaged = leaves(large, "job")[2]
    scribble(large, damaged)
    content = large.read_bytes()
    found = call("doctor")
    assert found.code == 4
    assert "BAD" in found.out
    assert "to do: torc-local doctor --repair; or put a snapshot in its place" in found.out
    answer = call("doctor", "--repair")
    assert answer.code == 0, answer.out
    assert "rows were lost of job (in 1 place)" in answer.out
    assert "jobs had lost their rows" in answer.out
    (kept,) = large.parent.glob("torc.db.damaged-*")
    assert kept.read_bytes() == content
    names = [one["name"] for one in call("jobs", "-f", "json").json["items"]]
    assert names == [*(f"j_{number}" for number in range(1, 101)), "last"], "the index still knew the names"
    assert sorted(path.name for path in large.parent.iterdir() if "part" in path.name) == []
    done = process("run", "-j", "4", "-f", "json")
    assert done.code == 1, done.err
    counts = done.json["jobs_by_status"]
    assert counts["failed"] >= 5
    assert counts["completed"] + counts["failed"] == 100
    assert counts["canceled"] == 1, "what waits for a lost job does not run"
    assert call("doctor").code == 0


@pytest.mark.fault
def test_when_only_an_index_is_damaged_no_row_is_lost(call, process, large):
    scribble(large, leaves(large, "job_by_name")[0])
    answer = call("doctor", "--repair")
    assert answer.code == 0, answer.out
    assert "no row was lost" in answer.out
    assert process("run", "-j", "4").code == 0


@pytest.mark.fault
def test_when_dependencies_are_lost_the_database_stays_and_what_was_read_lies_beside_it(call, here):
    path = here / "torc_output" / "torc.db"
    cut_off(path, wide(900))
    scribble(path, leaves(path, "dependency")[0])
    content = path.read_bytes()
    answer = call("doctor", "--repair")
    assert answer.code == 4
    assert "rows of dependency are lost" in answer.out
    assert path.read_bytes() == content
    (beside,) = path.parent.glob("torc.db.salvaged-*")
    assert len(call("jobs", "--db", str(beside), "-f", "json").json["items"]) == 901


def test_a_file_of_which_nothing_can_be_read_is_left_alone(call, path):
    content = path.read_bytes()[:PAGE] + b"\xff" * (20 * PAGE)
    path.write_bytes(content)
    answer = call("doctor", "--repair")
    assert (answer.code, answer.out) == (4, "")
    assert "Traceback" not in answer.err
    assert path.read_bytes() == content
    assert [one.name for one in path.parent.iterdir() if "part" in one.name or "salv" in one.name] == []
