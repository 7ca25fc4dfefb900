"""A changed file: which completed jobs its new workflow takes over, and that the rest runs as ever."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.test_random_graphs import Run, graphs, predicted, work_off
from tests.engine.test_restart import finished
from tests.support.workflows import NOW, Stage, spec_of
from torc_local.engine import admit
from torc_local.engine.close import close
from torc_local.ground.states import ENDED
from torc_local.spec.model import UserData, Uses
from torc_local.spec.options import NONE, Options
from torc_local.store import invariants, opening, workflows

ORIGIN = admit.Origin("tester", None, 0.0)

WAITS = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}


def edited(spec, **commands):
    """The same with other commands, and so another digest."""
    jobs = [job._replace(command=commands.get(job.name, job.command)) for job in spec.jobs]
    return spec._replace(jobs=tuple(jobs), digest="e" * 64)


def take_over(db, spec, earlier_id=1):
    """The workflow made from ``spec``, as a stage that may begin; and what was said of it before."""
    found = admit.compare(db, spec, ORIGIN, earlier_id)
    stage = Stage(db, spec, earlier_id=earlier_id)
    return stage, found


def test_what_is_the_same_is_completed_and_the_rest_runs(db):
    stage = finished(db, WAITS)
    new, found = take_over(db, edited(spec_of(WAITS), b="echo other"))
    assert new.statuses() == {"a": "completed", "b": "ready", "c": "completed", "d": "blocked"}
    assert [(one.why, one.jobs, one.names) for one in found.others] == [
        ("command has changed", 1, ["b"]),
        ("after one of these", 1, ["d"]),
    ]
    earlier = workflows.get(db, stage.workflow_id)
    assert earlier is not None
    assert earlier.is_archived
    begun = new.begin()
    assert begun.run_id == 2
    new.run_all()
    assert set(new.statuses().values()) == {"completed"}
    close(db, new.workflow_id, begun.run_id, at=NOW)
    assert invariants.violations(db, at_rest=True) == []


def test_new_jobs_run_and_those_that_are_gone_are_counted(db):
    finished(db, WAITS, failing=["c"])
    waits = {"a": [], "b": ["a"], "n": ["a"], "c": ["a"]}
    new, found = take_over(db, spec_of(waits)._replace(digest="e" * 64))
    assert new.statuses() == {"a": "completed", "b": "completed", "n": "ready", "c": "ready"}
    assert {one.why: one.names for one in found.others} == {"new": ["n"], "was failed": ["c"]}
    assert found.gone == 1


def test_another_order_is_another_job(db):
    finished(db, {"a": [], "b": [], "c": ["a"]})
    new, found = take_over(db, spec_of({"a": [], "b": [], "c": ["b"]})._replace(digest="e" * 64))
    assert new.statuses()["c"] == "ready"
    assert found.others[0].why == "what it waits for has changed"


def test_nothing_that_only_says_how_a_job_runs_makes_it_run_again(db):
    finished(db, {"a": [], "b": ["a"]})
    spec = spec_of({"a": [], "b": ["a"]}, priorities={"a": 7})
    options = Options(description="other", supports_termination=True, failure_handler=None)
    jobs = tuple(job._replace(options=1) for job in spec.jobs)
    new, _ = take_over(db, spec._replace(jobs=jobs, options=(NONE, options), digest="e" * 64))
    assert set(new.statuses().values()) == {"completed"}


def test_script_and_environment_of_a_job_and_of_the_workflow_matter(db):
    finished(db, {"a": [], "b": []})
    spec = spec_of({"a": [], "b": []})
    for options in (Options(env=(("X", "1"),)), Options(invocation_script="nice")):
        jobs = (spec.jobs[0]._replace(options=1), spec.jobs[1])
        found = admit.compare(db, spec._replace(jobs=jobs, options=(NONE, options)), ORIGIN, 1)
        assert ([one.names for one in found.others], list(found.taken)) == ([["a"]], [1])
    found = admit.compare(db, spec._replace(settings=spec.settings._replace(env=(("Y", "1"),))), ORIGIN, 1)
    assert found.taken == {}


def with_data(data):
    """b reads the user data that the file gives."""
    spec = spec_of({"a": [], "b": ["a"]})
    uses = Uses(inputs=[(), (0,)], input_sets=((0,),), outputs=[(), ()])
    return spec._replace(user_data=(UserData("x", data, False),), user_data_count=1, user_data_uses=uses, io=[0, 4])


def test_other_user_data_in_the_file_makes_its_readers_run_again(db):
    stage = Stage(db, with_data("1"))
    stage.begin()
    stage.run_all()
    close(db, stage.workflow_id, stage.run_id, at=NOW)
    assert sorted(admit.compare(db, with_data("1"), ORIGIN, 1).taken) == [0, 1]
    found = admit.compare(db, with_data("2"), ORIGIN, 1)
    assert (sorted(found.taken), found.others[0].why) == ([0], "files or user data have changed")


def test_user_data_that_was_written_is_taken_along(db):
    stage = Stage(db, with_data("1"))
    stage.begin()
    stage.run_all()
    close(db, stage.workflow_id, stage.run_id, at=NOW)
    db.connection.execute("UPDATE user_data SET given = data, data = '7', put_at = 5.0, version = 9")
    new, _ = take_over(db, with_data("1")._replace(digest="e" * 64))
    rows = db.connection.execute(
        "SELECT data, given, version FROM user_data WHERE workflow_id = ?", (new.workflow_id,)
    ).fetchall()
    assert rows == [("7", "1", 9)]


def test_who_has_spawned_jobs_runs_again_for_they_are_not_in_the_file(db):
    stage = finished(db, WAITS)
    with db.write("test"):
        db.connection.execute(
            "INSERT INTO user_data (workflow_id, name, data, is_ephemeral, is_consumed, is_produced, job_id, put_at)"
            " VALUES (?, '__torc_lineage__b__g000001', '{}', 0, 0, 0, 2, 1.0)",
            (stage.workflow_id,),
        )
    found = admit.compare(db, spec_of(WAITS), ORIGIN, 1)
    assert [one.names for one in found.others] == [["b"], ["d"]]


@settings(max_examples=25, deadline=None)
@given(graphs(), st.integers(0, 2**32), st.integers(0, 150), st.data())
def test_after_any_edit_at_any_moment_what_is_taken_over_is_what_does_not_follow_from_the_edit(
    tmp_path_factory, graph, seed, steps, data
):
    groups, keep_going, failing = graph
    rnd = random.Random(seed)
    with opening.open_or_create(tmp_path_factory.mktemp("taking") / "torc.db", turnstile=False) as db:
        spec = spec_of({name: [] for name in groups}, shared=groups, keep_going=keep_going)
        run = Run(Stage(db, spec), graph, rnd)
        for _ in range(steps):
            if not run.done():
                run.step()
        run.stop()
        before = run.stage.statuses()
        changed = data.draw(st.sets(st.sampled_from(list(groups))))
        new, _ = take_over(db, edited(spec, **dict.fromkeys(changed, "echo other")), run.stage.workflow_id)
        kept: set[str] = set()
        for name, sets in groups.items():  # in an order in which they can run
            if before[name] == "completed" and name not in changed and all(o in kept for s in sets for o in s):
                kept.add(name)
        after = new.statuses()
        assert {name for name, status in after.items() if status in ENDED} == kept
        for name in set(groups) - kept:
            free = all(one in kept for group in groups[name] for one in group)
            assert after[name] == ("ready" if free else "blocked")
        assert invariants.violations(db, at_rest=True) == []
        goes_on = Run(new, (groups, keep_going, failing - kept), rnd)
        work_off(db, [goes_on], rnd)
        if not db.connection.execute("SELECT 1 FROM event WHERE message LIKE 'its runner died%'").fetchall():
            assert new.statuses() == predicted(groups, keep_going, failing - kept)
