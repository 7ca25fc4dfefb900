"""Two nodes with pids, names and network of their own work on one database on a real shared file system.

    python -m pytest -m shared_fs                # a few hundred jobs
    python -m pytest -m shared_fs --size full    # the 10,004-job version of the scale test, on every file system

README.md in this directory says what this shows and what it does not.
"""

import json
import re
import sys
import time
from collections import Counter

import pytest

from tests.shared_fs import gluster, nfs
from tests.shared_fs.nodes import LONG, MAIN, Nodes
from tests.support.kernels import why_not
from tests.support.waiting import wait_for

pytestmark = pytest.mark.shared_fs

NFS_4 = pytest.param("nfs 4.2", marks=pytest.mark.kernels)
NFS_3 = pytest.param("nfs 3", marks=pytest.mark.kernels)

#: Where a node may share: GlusterFS without a cache of pages, and NFS as it is mounted by default.
SOUND = ("gluster", NFS_4, NFS_3)

#: What is tried in the small size where it takes kernels.
ALSO_NFS = {
    "test_two_nodes_share_the_work_and_each_job_runs_once": (NFS_4, NFS_3),
    "test_a_node_that_dies_costs_no_job": (NFS_4, NFS_3),
    "test_a_file_that_a_node_has_missed_is_seen_when_another_makes_it": (NFS_4,),
    "test_half_a_transaction_of_a_writer_that_was_killed_is_undone_by_the_other_node": (NFS_4,),
    "test_a_node_that_was_cut_off_for_longer_than_its_lease_records_nothing_of_what_others_have_run": (NFS_4,),
}

#: Does not look at what the options of a mount say.
UNREAD = f"""
from torc_local.store import mounts
mounts.Mount.local_locks = None
{MAIN}"""

#: Nor asks the other node, and lets in who comes: what the questions are for is to be seen. Each transaction claims one
#: job, so that there are many.
UNASKED = f"""
from torc_local.engine import batch
from torc_local.process import neighbours
batch._LARGEST = 1
neighbours.Presence.meet = lambda *_: None
{MAIN}"""


#: Looks at the pages of the database, wherever it is.
CHECK = """
import apsw
try:
    found = [row[0] for row in apsw.Connection("torc.db").execute("PRAGMA integrity_check(3)")]
except apsw.Error as error:
    found = [str(error)]
print("" if found == ["ok"] else found, end="")
"""


def lease(seconds, *, own=None):
    """A node that gives others up after so long, and itself after ``own``."""
    return f"""
from torc_local.process import isolation, peers, runner
peers.SHARED_LEASE_S = {seconds}
runner.BEAT_S = peers.WATCH_S = 0.5
watch = isolation.watch
isolation.watch = lambda cells, token, lease_s, parent: watch(cells, token, {own or seconds}, parent)
{MAIN}"""


def pytest_generate_tests(metafunc):
    """The file systems of a test."""
    if "sound" in metafunc.fixturenames:
        small = ("gluster", *ALSO_NFS.get(metafunc.function.__name__, ()))
        metafunc.parametrize("sound", SOUND if metafunc.config.getoption("--size") == "full" else small, indirect=True)


@pytest.fixture(scope="module")
def kernels(tmp_path_factory):
    """Why there are none; None when there are."""
    return nfs.missing() or why_not(tmp_path_factory.mktemp("try"))


@pytest.fixture
def mounted(kernels, tmp_path):
    """Makes two nodes on a file system, or skips."""
    made: list[Nodes] = []

    def make(kind, *options):
        if kind == "gluster":
            if (why := gluster.missing()) is not None:
                pytest.skip(f"no GlusterFS: {why}")
            made.append(gluster.Gluster(tmp_path / "nodes", direct=not options))
        else:
            if kernels is not None:
                pytest.skip(f"no NFS: {kernels}")
            made.append(nfs.Nfs(tmp_path / "nodes", ",".join([f"vers={kind.removeprefix('nfs ')}", *options])))
        return made[-1]

    yield make
    for one in made:
        one.down()


@pytest.fixture
def sound(mounted, request):
    """Two nodes that see each other's locks and writes."""
    return mounted(request.param)


@pytest.fixture
def cached(mounted):
    """Two nodes as GlusterFS mounts by default: locks are global, pages may be old."""
    return mounted("gluster", "cached")


@pytest.fixture
def is_full(request):
    return request.config.getoption("--size") == "full"


def rounds(nodes, size, *, sleep="", more=()):
    """Four rounds with a barrier after each, and ``more``. How many jobs the rounds are; each writes its name."""
    jobs = [*more]
    for number in range(4):
        waits = {"depends_on": [f"barrier{number - 1}"]} if number else {}
        name, barrier = f"r{number}_{{i}}", f"barrier{number}"
        jobs += [
            {"name": name, "command": writes(nodes, name) + sleep, "parameters": {"i": f"1:{size}"}, **waits},
            {"name": barrier, "command": writes(nodes, barrier), "depends_on_regexes": [f"^r{number}_"]},
        ]
    nodes.write("w.json", json.dumps({"name": "rounds", "jobs": jobs}))
    return 4 * size + 4


def writes(nodes, name):
    """The command of a job that writes its name, on each node into a file of its own."""
    return f"echo {name} >> {nodes.root}/log.$NODE"


def refused(nodes, number, *words, program=MAIN):
    """What a call says that is refused, within ten seconds."""
    began = time.monotonic()
    code, _, err = nodes.call(number, *words, program=program)
    assert (code, time.monotonic() - began < 10) == (4, True), err
    return err


def wait_for_jobs(nodes, count):
    """Until so many have written their names."""
    wait_for(lambda: len(nodes.ran()) >= count, 60 + count / 10, pause_s=0.05)


def wait_for_name(nodes, pattern):
    wait_for(lambda: nodes.names(pattern), 60, pause_s=0.05)


def wait_for_output(nodes, number):
    """Until a node has begun to run jobs."""
    wait_for_name(nodes, f"stdio/node{number}-*")


def checked(nodes, jobs, *, at=1):
    """How many jobs each node ran; every job is completed once, and every promise of the database holds."""
    code, out, err = nodes.call(at, "doctor", "-f", "json")
    assert code == 0, out + err
    code, out, _ = nodes.call(at, "status", "-f", "json")
    assert (code, json.loads(out)["jobs_by_status"]["completed"]) == (0, jobs)
    figures = json.loads(nodes.call(at, "report", "scale", "-f", "json")[1])
    assert figures["lock_errors"] == 0
    shown = ("total_wall_seconds", "throughput_jobs_per_second", "write_transactions", "lock_wait_seconds_p99")
    sys.stderr.write(f"{jobs} jobs: " + json.dumps({name: figures.get(name) for name in shown}) + "\n")
    results = json.loads(nodes.call(at, "results", "--all-runs", "-f", "json")[1])["items"]
    done = [row["job_id"] for row in results if row["status"] == "completed"]
    assert len(done) == len(set(done)) == jobs, "no result is recorded twice"
    return Counter(row["node"] for row in results)


def commit_seq(nodes, number):
    """What a node reads now."""
    out = nodes.call(number, "sql", "SELECT commit_seq FROM v_meta", "-f", "json")[1]
    return json.loads(out)["items"][0]["commit_seq"]


def test_two_nodes_share_the_work_and_each_job_runs_once(sound, is_full):
    jobs = rounds(sound, 2500 if is_full else 100)
    first = sound.start(1, "run", "w.json", "-j", "8", "--progress", "none")
    wait_for_jobs(sound, 1)
    second = sound.start(2, "join", "1", "-j", "8", "--progress", "none")
    assert [process.communicate(timeout=sound.patience_s) for process in (first, second)] == [("", ""), ("", "")]
    assert (first.returncode, second.returncode) == (0, 0)
    ran = sound.ran()
    assert (len(ran), len(set(ran))) == (jobs, jobs)
    assert set(checked(sound, jobs)) == {"node1", "node2"}
    assert not sound.names("torc.db.node[s]"), "the nodes have left"


def test_a_node_that_dies_costs_no_job(sound, is_full):
    """All of its processes at once; the other one learns it from its beats, and from the lock that is free again."""
    jobs = rounds(sound, 2500 if is_full else 30, sleep="" if is_full else "; sleep 0.1")
    sound.start(1, "run", "w.json", "-j", "8", "--progress", "none", program=lease(5))
    wait_for_jobs(sound, 1)
    second = sound.start(2, "join", "1", "-j", "8", "--progress", "none", program=lease(5))
    wait_for_output(sound, 2)
    wait_for_jobs(sound, 5000 if is_full else 60)
    sound.die(1)
    out, err = second.communicate(timeout=sound.patience_s)
    assert second.returncode == 0, out + err
    counted = Counter(sound.ran())
    assert len(counted) == jobs
    assert checked(sound, jobs, at=2)["node2"] > 0


#: Has the database for itself from "held" to "cut".
HOLDS = """
import time
from contextlib import suppress
from pathlib import Path
import apsw
from torc_local.store import opening
with opening.open_existing(Path("torc.db")) as db:
    while not db.connection.in_transaction:
        with suppress(apsw.BusyError):
            db.connection.execute("BEGIN EXCLUSIVE")
    Path({root!r}, "held").touch()
    while not Path({root!r}, "cut").exists():
        time.sleep(0.01)
    db.connection.execute("ROLLBACK")
"""


def cut_off(nodes):
    """Node 1; without a lock where the server keeps that until the node is back, and nobody goes on (docs)."""
    if not (isinstance(nodes, nfs.Nfs) and nodes.keeps_locks):
        nodes.cut_off(1)
        return
    holder = nodes.start(2, program=HOLDS.format(root=str(nodes.root)))
    wait_for((nodes.root / "held").exists, 60)
    nodes.cut_off(1)
    (nodes.root / "cut").touch()
    assert holder.communicate(timeout=60) == ("", "")


@pytest.mark.parametrize("notices", [True, False], ids=["it ends its jobs itself", "it does not notice"])
def test_a_node_that_was_cut_off_for_longer_than_its_lease_records_nothing_of_what_others_have_run(
    sound, is_full, notices
):
    """Back on the network it goes on with new work. What a switch or a cable does, and what it costs: seconds."""
    if not notices and not is_full:
        pytest.skip("in the full size only: it takes its time")
    size = 2500 if is_full else 60
    # A transaction may wait for seconds where much goes on. Besides, a GlusterFS client hangs for good when a process
    # is killed that waits for a lock just when the client notices that it is cut off, after 2 s here (docs).
    seconds = 20 if is_full else 6
    # Two that are running on it when it is cut off.
    long = {"name": "long{i}", "command": f"sleep {LONG}", "parameters": {"i": "1:2"}, "priority": 9}
    rounds(sound, size, sleep="; sleep 0.05", more=[long])
    first = sound.start(
        1, "run", "w.json", "-j", "8", "--progress", "none", program=lease(seconds, own=seconds if notices else 90)
    )
    wait_for_jobs(sound, 20)
    on_first = sound.long_jobs()
    assert len(on_first) == 2
    second = sound.start(2, "join", "1", "-j", "8", "--progress", "none", program=lease(seconds))
    wait_for_output(sound, 2)
    cut_off(sound)
    cut = time.monotonic()
    seen = []
    while len(sound.long_jobs() - on_first) < 2:  # the other node has taken them over
        assert time.monotonic() - cut < 60
        assert second.poll() is None
        seen.append(commit_seq(sound, 2))
    if notices:
        assert not sound.long_jobs() & on_first, "it has ended them before they ran again"
    sound.cut_off(1, cut=False)
    # Back again, it learns that they are not its own any more.
    wait_for(lambda: not sound.long_jobs() & on_first, 30, pause_s=0.1)
    seen.append(commit_seq(sound, 2))
    assert seen == sorted(seen)
    # What is left is short: end the long ones as a person would.
    for name in ("long1", "long2"):
        code, out, err = sound.call(2, "cancel", name, "-w", "1")
        assert code == 0, out + err
    told = [process.communicate(timeout=sound.patience_s if is_full else 60)[1] for process in (first, second)]
    assert (first.returncode, second.returncode) == (1, 0), told
    states = json.loads(sound.call(2, "status", "-f", "json")[1])["jobs_by_status"]
    assert (states["completed"], states["canceled"]) == (4 * size + 4, 2)
    results = json.loads(sound.call(2, "results", "--all-runs", "-f", "json")[1])["items"]
    done = Counter(row["job_id"] for row in results if row["status"] == "completed")
    assert (len(done), set(done.values())) == (4 * size + 4, {1}), "no result is recorded twice"
    code, out, err = sound.call(1, "doctor", "-f", "json")
    assert code == 0, out + err


#: A writer that is killed when it has written forty pages of a transaction.
DIES = """
import os, time
import apsw
from pathlib import Path
from torc_local.store import hot_journal, opening
class File(apsw.VFSFile):
    left = 0
    def xWrite(self, data, offset):
        super().xWrite(data, offset)
        if self.left:
            self.left -= 1
            if not self.left:
                os._exit(137)  # the first process of a machine is not killed by a signal of its own
class Disk(apsw.VFS):
    def xOpen(self, name, flags):
        file = File("unix", name, flags)
        if flags[0] & apsw.SQLITE_OPEN_MAIN_DB:
            files.append(file)
        return file
files = []
disk = Disk("dies", "unix", True)
db = opening.open_existing(Path("torc.db"))
for _ in range(3):
    with db.write("once"):
        db.connection.execute("UPDATE seen SET x = x + 1")
    time.sleep(0.1)
files[0].left = 40
with db.write("dies"):
    db.connection.execute("UPDATE wide SET x = x + 1")
"""

#: Writes, so that its machine remembers that its journal is gone, and says what it reads, until some seconds are over.
WATCHES = """
import json, os, time
from pathlib import Path
from torc_local.store import hot_journal, opening
if not {asks}:
    hot_journal._is_filled = lambda path: os.path.exists(path) and os.stat(path).st_size > 0
until = time.monotonic() + {seconds}
read = set()
with opening.open_existing(Path("torc.db")) as db:
    while time.monotonic() < until:
        with db.write("watch"):
            db.connection.execute("UPDATE seen SET y = y + 1")
            read |= {{row[0] for row in db.connection.execute("SELECT DISTINCT x FROM wide").fetchall()}}
        Path("watches").touch()
        time.sleep(0.03)
print(json.dumps(sorted(read)))
"""

WIDE = """
from pathlib import Path
from torc_local.store import opening
with opening.open_or_create(Path("torc.db")) as db:
    db.connection.execute("CREATE TABLE seen (x, y)")
    db.connection.execute("CREATE TABLE wide (id INTEGER PRIMARY KEY, x, pad)")
    with db.write("fill"):
        db.connection.execute("INSERT INTO seen VALUES (0, 0)")
        db.connection.executemany("INSERT INTO wide VALUES (?, 0, ?)", ((i, "x" * 400) for i in range(1000)))
"""


def test_half_a_transaction_of_a_writer_that_was_killed_is_undone_by_the_other_node(sound, is_full):
    """Also where that remembers that there was no journal, as NFS does. What it would read by that comes second."""
    read = {}
    for asks in (True, False) if isinstance(sound, nfs.Nfs) else (True,):
        for name in sound.names("torc.db*"):
            sound.call(1, program=f"import os; os.unlink({name!r})")
        code, _, err = sound.call(1, program=WIDE)
        assert code == 0, err
        watcher = sound.start(2, program=WATCHES.format(asks=asks, seconds=12 if is_full else 8))
        wait_for_name(sound, "watches")
        sound.call(1, program="import os; os.unlink('watches')")
        code, _, err = sound.call(1, program=DIES)
        assert code == 137, err
        out, err = watcher.communicate(timeout=60)
        read[asks] = json.loads(out or f'"{err}"')
    assert read[True] == [0]
    if isinstance(sound, nfs.Nfs):
        assert read[False] == [0, 1], "nothing was remembered: this test shows nothing"


#: Lets the database grow by ten pages a time, until that is enough.
GROWS = """
from pathlib import Path
from torc_local.store import opening
with opening.open_or_create(Path("torc.db")) as db:
    db.connection.execute("CREATE TABLE grown (x)")
    Path({begun!r}).touch()
    while not Path({enough!r}).exists():
        with db.write("grow"):
            db.connection.executemany("INSERT INTO grown VALUES (?)", [("x" * 4000,)] * 10)
"""

#: Opens it again and again, soon after it has looked at it: how often it was read, and whether it was ever damaged.
OPENS = """
import json, os, time
from collections import Counter
from pathlib import Path
import apsw
from torc_local.ground.errors import TorcLocalError
from torc_local.store import hot_journal, opening
if not {asks}:
    hot_journal._learn_size = lambda path: None
until = time.monotonic() + {seconds}
seen = Counter()
while time.monotonic() < until and set(seen) <= {{"read"}}:
    os.stat("torc.db")
    time.sleep(0.05)
    try:
        with opening.open_existing(Path("torc.db")) as db:
            db.connection.execute("SELECT x FROM grown LIMIT 1").fetchall()
        seen["read"] += 1
    except (apsw.CorruptError, TorcLocalError) as error:
        seen[str(error)] += 1
print(json.dumps(seen))
"""


def test_a_database_that_grows_on_one_node_is_not_damaged_for_another_that_opens_it(sound, is_full):
    """GlusterFS, as all of FUSE, remembers for a second how large it was. What SQLite says by that comes second."""
    said = {}
    for asks in (True, False) if isinstance(sound, gluster.Gluster) else (True,):
        for name in sound.names("torc.db*"):
            sound.call(1, program=f"import os; os.unlink({name!r})")
        begun, enough = f"begun.{asks}", sound.root / f"enough.{asks}"
        writer = sound.start(1, program=GROWS.format(enough=str(enough), begun=begun))
        wait_for_name(sound, begun)
        # What is remembered does harm within a second or two.
        seconds = (8 if is_full else 4) if asks else 60
        code, out, err = sound.call(2, program=OPENS.format(asks=asks, seconds=seconds))
        enough.touch()
        assert code == 0, err
        said[asks] = json.loads(out)
        assert writer.communicate(timeout=60) == ("", "")
    assert set(said[True]) == {"read"}, said[True]
    if isinstance(sound, gluster.Gluster):
        assert any("damaged" in text or "malformed" in text for text in said[False]), "this test shows nothing"


#: As somebody would who puts a copy in its place.
REPLACES = """
import os
os.rename("torc.db", "old.db")
open("torc.db", "w").close()
"""


def test_a_database_that_another_node_replaces_is_missed_within_seconds(sound, is_full):
    if not is_full:
        pytest.skip("in the full size only")
    sound.write("w.json", json.dumps({"name": "one", "jobs": [{"name": "long", "command": f"sleep {LONG}"}]}))
    first = sound.start(1, "run", "w.json", "-j", "1", "--progress", "none")
    wait_for_output(sound, 1)
    code, _, err = sound.call(2, program=REPLACES)
    assert code == 0, err
    began = time.monotonic()
    out, err = first.communicate(timeout=60)
    assert (first.returncode, time.monotonic() - began < 20) == (4, True), out + err
    assert "the database was replaced by another file" in err
    assert not sound.long_jobs()


MISSES = """
import time
from torc_local.process.declared import mtime_of
assert mtime_of("made1") is None
open("missed1", "w").close()
while mtime_of("made1") is None:
    time.sleep(0.05)
print("seen")
"""

REMEMBERS = """
import os, time
assert not os.path.exists("made2")
open("missed2", "w").close()
until = time.monotonic() + 5
while time.monotonic() < until:
    if os.path.exists("made2"):
        print("seen")
        break
"""


def test_a_file_that_a_node_has_missed_is_seen_when_another_makes_it(sound):
    """As an output that a job writes on another machine than its runner's. What NFS says by itself comes second."""
    said = []
    for number, program in enumerate((MISSES, REMEMBERS), start=1):
        looks = sound.start(1, program=program)
        wait_for_name(sound, f"missed{number}")
        sound.call(2, program=f"open('made{number}', 'w').close()")
        out, err = looks.communicate(timeout=60)
        assert err == ""
        said.append(out)
    assert said[0] == "seen\n"
    if isinstance(sound, nfs.Nfs):
        assert said[1] == "", "nothing was remembered: this test shows nothing"


def test_where_pages_may_be_old_a_second_node_is_refused_with_the_cause(cached):
    """Locks are global there: only the second question finds it out. Within ten seconds, and nothing was touched."""
    rounds(cached, 20, sleep="; sleep 0.3")
    first = cached.start(1, "run", "w.json", "-j", "4", "--progress", "none")
    wait_for_jobs(cached, 1)
    err = refused(cached, 2, "join", "1", "-j", "4", "--progress", "none")
    assert "what node1 writes under a lock is not seen here: old pages are read" in err
    err = refused(cached, 2, "cancel", "1")
    assert "the database cannot be used by several machines on this fuse.glusterfs" in err
    assert first.communicate(timeout=120) == ("", "")
    assert first.returncode == 0, "who was there first goes on"


def broken(nodes, jobs, processes):
    """What goes wrong when nobody asked, as soon as it is seen; empty when nothing does within a minute."""

    def twice():
        return sum(count > 1 for count in Counter(nodes.ran()).values())

    until = time.monotonic() + 60
    while not twice() and time.monotonic() < until:
        codes = [process.poll() for process in processes]
        if None not in codes or any(codes):
            break
        time.sleep(0.2)
    told, at_work = [], 0
    for process in processes:
        if process.poll() is None:
            process.kill()
            at_work += 1
        else:
            told.append(process.communicate(timeout=20)[1])
    found = {
        "twice": twice(),
        "pages": nodes.call(1, program=CHECK)[1],
        # A node that is alone, or on a sound mount, never says that.
        "said": sorted({line for text in told for line in text.splitlines() if DAMAGED.search(line)}),
    }
    left = jobs - len(set(nodes.ran()))
    sys.stderr.write(f"without the question: {found}, {at_work} still at work, {left} of {jobs} jobs not run\n{told}\n")
    return any(found.values())


DAMAGED = re.compile("the database is damaged|disk I/O error|the log of the database was deleted")

#: Four runners on each node: who works where nobody was asked.
MANY = ("-j", "4", "--runners", "4", "--progress", "none")


def test_what_the_question_guards_against_happens_without_it(cached):
    """The same mount with the question left out: jobs run twice, or the database breaks. Seen in seconds."""
    jobs = rounds(cached, 150, sleep="; sleep 0.02")
    first = cached.start(1, "run", "w.json", *MANY, program=UNASKED)
    wait_for_jobs(cached, 1)
    second = cached.start(2, "join", "1", *MANY, program=UNASKED)
    assert broken(cached, jobs, (first, second)), "this mount was sound after all"


@pytest.mark.parametrize("kind", ["gluster", NFS_4])
def test_a_write_ahead_log_is_refused_to_a_second_machine(mounted, kind, is_full):
    """Its index is memory of one machine. Said to be local on both, jobs run twice, or the database breaks.

    On GlusterFS with direct I/O SQLite cannot even map that index, so there it takes the default mount.
    """
    if kind != "gluster" and not is_full:
        pytest.skip("in the full size only")
    nodes = mounted(kind, *(["cached"] if kind == "gluster" else []))
    jobs = rounds(nodes, 150, sleep="; sleep 0.02")
    first = nodes.start(1, "--local", "run", "w.json", *MANY, program=UNASKED)
    wait_for_jobs(nodes, 1)
    err = refused(nodes, 2, "join", "1", "--progress", "none")
    assert "keeps a write-ahead log, which only one machine can use" in err
    assert "db share" in err
    second = nodes.start(2, "--local", "join", "1", *MANY, program=UNASKED)
    assert broken(nodes, jobs, (first, second)), "a log was sound on two machines after all"


NUMBERS = """
from pathlib import Path
from torc_local.store import mounts, opening
mounts.Mount.local_locks = None
with opening.open_or_create(Path("numbers.db")) as db:
    db.connection.execute("CREATE TABLE number (value, taken DEFAULT 0)")
    db.connection.execute("INSERT INTO number (value) VALUES (1), (2)")
"""

#: Takes the next number, as a runner claims jobs, and commits when the other node has taken one, or has had its time.
TAKES = """
import os, time
from pathlib import Path
from torc_local.store import mounts, opening
mounts.Mount.local_locks = None
root = Path({root!r})
with opening.open_existing(Path("numbers.db")) as db, db.write("take"):
    (number,) = db.connection.execute(
        "UPDATE number SET taken = 1 WHERE value = (SELECT min(value) FROM number WHERE NOT taken) RETURNING value"
    ).fetchone()
    print(number, flush=True)
    (root / ("taken." + os.environ["NODE"])).touch()
    until = time.monotonic() + {seconds}
    while len(list(root.glob("taken.*"))) < 2 and time.monotonic() < until:
        time.sleep(0.01)
"""


def taken(nodes, *, seconds):
    """What each node takes while the other is in its write transaction, or has been for ``seconds``."""
    nodes.call(1, program=NUMBERS)
    program = TAKES.format(root=str(nodes.root), seconds=seconds)
    first = nodes.start(1, program=program)
    wait_for((nodes.root / "taken.node1").exists, 60)
    second = nodes.start(2, program=program)
    # Whether they can commit is another matter: who came second takes the journal of the first for one that was left.
    return [process.communicate(timeout=60)[0] for process in (first, second)]


@pytest.mark.kernels
def test_without_a_lock_service_nfs_is_refused_by_name_and_if_not_by_asking(mounted):
    """And with neither, both nodes are in a write transaction at once, and take the same."""
    nodes = mounted("nfs 3", "nolock")
    rounds(nodes, 20, sleep="; sleep 0.3")
    run = ("run", "w.json", "-j", "4", "--progress", "none")
    err = refused(nodes, 1, *run)
    assert "nolock" in err
    assert nodes.names("torc.db*") == [], "nothing was touched"
    nodes.start(1, *run, program=UNREAD)
    wait_for_jobs(nodes, 1)
    err = refused(nodes, 2, "join", "1", "--progress", "none", program=UNREAD)
    assert "locks are known to each machine alone" in err
    assert taken(nodes, seconds=60) == ["1\n", "1\n"], "this mount was sound after all"


@pytest.mark.kernels
def test_with_a_lock_service_only_one_node_is_in_a_write_transaction(mounted, is_full):
    """What the test before shows of a mount without one it does not show of every mount."""
    if not is_full:
        pytest.skip("in the full size only")
    assert taken(mounted("nfs 3"), seconds=5) == ["1\n", "2\n"]


def test_a_command_that_writes_once_asks_the_nodes_at_work(sound):
    """On a machine that sees what they see it does its work at once; on one that works itself nobody is asked again."""
    rounds(sound, 100, sleep="; sleep 20")
    first = sound.start(1, "run", "w.json", "-j", "2", "--progress", "none")
    wait_for_jobs(sound, 1)
    code, out, err = sound.call(2, "cancel", "1")
    assert code == 0, out + err
    assert first.communicate(timeout=60)[0] == ""
    assert first.returncode == 3
    assert not sound.names("torc.db.node[s]")
    code, out, err = sound.call(2, "retry", "--failed", "-w", "1")
    assert (code, out, "no job of workflow 1 is like that" in err) == (2, "", True), "what ran was canceled"
    code, out, err = sound.call(2, "retry", "-w", "1")
    assert code == 0, out + err
    assert "2  canceled: r0_1, r0_2" in out
    states = json.loads(sound.call(2, "status", "-f", "json")[1])["jobs_by_status"]
    assert states["canceled"] == 0


def doctors(nodes):
    """What ``doctor --nodes`` says on both, called at the same time where there is no database yet."""
    both = [nodes.start(number, "doctor", "--nodes", "-f", "json") for number in (1, 2)]
    told = [json.loads(process.communicate(timeout=120)[0]) for process in both]
    found = [[one for one in answer["findings"] if one["check"] == "nodes"] for answer in told]
    return [process.returncode for process in both], [one for (one,) in found]


def test_doctor_on_two_nodes_says_that_a_file_system_is_fit(sound):
    codes, found = doctors(sound)
    assert (codes, [one["level"] for one in found]) == ([0, 0], ["ok", "ok"]), found
    for one in found:
        assert "fit for several machines" in one["detail"]
        assert "see each other's locks and writes" in one["detail"]
        assert "jobs/s one by one" in one["detail"]
    assert sound.names("*") == [], "nothing is left behind"


def test_doctor_on_two_nodes_says_that_a_file_system_is_not_fit(cached):
    codes, found = doctors(cached)
    assert 4 in codes
    assert any("not fit for several machines" in one["detail"] for one in found)
    assert any("old pages are read" in one["detail"] for one in found)
