"""``doctor --nodes`` where no other machine answers; with two machines it is tested in tests/shared_fs."""

from torc_local.cli import together
from torc_local.store import mounts


def test_on_a_disk_of_this_machine_there_is_nobody_to_meet(tmp_path, monkeypatch):
    monkeypatch.setenv(mounts.VARIABLE, "local")
    found = together.examine(tmp_path / "torc.db")
    assert (found.level, "no other one can use the database" in found.detail) == ("note", True)
    assert list(tmp_path.iterdir()) == []


def test_alone_it_says_what_it_cannot_tell(tmp_path, monkeypatch):
    monkeypatch.setenv(mounts.VARIABLE, "shared")
    found = together.examine(tmp_path / "torc.db", wait_s=0.0)
    assert found.level == "note"
    assert "not known whether other machines see the locks and writes of this one" in found.detail
    assert "on two machines at the same time" in found.cure
    assert list(tmp_path.iterdir()) == [], "nothing is left behind"
