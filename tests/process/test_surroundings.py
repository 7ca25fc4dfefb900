"""Runs in odd surroundings: ignored signals, stopped processes, strange locales, small limits, busy programs."""

import os
import resource
import signal
import subprocess
import sys
import time

import pytest

from tests.process.running import DRIVER, finished
from tests.support.waiting import wait_for
from torc_local.ground.errors import InputError
from torc_local.process import plan, spawn


def start(place, jobs, *options, before, **environment):
    """A run in whose process ``before`` was called first."""
    return subprocess.Popen(
        [sys.executable, str(DRIVER), str(place.db_path), str(place.spec), str(jobs), *options], text=True,
        env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=before,  # noqa: PLW1509
    )  # fmt: skip


def ignoring(*kinds):
    return lambda: [signal.signal(kind, signal.SIG_IGN) for kind in kinds]


def stop_and_continue(pid, seconds):
    os.kill(pid, signal.SIGSTOP)
    time.sleep(seconds)
    os.kill(pid, signal.SIGCONT)


def test_hup_and_int_that_were_ignored_by_who_started_us_are_ignored(place):
    """``nohup torc-local run``, and ``torc-local run &`` in a script."""
    place.write({"name": "j", "command": place.append("j", "sleep 0.3")})
    run = start(place, 1, before=ignoring(signal.SIGHUP, signal.SIGINT))
    wait_for(place.lines)
    run.send_signal(signal.SIGHUP)
    run.send_signal(signal.SIGINT)
    assert finished(run)["code"] == 0


def test_it_does_not_matter_that_who_started_us_ignores_its_children(place):
    place.write({"name": "good", "command": "true"}, {"name": "bad", "command": "exit 3"})
    done = finished(start(place, 2, before=ignoring(signal.SIGCHLD)), timeout_s=20)
    assert done["counts"] == {"completed": 1, "failed": 1}


def test_a_run_that_was_stopped_and_continued_goes_on(place):
    """Ctrl-Z and fg: nobody takes it for a request to end."""
    place.write({"name": "j", "command": place.append("j", "sleep 0.7")})
    run = place.start(1)
    wait_for(place.lines)
    stop_and_continue(run.pid, 0.4)  # longer than its timeout
    done = finished(run)
    assert done["code"] == 0
    assert not (place.db_path.parent / "stopping").exists()


def test_a_process_that_was_stopped_while_it_waited_takes_no_signal_for_a_new_one():
    wait = "print('ready', flush=True); print(inbox.wait(20), flush=True); print(inbox.wait(0.3))"
    program = f"import signal; from torc_local.process.inbox import Inbox; inbox = Inbox([signal.SIGTERM]); {wait}"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.terminate()
        assert process.stdout.readline() == "15\n"
        stop_and_continue(process.pid, 0.4)
        assert process.stdout.readline() == "None\n"


def test_runners_that_were_told_to_stop_one_by_one_leave_work_and_no_failure(place):
    place.write({"name": "j{i}", "command": place.append("{i}", "sleep 0.5"), "parameters": {"i": "1:3"}})
    run = place.start(1)
    wait_for(place.lines)
    ((runner,),) = place.query("SELECT pid FROM v_runners")
    os.kill(runner, signal.SIGTERM)
    done = finished(run)
    assert done["code"] == 3
    assert done["counts"] == {"completed": 1, "ready": 2}


def test_a_program_that_is_being_written_fails_its_job_and_no_other(place):
    program = place.directory / "program"
    program.write_bytes(b"\x7fELF")
    program.chmod(0o755)
    place.write({"name": "busy", "command": f"{program} x"}, {"name": "other", "command": "true"})
    with program.open("ab"):
        done = place.run(1)
    assert done["counts"] == {"failed": 1, "completed": 1}
    assert place.query("SELECT return_code FROM v_attempts WHERE job_name = 'busy'") == [(126,)]


def test_paths_in_the_environment_of_jobs_hold_in_any_directory(place, monkeypatch):
    monkeypatch.chdir(place.directory)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    place.db_path = place.db_path.relative_to(place.directory)
    place.write({"name": "j", "command": 'cd / && test -f "$TORC_LOCAL_DB" && test -d "$TORC_OUTPUT_DIR/stdio"'})
    assert place.run(1)["code"] == 0


def test_letters_that_the_locale_lacks_reach_the_job(place):
    place.write(
        {"name": "direct", "command": "echo größer"}, {"name": "shell", "command": f"echo 日本 $X >> {place.log}"}
    )
    done = place.run(1, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert done["counts"] == {"completed": 2}
    assert place.log.read_text("utf-8") == "日本\n"


def test_what_jobs_left_in_other_sessions_ends_when_the_supervisor_is_killed(place):
    place.write({"name": "j", "command": f"setsid sleep 300 & {place.append('j', 'sleep 300')}"})
    run = place.start(1)
    wait_for(place.lines)
    run.kill()
    run.communicate()
    wait_for(lambda: place.leftovers() == [])


def test_when_no_coordinator_survives_the_run_ends(place):
    others = 'for p in $(cat /proc/$S/task/$S/children); do [ "$p" = $PPID ] || kill -KILL "$p"; done'
    hunt = f"S=$(cut -d' ' -f4 /proc/$PPID/stat); for n in {{1..60}}; do {others}; sleep 0.02; done"
    place.write(
        {"name": "hunter", "command": f"({hunt}) 2>> {place.log}"},
        {"name": "b", "command": "true", "depends_on": ["hunter"]},
    )
    done = finished(place.start(1, "grace=10"), timeout_s=30)
    assert done["code"] == 4
    assert done["counts"] == {"completed": 1, "blocked": 1}


def test_fewer_processes_than_asked_for_do_the_work_when_there_is_no_room_for_more(place):
    place.write({"name": "j{i}", "command": place.append("{i}"), "parameters": {"i": "1:40"}})
    scarce = (
        "import errno, itertools, os, runpy, sys; fork, count = os.fork, itertools.count(1)\n"
        "def scarce():\n"
        "    if next(count) > 4: raise OSError(errno.EAGAIN, 'no room')\n"
        "    return fork()\n"
        "os.fork = scarce; sys.argv.pop(0); runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    command = [sys.executable, "-c", scarce, str(DRIVER), str(place.db_path), str(place.spec), "8"]
    done = finished(subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE))
    assert done["code"] == 0
    assert done["explanations"] == [
        "cannot start more processes: resource temporarily unavailable (ulimit -u, ulimit -n)"
    ]
    assert place.query("SELECT count(*) FROM v_runners") == [(3,)]
    assert set(place.lines().values()) == {1}


NO_ROOM = """
import errno, itertools, os, runpy, sys
from torc_local.process import slots
spawn, count, slots.PATIENCE_S = os.posix_spawn, itertools.count(1), 0.5
def scarce(*given, **more):
    if next(count) % {each} == 0:
        raise OSError(errno.{error}, "no room")
    return spawn(*given, **more)
os.posix_spawn = scarce
sys.argv.pop(0)
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def with_little_room(place, jobs, *options, each, error):
    command = [sys.executable, "-c", NO_ROOM.format(each=each, error=error), str(DRIVER), str(place.db_path)]
    command += [str(place.spec), str(jobs), *options]
    return finished(subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE), timeout_s=40)


@pytest.mark.parametrize("error", ["EAGAIN", "ENOMEM"])
def test_a_job_waits_until_the_machine_has_room_for_another_process(place, error):
    place.write({"name": "j{i}", "command": place.append("{i}"), "parameters": {"i": "1:60"}})
    done = with_little_room(place, 4, "runners=2", each=3, error=error)
    assert (done["code"], done["counts"]) == (0, {"completed": 60})
    assert set(place.lines().values()) == {1}
    assert place.query("SELECT count(*), max(attempt_id) FROM v_attempts") == [(60, 1)]


def test_when_there_is_never_room_for_a_process_the_run_ends_and_says_why(place):
    place.write({"name": "j{i}", "command": place.append("{i}"), "parameters": {"i": "1:3"}})
    done = with_little_room(place, 2, "runners=1", each=1, error="EAGAIN")
    assert done["code"] == 4
    assert done["counts"] == {"ready": 3}
    (said,) = place.query("SELECT message FROM v_events WHERE type = 'process_failed'")
    assert "cannot start jobs" in said[0]


def test_runners_are_as_many_as_processors_and_open_files_allow(monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 4096))
    assert plan.number_of_runners(100, None, 2) == 2
    assert plan.number_of_runners(100, None, 128) == 64
    assert plan.number_of_runners(100_000, None, 2) == 209
    assert plan.number_of_runners(3, None, 8) == 3
    assert plan.number_of_runners(3, 10, 2) == 3
    assert plan.number_of_runners(5000, 5000, 2) == 960
    with pytest.raises(InputError, match=r"1 runner cannot run 1,000 jobs at once: each would need 2,000 open files"):
        plan.number_of_runners(1000, 1, 2)


ORPHAN = """
import os, signal, sys, time
from torc_local.process import inbox, kernel
signal.signal(signal.SIGQUIT, signal.SIG_IGN)
ready, say = os.pipe()
parent = os.getpid()
if os.fork() == 0:
    kernel.die_with_parent(parent, signal.SIGQUIT)
    os.write(say, b"x")
    while os.getppid() == parent:
        time.sleep(0.01)
    print(inbox.Inbox([signal.SIGQUIT]).wait(5), flush=True)
    os._exit(0)
os.read(ready, 1)
os._exit(0)
"""


def test_the_death_of_the_parent_is_not_missed_before_there_is_an_inbox_although_quit_is_ignored():
    """As in a script that starts us in the background."""
    done = subprocess.run([sys.executable, "-c", ORPHAN], capture_output=True, text=True, check=True, timeout=20)
    assert done.stdout == f"{int(signal.SIGQUIT)}\n"


def test_jobs_find_the_program_also_where_its_environment_is_not_activated(monkeypatch, tmp_path):
    (tmp_path / "ours").mkdir()
    for name in ("python", "torc-local"):
        (tmp_path / "ours" / name).write_text("#!/bin/sh\n")
        (tmp_path / "ours" / name).chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "ours" / "python"))
    assert spawn.path_to_us("/usr/bin") == f"/usr/bin:{tmp_path / 'ours'}"
    assert spawn.path_to_us(f"{tmp_path / 'ours'}:/usr/bin") == f"{tmp_path / 'ours'}:/usr/bin"
    (tmp_path / "ours" / "torc-local").unlink()
    assert spawn.path_to_us("/usr/bin") == "/usr/bin"
