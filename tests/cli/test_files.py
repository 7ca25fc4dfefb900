"""Files that a person asks for, with ``-o`` and the like: where other programs would write them, and as they would."""

import os
import stat
from pathlib import Path

import pytest

from torc_local.cli import files
from torc_local.ground.errors import InputError


@pytest.fixture
def umask():
    before = os.umask(0o027)
    yield 0o027
    os.umask(before)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("umask")
def test_a_new_file_may_be_read_by_whom_the_umask_allows_and_an_old_one_by_whom_it_allowed(here):
    private, public, old = here / "private", here / "public", here / "old"
    old.touch()
    old.chmod(0o604)
    for path in (private, public, old):
        assert files.write(path, ["a", "ü\n"], files.PUBLIC if path == public else files.PRIVATE) == 4
        assert path.read_text() == "aü\n"
    assert [mode(path) for path in (private, public, old)] == [0o600, 0o640, 0o604]
    assert {path.name for path in here.iterdir()} == {"private", "public", "old"}


@pytest.mark.parametrize("is_there", [True, False])
def test_a_link_stays_one_and_leads_to_what_was_written(here, is_there):
    (here / "other").mkdir()
    behind, link = here / "other" / "file", here / "link"
    if is_there:
        behind.write_text("before")
    link.symlink_to(behind)
    files.check("-o", link)
    files.write(link, ["after"])
    assert link.is_symlink()
    assert behind.read_text() == "after"


def test_a_device_and_a_pipe_are_written_to_and_stay(here):
    files.check("-o", Path(os.devnull))
    assert files.write(Path(os.devnull), ["gone"]) == 4
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)
    os.mkfifo(here / "pipe")
    reader = os.open(here / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    files.check("-o", here / "pipe")
    files.write(here / "pipe", ["a", "b"])
    assert os.read(reader, 10) == b"ab"
    os.close(reader)
    assert (here / "pipe").is_fifo()


def test_what_fails_on_the_way_leaves_what_was_there(here):
    def pieces():
        yield "half"
        raise OSError(5, "trouble")

    (here / "file").write_text("before")
    with pytest.raises(OSError, match="trouble"):
        files.write(here / "file", pieces())
    assert (here / "file").read_text() == "before"
    assert [path.name for path in here.iterdir()] == ["file"]
    with pytest.raises(OSError, match="No space left"):
        files.write(Path("/dev/full"), ["x"])


@pytest.mark.parametrize(
    ("path", "why"),
    [
        (".", "it is a directory"),
        ("no/file", "there is no directory no"),
        ("lost", "there is no directory"),
        ("file/file", "there is no directory file"),
    ],
)
def test_where_nothing_can_be_written_that_is_said_before(here, path, why):
    (here / "file").touch()
    (here / "lost").symlink_to("nowhere/file")
    with pytest.raises(InputError, match=why):
        files.check("-o", Path(path))
