"""Several runs on one database, as nodes that share a file system would be."""

import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress

import pytest

pytestmark = pytest.mark.behaviour


def stages(place, jobs=60):
    """Two stages with a barrier; each job says that it ran."""
    spec = {
        "name": "w",
        "jobs": [
            {"name": "a{i}", "command": "echo a{i} >> log; sleep 0.02", "parameters": {"i": f"1:{jobs}"}},
            {"name": "barrier", "command": "echo barrier >> log", "depends_on_regexes": ["^a"]},
            {
                "name": "b{i}",
                "command": "echo b{i} >> log",
                "parameters": {"i": f"1:{jobs}"},
                "depends_on": ["barrier"],
            },
        ],
    }
    place.write(spec)
    return sorted([f"{kind}{i}" for kind in "ab" for i in range(1, jobs + 1)] + ["barrier"])


def test_nodes_that_join_share_the_work_and_each_job_runs_once(place):
    """With the journal of shared file systems; whoever is first begins the run."""
    names = stages(place)
    assert place.call("--shared", "create", "w.yaml").code == 0
    nodes = [place.start("--shared", "join", "1", "-j", "2", "--progress", "none") for _ in range(3)]
    assert [(node.wait(90), node.communicate())[0] for node in nodes] == [0, 0, 0]
    assert sorted(place.text("log").split()) == names
    assert set(place.states().values()) == {"completed"}
    assert place.rows("SELECT count(DISTINCT run_id) FROM v_attempts") == [(1,)]
    assert place.call("doctor", "-f", "json").json["healthy"]
    assert not (place.root / "torc_output" / "torc.db-wal").exists()


def test_the_exit_code_of_join_is_that_of_the_node(place):
    place.write({"name": "w", "jobs": [{"name": "bad", "command": "exit 3"}]})
    assert place.call("create", "w.yaml").code == 0
    assert place.call("join", "1", "--progress", "none").code == 0
    assert place.states() == {"bad": "failed"}
    assert place.call("join", "1", "--progress", "none").code == 0
    assert [row["attempt_id"] for row in place.results()] == [1], "nothing was put back"
    answer = place.call("join", "w.yaml")
    assert (answer.code, "is a workflow file" in answer.err) == (2, True)


def test_a_database_is_shared_and_taken_back_only_when_nobody_works(place):
    place.write(
        {"name": "w", "jobs": [{"name": "slow", "command": "touch up; while ! test -e go; do sleep 0.02; done"}]}
    )
    process = place.start("run", "w.yaml", "--progress", "none")
    place.wait_for("up")
    answer = place.call("db", "share")
    assert answer.code == 4
    (place.root / "go").touch()
    assert process.wait(60) == 0
    process.communicate()
    assert "can be used by several machines" in place.call("db", "share").out
    assert place.rows("SELECT journal FROM meta") == [("delete",)]
    assert place.call("--shared", "status").code == 0
    assert "is for one machine" in place.call("db", "unshare").out
    answer = place.call("--shared", "status")
    assert (answer.code, "db share" in answer.err) == (4, True)


def test_status_and_runners_show_the_nodes_with_their_end(place):
    place.write(
        {"name": "w", "jobs": [{"name": "slow", "command": "touch up; while ! test -e go; do sleep 0.02; done"}]}
    )
    process = place.start("--shared", "run", "w.yaml", "-j", "3", "--time-limit", "1h", "--progress", "none")
    place.wait_for("up")
    [node] = place.call("--shared", "status", "1", "-f", "json").json["nodes"]
    assert (node["state"], node["slots"], node["lost_runners"]) == ("alive", 3, 0)
    assert node["claimed"] == 1
    assert node["last_beat_at"] < node["ends_at"]
    assert "until 20" in place.call("--shared", "runners", "1").out
    (place.root / "go").touch()
    assert process.wait(60) == 0
    process.communicate()
    [node] = place.call("--shared", "status", "1", "-f", "json").json["nodes"]
    assert (node["state"], node["slots"]) == ("finished", 0)


_CLIENT = """\
import select, socket, sys
if sys.argv[2] == "unreachable":
    sys.exit(255)
way = socket.socket(socket.AF_UNIX)
way.connect("\\0" + sys.argv[1])
way.sendall(sys.argv[3].encode() + b"\\0")
watched = [sys.stdin, way]
while True:
    ready = select.select(watched, [], [])[0]
    if way in ready:
        sys.exit(int(way.recv(9) or b"255"))
    way.shutdown(socket.SHUT_WR)
    watched.remove(sys.stdin)
"""


def far(place, names):
    """A list of machines, and what reaches them, as ssh does: they are this one, and not below who asks for them."""
    (place.root / "hosts.txt").write_text("".join(f"{name}  # a machine\n" for name in names))
    (place.root / "client.py").write_text(_CLIENT)
    server = socket.socket(socket.AF_UNIX)
    server.bind(f"\0{place.root}"[:100])
    server.listen()
    address = server.getsockname()[1:].decode()

    def serve():
        while True:
            way, _ = server.accept()
            script = b""
            while not script.endswith(b"\0"):
                script += way.recv(1)
            process = subprocess.Popen(["sh", "-c", script[:-1].decode()], stdin=way.fileno(), cwd=place.root)
            threading.Thread(target=finish, args=(way, process), daemon=True).start()

    def finish(way, process):
        with suppress(OSError):  # who asked has gone
            way.sendall(str(process.wait()).encode())

    threading.Thread(target=serve, daemon=True).start()
    command = shlex.join([sys.executable, str(place.root / "client.py"), address])
    return {"env": {**os.environ, "TORC_LOCAL_SSH": command}}


def test_machines_of_a_list_join_the_run_and_one_that_cannot_be_reached_is_named(place):
    variables = far(place, ["there", "unreachable"])
    wait = "touch {}; while ! test -e {}; do sleep 0.02; done"  # for the other one, which must run at the same time
    jobs = [{"name": name, "command": wait.format(name, other)} for name, other in ("ab", "ba")]
    place.write({"name": "w", "jobs": jobs})
    run = place.start("--shared", "run", "w.yaml", "-j", "1", "--nodes", "hosts.txt", "--progress", "none", **variables)
    _, err = run.communicate(timeout=90)
    assert run.returncode == 0, err
    assert "warning: cannot reach node unreachable" in err
    assert place.rows("SELECT count(DISTINCT runner_id) FROM v_attempts WHERE status = 'completed'") == [(2,)]


def test_a_run_that_is_stopped_stops_the_machines_that_it_let_join(place):
    variables = far(place, ["there"])
    job = {"name": "j{i}", "command": "echo up >> log; sleep 60", "parameters": {"i": "1:2"}}
    place.write({"name": "w", "jobs": [job]})
    words = ("-j", "1", "--grace", "0.2", "--nodes", "hosts.txt", "--progress", "none")
    run = place.start("--shared", "run", "w.yaml", *words, **variables)
    place.wait_until(lambda: place.text("log").count("up") >= 2, 60)
    run.send_signal(signal.SIGINT)
    assert run.wait(60) == 130
    run.communicate()
    place.wait_until(lambda: place.rows("SELECT count(*) FROM v_runners WHERE ended_at IS NULL") == [(0,)])
    assert set(place.states().values()) == {"ready"}


def test_a_list_of_machines_that_cannot_be_read_or_used_is_refused_before_anything_is_stored(place):
    stages(place)
    for text, why in (("", "names no machine"), ("a b\n", "hosts.txt:1: 'a b' is not the name of a machine")):
        (place.root / "hosts.txt").write_text(text)
        answer = place.call("--shared", "run", "w.yaml", "--nodes", "hosts.txt")
        assert (answer.code, why in answer.err) == (2, True)
    answer = place.call("run", "w.yaml", "--nodes", "nowhere.txt")
    assert (answer.code, "no such file" in answer.err) == (2, True)
    (place.root / "hosts.txt").write_text("elsewhere\n")
    answer = place.call("--local", "run", "w.yaml", "--nodes", "hosts.txt")
    assert (answer.code, "this machine's own, so no other one can join" in answer.err) == (2, True)
    assert not (place.root / "torc_output").exists()
