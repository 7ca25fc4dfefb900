"""What a job wrote, on the whole screen: followed, searched, and harmless."""

import pytest

from tests.report.small import Worked, job, spec, store
from tests.tui.conftest import drive
from torc_local.ground import clock
from torc_local.store import jobs, opening, workflows
from torc_local.store.jobs import Mark


def talking(tmp_path, out: bytes, err: bytes = b""):
    """A database with one job that runs and has written so much, and the file in which its output grows."""
    path = tmp_path / "torc.db"
    with opening.open_or_create(path) as db:
        store(db, spec("w", [job("talks")]))
        worked = Worked(db, 1)
        (claim,) = worked.claim()
        with db.write("test"):
            jobs.mark_running(
                db, worked.runner_id, [Mark(claim.id, claim.attempt_id, 1, clock.now(), worked.segment, 0, 0)]
            )
            workflows.add_counts(db, 1, {"pending": -1, "running": 1})
    (tmp_path / "stdio").mkdir()
    (tmp_path / "stdio" / "node01.000.out").write_bytes(out)
    (tmp_path / "stdio" / "node01.000.err").write_bytes(err)
    return path, tmp_path / "stdio" / "node01.000.out"


@pytest.mark.behaviour
def test_a_log_is_followed_while_it_grows(tmp_path):
    path, file = talking(tmp_path, b"".join(b"line %d\n" % n for n in range(100_000)))

    def write(text):
        with file.open("a") as log:
            log.write(text)

    async def steps(view):
        assert view.detail.endswith("line 99999")
        await view.press("l")
        assert view.log.text.endswith("line 99998\nline 99999")
        write("one more\n")
        await view.until(lambda: view.log.text.endswith("one more"))
        await view.press("k", "k")  # looking back ends the following
        seen = view.log.text
        write("unseen\n")
        await view.until(lambda: view.log.there.end == file.stat().st_size)
        assert view.log.text == seen
        await view.press("f")
        assert view.log.text.endswith("unseen")
        await view.press("g")
        assert view.log.text.startswith("line 0\nline 1\n")
        await view.press("pagedown")
        assert view.log.text.startswith("line 20\n")
        await view.press("G")
        assert view.log.text.endswith("unseen")
        await view.press("q", "q")
        assert view.app.return_value == 0

    drive(path, steps)


@pytest.mark.behaviour
def test_a_log_is_searched_and_both_streams_are_there(tmp_path):
    path, file = talking(tmp_path, b"".join(b"line %d\n" % n for n in range(5000)), b"Oops\n")

    async def steps(view):
        await view.press("l", "g", "slash")
        await view.type("LINE 77")
        assert view.log.text.startswith("line 77\n")
        await view.press("n")
        assert view.log.text.startswith("line 770\n")
        await view.press("N")
        assert view.log.text.startswith("line 77\n")
        await view.press("e")
        assert view.log.text == "Oops"
        await view.press("tab")
        assert "line" in view.log.text
        await view.press("y")
        assert f"{file}, bytes 0 to" in view.log_head
        await view.press("q")
        assert view.names == ["talks"]

    drive(path, steps, size=(160, 45))


def test_nothing_in_a_log_acts_on_the_terminal(tmp_path):
    nasty = b"\x1b[31mred\x1b[0m\x1b]0;title\x07 [bold]b[/]\n10%\r20%\r30%\r\n\x00\xff\xfe\n" + b"x" * 3_000_000
    path, _ = talking(tmp_path, nasty)

    async def steps(view):
        await view.press("l", "g")
        first, second, third, *rest = view.log.text.split("\n")
        assert first == "red\\x1b]0;title\\x07 [bold]b[/]"
        assert second == "30%"
        assert third == "\\x00\ufffd\ufffd"
        assert set("".join(rest)) == {"x"}
        await view.press("G", "pageup", "g")

    drive(path, steps)
