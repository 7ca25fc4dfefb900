"""Being told to stop: gently first, then at once; nothing stays behind, and the next run goes on."""

import signal

import pytest

from tests.process.running import finished
from tests.support.waiting import wait_for
from torc_local.engine.cancel import cancel
from torc_local.ground import clock
from torc_local.store import opening


def running(place, count=1):
    return lambda: place.lines().total() >= count


@pytest.mark.parametrize(
    ("kind", "code"), [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.fault)]
)
def test_the_first_signal_lets_running_jobs_end(place, kind, code):
    place.write({"name": "j{i}", "command": place.append("{i}", "sleep 0.5"), "parameters": {"i": "1:20"}})
    run = place.start(4)
    wait_for(running(place, 4))
    run.send_signal(kind)
    done = finished(run)
    assert done["code"] == code
    assert done["counts"] == {"completed": 4, "ready": 16}
    assert place.run(20)["counts"] == {"completed": 20}
    assert set(place.lines().values()) == {1}, "a job that was let end is not repeated"


def test_after_the_grace_period_jobs_are_ended_and_start_again_later(place):
    place.write({"name": "j", "command": place.append("j", f"test -e {place.directory}/quick || sleep 300")})
    run = place.start(1, "grace=0.2")
    wait_for(running(place))
    run.send_signal(signal.SIGINT)
    done = finished(run, timeout_s=20)
    assert done["code"] == 130
    assert done["counts"] == {"ready": 1}
    assert place.query("SELECT attempt_id, status, return_code FROM v_attempts") == [(1, "terminated", -15)]
    (place.directory / "quick").touch()
    assert place.run(1)["counts"] == {"completed": 1}


def test_the_second_signal_ends_jobs_now_even_those_that_ignore_it(place):
    place.write({"name": "j", "command": f"trap '' TERM INT HUP; {place.append('j')}; setsid sleep 300 & sleep 300"})
    run = place.start(1)
    wait_for(running(place))
    run.send_signal(signal.SIGINT)
    wait_for((place.db_path.parent / "stopping").exists)
    run.send_signal(signal.SIGINT)
    done = finished(run, timeout_s=20)
    assert done["code"] == 130
    assert done["counts"] == {"ready": 1}


def test_a_job_that_ignores_the_request_is_killed_a_little_later(place):
    place.write({"name": "j", "command": f"trap '' TERM; {place.append('j')}; sleep 300; sleep 300"})
    run = place.start(1, "grace=0.1")
    wait_for(running(place))
    run.send_signal(signal.SIGTERM)
    done = finished(run, timeout_s=30)
    assert done["code"] == 143
    assert place.query("SELECT return_code FROM v_attempts") in ([(-9,)], [(137,)])


def test_a_closed_terminal_ends_jobs_at_once(place):
    place.write({"name": "j", "command": place.append("j", "sleep 300")})
    run = place.start(1)
    wait_for(running(place))
    run.send_signal(signal.SIGHUP)
    assert finished(run, timeout_s=20)["code"] == 143


def test_a_workflow_canceled_from_another_process_ends_its_jobs_and_leaves_the_rest(place):
    place.write(
        {"name": "j{i}", "command": place.append("{i}", f"test -e {place.directory}/quick || sleep 300"),
         "parameters": {"i": "1:6"}},
    )  # fmt: skip
    run = place.start(2)
    wait_for(running(place, 2))
    with opening.open_existing(place.db_path) as db:
        assert cancel(db, 1, at=clock.now(), who="a test")
        assert not cancel(db, 1, at=clock.now(), who="a test")
    done = finished(run, timeout_s=20)
    assert done["code"] == 3
    assert done["counts"] == {"canceled": 2, "ready": 4}
    (place.directory / "quick").touch()
    assert place.run(2)["counts"] == {"completed": 6}


MOMENTS = [0.1, *(pytest.param(s, marks=pytest.mark.fault) for s in (0.0, 0.02, 0.05, 0.2, 0.4, 0.8))]


@pytest.mark.parametrize("delay", MOMENTS)
def test_a_stop_at_any_moment_of_a_run_resumes_to_completion(place, delay):
    place.write(
        {"name": "a{i}", "command": place.append("a{i}"), "parameters": {"i": "1:600"}},
        {"name": "b{i}", "command": place.append("b{i}"), "parameters": {"i": "1:600"}, "depends_on_regexes": ["^a"]},
    )
    run = place.start(8)
    wait_for(lambda: place.ask("SELECT 1 FROM v_workflows WHERE run_id = 1"))
    signal.sigtimedwait([], delay)
    run.send_signal(signal.SIGINT)
    stopped = finished(run)
    assert stopped["code"] in (0, 130)
    assert place.run(8)["counts"] == {"completed": 1200}
    assert set(place.lines().values()) == {1}, "a gentle stop repeats nothing"


def test_a_job_that_failed_by_itself_just_before_a_cancel_has_failed(place):
    place.write(
        {"name": "bad", "command": place.append("bad", "exit 3"), "priority": 1},
        {"name": "long", "command": place.append("long", "sleep 300")},
    )
    run = place.start(1)
    wait_for(running(place, 2))
    with opening.open_existing(place.db_path) as db:
        cancel(db, 1, at=clock.now(), who="a test")
    assert finished(run, timeout_s=20)["code"] == 3
    assert dict(place.query("SELECT name, status FROM v_jobs")) == {"bad": "failed", "long": "canceled"}
