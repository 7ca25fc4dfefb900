"""A name is believed to be missing only at the second look, after its directory was opened.

On real NFS: tests/shared_fs.
"""

import os

import pytest

from torc_local.ground import remembered


@pytest.mark.parametrize("kind", [str, os.fsencode], ids=["text", "bytes"])
def test_a_name_that_was_missing_is_looked_at_again_after_its_directory_was_opened(tmp_path, monkeypatch, kind):
    path = tmp_path / "made"
    stat, look = os.stat, remembered.look_again
    opened: list[str | bytes] = []

    def forgetful(where, **how):
        if where == kind(path) and not opened:
            raise FileNotFoundError(where)
        return stat(where, **how)

    def look_again(where):
        opened.append(where)
        look(where)

    monkeypatch.setattr(os, "stat", forgetful)
    monkeypatch.setattr(remembered, "look_again", look_again)
    path.write_text("there")
    assert remembered.stat(kind(path)).st_size == 5
    assert opened == [kind(tmp_path)]


def test_what_is_not_there_is_not_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in ("missing", tmp_path / "no" / "directory", b"missing"):
        with pytest.raises(FileNotFoundError):
            remembered.stat(path)


def test_a_directory_that_is_missing_is_no_matter(tmp_path):
    remembered.look_again(tmp_path / "missing")
    remembered.look_again("")
