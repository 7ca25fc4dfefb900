"""Which file system a path is on, and what that means for a database."""

from pathlib import Path

import pytest

from torc_local.ground.errors import StateError
from torc_local.store import meta, mounts, opening
from torc_local.store.mounts import Use

TABLE = r"""
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:40 / /home rw,relatime - nfs4 server:/home rw,vers=4.2,local_lock=none,addr=10.0.0.1
31 22 0:41 / /old rw,relatime - nfs server:/old rw,vers=3,nolock,addr=10.0.0.1
32 22 0:42 / /scratch rw - lustre mds@tcp:/scratch rw,localflock
33 22 0:43 / /mnt/my\040disk rw - xfs /dev/sdb rw
34 22 0:44 / /remote rw,nosuid - fuse.sshfs host:/ rw,user_id=0
35 30 8:2 / /home/node/tmp rw - tmpfs tmpfs rw
36 22 0:45 / /odd rw - quantumfs q rw
37 22 0:46 / /over rw - ext4 /dev/sdc rw
38 22 0:47 / /over rw - nfs4 server:/over rw
line that is none
"""


@pytest.mark.parametrize(
    ("path", "kind", "use"),
    [
        ("/etc/x", "ext4", Use.LOCAL),
        ("/home/me/run/torc.db", "nfs4", Use.SHARED),
        ("/homework/torc.db", "ext4", Use.LOCAL),
        ("/home/node/tmp/torc.db", "tmpfs", Use.LOCAL),
        ("/mnt/my disk/torc.db", "xfs", Use.LOCAL),
        ("/remote/torc.db", "fuse.sshfs", Use.SHARED),
        ("/odd/torc.db", "quantumfs", Use.SHARED),
        ("/over/torc.db", "nfs4", Use.SHARED),
    ],
)
def test_the_longest_mount_point_counts_and_unknown_kinds_are_shared(path, kind, use):
    found = mounts.mount_of(Path(path), TABLE)
    assert (found.kind, found.use) == (kind, use)


def test_mounts_whose_locks_are_local_are_known_by_their_option():
    assert mounts.mount_of(Path("/home/x"), TABLE).local_locks is None
    assert mounts.mount_of(Path("/old/x"), TABLE).local_locks == (
        "nolock",
        "mount it without nolock, or with NFS version 4",
    )
    assert mounts.mount_of(Path("/scratch/x"), TABLE).local_locks == ("localflock", "mount it with flock")


@pytest.fixture
def on(monkeypatch):
    """Let every path be on a mount of the table."""

    look = mounts.mount_of

    def choose(path):
        monkeypatch.setattr(mounts, "mount_of", lambda _: look(Path(path), TABLE))

    return choose


def test_a_new_database_on_a_shared_file_system_has_a_rollback_journal(tmp_path, on):
    on("/home/x")
    with opening.open_or_create(tmp_path / "torc.db") as db:
        assert (meta.get(db).journal, db.is_shared, db.connection.pragma("synchronous")) == ("delete", True, 3)
    assert not (tmp_path / "torc.db-wal").exists()
    with opening.open_read_only(tmp_path / "torc.db") as db:
        assert db.is_shared


def test_a_database_with_a_log_is_refused_there_until_it_is_shared(tmp_path, on):
    path = tmp_path / "torc.db"
    on("/etc/x")
    with opening.open_or_create(path) as db:
        assert not db.is_shared
    on("/home/x")
    for refused in (opening.open_existing, opening.open_read_only):
        with pytest.raises(StateError, match="write-ahead log, which only one machine can use, and this is nfs4"):
            refused(path)
    with opening.open_alone(path) as db:
        opening.share(db, opening.ROLLBACK)
    with opening.open_existing(path) as db:
        assert db.connection.pragma("journal_mode") == "delete"
    on("/etc/x")
    with opening.open_alone(path) as db:
        opening.share(db, opening.WAL)
    with opening.open_existing(path) as db:
        assert db.connection.pragma("journal_mode") == "wal"


def test_a_kill_between_the_wish_and_the_change_is_mended_by_the_next_writer(tmp_path, on):
    path = tmp_path / "torc.db"
    with opening.open_or_create(path) as db, db.write("test"):
        db.connection.execute("UPDATE meta SET journal = 'delete'")
    with opening.open_existing(path) as db:
        assert db.connection.pragma("journal_mode") == "delete"
    on("/home/x")
    opening.open_existing(path).close()


@pytest.mark.parametrize(("path", "option"), [("/old/x", "nolock"), ("/scratch/x", "localflock")])
def test_a_mount_with_local_locks_is_refused_by_the_name_of_its_option(tmp_path, on, path, option, monkeypatch):
    on(path)
    with pytest.raises(StateError, match=f"locks are not shared .*option {option}") as refused:
        opening.open_or_create(tmp_path / "torc.db")
    assert "mount it with" in str(refused.value.hint)
    monkeypatch.setenv(mounts.VARIABLE, "local")
    opening.open_or_create(tmp_path / "torc.db").close()


def test_what_a_person_says_of_the_file_system_counts(tmp_path, on, monkeypatch):
    on("/home/x")
    monkeypatch.setenv(mounts.VARIABLE, "local")
    assert opening.journal_for(tmp_path / "torc.db") == "wal"
    on("/etc/x")
    monkeypatch.setenv(mounts.VARIABLE, "shared")
    assert opening.journal_for(tmp_path / "torc.db") == "delete"
    monkeypatch.setenv(mounts.VARIABLE, "nonsense")
    assert opening.journal_for(tmp_path / "torc.db") == "wal"


def test_a_link_counts_as_where_it_leads(tmp_path, monkeypatch):
    asked = []

    def look(path):
        asked.append(path)
        return mounts.UNKNOWN

    monkeypatch.setattr(mounts, "mount_of", look)
    assert mounts.use_of(tmp_path / "link.db") is Use.SHARED
    assert asked == [tmp_path / "link.db"], "not its directory"
