"""Two nodes with pids, names and network of their own work on one database on a real shared file system.

    python -m pytest -m shared_fs                # a few hundred jobs
    python -m pytest -m shared_fs --size full    # the 10,004-job version of the scale test

README.md in this directory says what this shows and what it does not.
"""

import json
import time
from collections import Counter

import pytest

from tests.shared_fs import gluster

pytestmark = [
    pytest.mark.shared_fs,
    pytest.mark.skipif(gluster.missing() is not None, reason=f"no GlusterFS: {gluster.missing()}"),
]

#: Lets a node in whatever the others say: what the questions are for is to be seen.
UNASKED = """
from torc_local.process import neighbours
neighbours.Presence.meet = lambda *_: None
from torc_local.cli.main import main
raise SystemExit(main())
"""


@pytest.fixture
def sound(tmp_path):
    """Two nodes without a cache of pages."""
    made = gluster.Gluster(tmp_path / "gluster", direct=True)
    yield made
    made.down()


@pytest.fixture
def cached(tmp_path):
    """Two nodes as GlusterFS mounts by default: locks are global, pages may be old."""
    made = gluster.Gluster(tmp_path / "gluster", direct=False)
    yield made
    made.down()


def rounds(place, size, log, *, sleep=""):
    """Four rounds with a barrier after each; every job writes its name into ``log``."""
    jobs = []
    for number in range(4):
        waits = {"depends_on": [f"barrier{number - 1}"]} if number else {}
        name = f"r{number}_{{i}}"
        jobs.append(
            {"name": name, "command": f"echo {name} >> {log}{sleep}", "parameters": {"i": f"1:{size}"}, **waits}
        )
        barrier = f"barrier{number}"
        jobs.append({"name": barrier, "command": f"echo {barrier} >> {log}", "depends_on_regexes": [f"^r{number}_"]})
    (place / "w.json").write_text(json.dumps({"name": "rounds", "jobs": jobs}))
    return 4 * size + 4


def wait_for(log, lines):
    until = time.monotonic() + 60
    while not log.exists() or len(log.read_text().split()) < lines:
        assert time.monotonic() < until
        time.sleep(0.05)


def checked(nodes, jobs):
    """How many jobs each node ran; every job is completed once, and every promise of the database holds."""
    code, out, err = nodes.call(1, "doctor", "-f", "json")
    assert code == 0, out + err
    code, out, _ = nodes.call(1, "status", "-f", "json")
    assert (code, json.loads(out)["jobs_by_status"]["completed"]) == (0, jobs)
    results = json.loads(nodes.call(1, "results", "--all-runs", "-f", "json")[1])["items"]
    assert len([row for row in results if row["status"] == "completed"]) == jobs
    return Counter(row["node"] for row in results)


def test_two_nodes_share_the_work_and_each_job_runs_once(sound, tmp_path, request):
    size = 2500 if request.config.getoption("--size") == "full" else 100
    log = tmp_path / "log"
    jobs = rounds(sound.mount(1), size, log)
    first = sound.start(1, "run", "w.json", "-j", "8", "--progress", "none")
    wait_for(log, 1)
    second = sound.start(2, "join", "1", "-j", "8", "--progress", "none")
    assert [process.communicate(timeout=600) for process in (first, second)] == [("", ""), ("", "")]
    assert (first.returncode, second.returncode) == (0, 0)
    ran = log.read_text().split()
    assert (len(ran), len(set(ran))) == (jobs, jobs)
    assert set(checked(sound, jobs)) == {"node1", "node2"}
    assert not (sound.mount(1) / "torc.db.nodes").exists(), "the nodes have left"


def test_a_node_that_dies_costs_no_job(sound, tmp_path):
    """All of its processes at once; the other one learns it from its beats, and from the lock that is free again."""
    log = tmp_path / "log"
    jobs = rounds(sound.mount(1), 30, log, sleep="; sleep 0.1")
    lease = "from torc_local.process import peers\npeers.SHARED_LEASE_S = 5.0\n"
    main = lease + "from torc_local.cli.main import main\nraise SystemExit(main())"
    first = sound.start(1, "run", "w.json", "-j", "4", "--progress", "none", program=main)
    wait_for(log, 1)
    second = sound.start(2, "join", "1", "-j", "4", "--progress", "none", program=main)
    wait_for(log, 40)
    first.kill()
    out, err = second.communicate(timeout=120)
    assert second.returncode == 0, out + err
    counted = Counter(log.read_text().split())
    assert len(counted) == jobs
    assert checked(sound, jobs)["node2"] > 0


def test_where_pages_may_be_old_a_second_node_is_refused_with_the_cause(cached, tmp_path):
    """Locks are global there: only the second question finds it out. Within ten seconds, and nothing was touched."""
    log = tmp_path / "log"
    rounds(cached.mount(1), 40, log, sleep="; sleep 0.3")
    first = cached.start(1, "run", "w.json", "-j", "4", "--progress", "none")
    wait_for(log, 1)
    began = time.monotonic()
    code, _, err = cached.call(2, "join", "1", "-j", "4", "--progress", "none")
    assert (code, time.monotonic() - began < 10) == (4, True)
    assert "what node1 writes under a lock is not seen here: old pages are read" in err
    assert first.communicate(timeout=120) == ("", "")
    assert first.returncode == 0, "who was there first goes on"


def test_what_the_question_guards_against_happens_without_it(cached, tmp_path):
    """The same mount with the question left out: jobs run twice, or the database breaks. Seen in seconds."""
    log = tmp_path / "log"
    jobs = rounds(cached.mount(1), 150, log, sleep="; sleep 0.02")
    first = cached.start(1, "run", "w.json", "-j", "4", "--progress", "none", program=UNASKED)
    wait_for(log, 1)
    second = cached.start(2, "join", "1", "-j", "4", "--progress", "none", program=UNASKED)
    told = [process.communicate(timeout=120)[1] for process in (first, second)]
    twice = [name for name, count in Counter(log.read_text().split()).items() if count > 1]
    healthy = cached.call(1, "doctor")[0] == 0
    done = len(set(log.read_text().split())) == jobs
    assert twice or not healthy or not done or any(told), "this mount was sound after all"
