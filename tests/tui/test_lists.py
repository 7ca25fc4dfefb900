"""The lists: what they show, how one moves in them, and that nothing of 100,000 jobs is held but what is seen."""

import pytest

from tests.report.small import SMALL, Worked, job, spec, store
from tests.tui.conftest import drive
from tests.tui.large import large_database
from torc_local.store import opening


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    return large_database(tmp_path_factory.mktemp("large") / "torc.db")


def test_header_lists_details_and_keys_are_on_the_screen(path):
    async def steps(view):
        assert view.header.startswith("small   workflow 1, run 1\nfinished with failures in ")
        assert "completed 5" in view.header
        assert view.names == [one.name for one in SMALL.jobs]
        await view.press("G", "k")
        assert view.name == "bad"
        assert view.detail.startswith("bad\nfailed\ncommand   echo oops >&2; exit 3")
        assert "attempt 1  failed" in view.detail
        await view.tab("runners")
        assert view.rows.text.splitlines()[1].split() == ["1", "node01", "finished", "6", "0"]
        await view.tab("groups")
        assert [row.cells for row in view.rows.rows][-2:] == [("bad", "1", "0", "1"), ("after_bad", "1", "0", "0")]
        await view.press("slash")
        await view.type("TWO")
        assert [row.cells[0] for row in view.rows.rows] == ["two_*"]
        assert "        2 completed" in view.detail
        await view.press("enter")
        assert view.names == ["two_1", "two_2"]
        assert "filter: two_*" in view.status
        await view.press("escape")
        await view.tab("resources")
        assert view.rows.rows[0].cells == ("one_*", "1.00s", "4.0M", "-")
        assert "requirements default" in view.detail
        await view.tab("graph")
        assert [row.cells[:2] for row in view.rows.rows] == [
            ("1", "one_*"), ("1", "bad"), ("2", "barrier"), ("2", "after_bad"), ("3", "two_*"),
        ]  # fmt: skip
        await view.press("j", "j")
        assert view.detail.split("\n\n")[1:] == ["waits for\n  one_* (2)", "then come\n  two_* (2)"]
        await view.tab("events")
        assert view.rows.rows[0].start.id > view.rows.rows[-1].start.id
        await view.press("tab")
        assert view.rows.source.title == "jobs"
        await view.press("shift+tab", "j")
        assert view.rows.source.title == "events"

    drive(path, steps)


@pytest.mark.behaviour
def test_details_explanation_and_help_are_texts_to_leaf_through(path):
    async def steps(view):
        await view.press("G", "enter")
        assert "after_bad" in view.text
        assert "waits for  bad (failed)" in view.text
        await view.press("q", "e")
        assert view.text.startswith("after_bad is canceled: something before it did not succeed")
        await view.press("escape", "question_mark", "G", "g", "pagedown")
        assert "y                         retry" in view.text
        await view.press("q")
        assert view.names
        await view.press("q")
        assert view.app.return_value == 0

    drive(path, steps)


def test_of_100000_jobs_only_what_is_seen_is_held_and_every_place_is_near(large):
    async def steps(view):
        room = view.rows.capacity
        assert view.names == [f"sim_{n:06}" for n in range(1, room + 1)]
        await view.press("G")
        assert view.name == "sim_100000"
        assert view.names == [f"sim_{n:06}" for n in range(100_001 - room, 100_001)]
        assert "at 100 %" in view.status
        await view.press("pageup", "k")
        assert view.name == f"sim_{100_000 - room:06}"
        await view.press("pagedown", "g", "pagedown", "j")
        assert view.name == f"sim_{room + 1:06}"
        assert len(view.rows.rows) == room
        await view.press("g", "k", "k")
        assert view.name == "sim_000001"

    drive(large, steps)


@pytest.mark.behaviour
def test_a_filter_finds_states_and_names(large):
    async def steps(view):
        await view.press("slash")
        await view.type("failed 99")
        assert view.names[:2] == ["sim_009907", "sim_019907"]
        assert "filter: failed 99" in view.status
        await view.press("G")
        assert view.name == "sim_099907"
        await view.press("f")
        await view.type("[ ]")  # nothing is like that, and nothing breaks
        assert view.names == []
        assert "no jobs like that" in view.status
        await view.press("escape")
        assert view.name == "sim_000001"
        await view.press("slash")
        await view.type("ready")
        assert len(view.names) == 10

    drive(large, steps)


@pytest.mark.behaviour
def test_jobs_are_sorted_by_name_time_and_memory(large):
    async def steps(view):
        await view.press("s", "G")
        assert "by name" in view.status
        assert view.name == "sim_100000"
        await view.press("s")
        assert "the slowest first" in view.status
        times = [float(row.cells[2].removesuffix("s")) for row in view.rows.rows]
        assert times == sorted(times, reverse=True)
        assert times[0] == 9.99
        await view.press("s")
        assert view.rows.rows[0].cells[2] == "95.3 MiB"
        await view.press("s")
        await view.tab("runners")
        await view.press("s")
        assert "only jobs can be sorted" in view.status

    drive(large, steps)


@pytest.mark.behaviour
def test_it_fits_other_sizes_and_keeps_its_place(large):
    async def steps(view):
        await view.press("G", "k", "k")
        await view.resize(160, 45)
        assert view.name == "sim_099998"
        assert len(view.rows.rows) == view.rows.capacity == 39
        await view.resize(80, 24)
        assert view.name == "sim_099998"
        assert len(view.rows.rows) == view.rows.capacity
        await view.resize(30, 8)  # cramped, not broken
        await view.press("j", "2", "1")

    drive(large, steps)


@pytest.mark.behaviour
def test_what_happens_meanwhile_is_seen_and_the_cursor_stays_on_its_job(tmp_path):
    path = tmp_path / "torc.db"
    jobs = [job(f"w_{number}") for number in range(30)]
    with opening.open_or_create(path) as db:
        store(db, spec("w", jobs))
        worked = Worked(db, 1)

        async def steps(view):
            await view.press("slash")
            await view.type("ready")
            await view.press("j", "j", "j", "j")
            kept = view.name
            claims = worked.claim()
            worked.claim(*map(worked.result, claims))
            await view.look()
            assert view.name == kept
            assert claims[0].name not in view.names
            assert "completed 1" in view.header
            await view.press("A")  # no more looking
            worked.claim(*map(worked.result, worked.claim()))
            before = view.header
            await view.look()
            assert view.header == before
            await view.press("r")
            assert view.header != before

        drive(path, steps)


HOSTILE = ["[bold red]x[/]", "[/]", "[@click=app.leave]go[/]", "$x {y}", "日本語" * 12, "é\u0301ñ"]


def test_hostile_names_are_shown_as_they_are(tmp_path):
    path = tmp_path / "torc.db"
    jobs = [job(name, command="printf '[blink]\x1b]0;t\x07'") for name in HOSTILE]
    with opening.open_or_create(path) as db:
        store(db, spec("[reverse]w[/]", jobs))

    async def steps(view):
        assert view.header.startswith("[reverse]w[/]   workflow 1")
        assert view.names == HOSTILE
        assert "[@click=app.leave" in view.rows.text
        for _ in HOSTILE:
            assert "[blink]\\x1b]0;t\\x07" in view.detail.replace("\n", "")
            assert all(line.isprintable() for line in view.rows.text.splitlines() + view.detail.splitlines())
            await view.press("enter", "q", "e", "q", "j")
        assert all(view.rows.render_line(y).cell_length == view.rows.size.width for y in range(10))

    drive(path, steps)
