"""Several runs on one database, as nodes that share a file system would be."""

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
