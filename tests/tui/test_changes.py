"""Every change asks first, is made by the functions of the commands, and what is refused is told in a sentence."""

import pytest

from tests.report.small import Worked, job, spec, store
from tests.tui.conftest import drive
from torc_local.ground.states import JobStatus
from torc_local.store import opening, reading, runners
from torc_local.tui.screens import Question


def states(path):
    with opening.open_read_only(path) as db:
        return {one.name: one.status for one in reading.jobs(db, 1, None, None)}


async def asked(view, key):
    """Press the key of a change, and wait for its question."""
    await view.press(key)
    await view.until(lambda: isinstance(view.app.screen, Question))
    return view.text


async def answer(view, key):
    await view.press(key)
    await view.until(lambda: not isinstance(view.app.screen, Question) and not view.app._changing)
    await view.settle()


def test_a_job_is_retried_after_a_yes(path):
    async def steps(view):
        await view.press("G", "k")
        question = await asked(view, "y")
        assert "2 jobs run again" in question.replace("would run", "run")
        assert "bad" in question
        assert "after_bad" in question
        await answer(view, "n")
        assert view.status == "nothing was changed"
        assert states(path)["bad"] == "failed"
        await asked(view, "y")
        await answer(view, "y")
        assert states(path)["bad"] == "ready"
        assert states(path)["after_bad"] == "blocked"
        assert "2 jobs run again" in view.status
        assert view.rows.rows[-2].cells[0] == "ready"  # seen at once
        await view.press("g")
        await view.press("y")
        await view.until(lambda: view.status == "one_1 is completed: there is nothing to retry")

    drive(path, steps)


@pytest.mark.behaviour
def test_a_job_is_canceled_after_a_yes_and_what_has_ended_is_not(tmp_path):
    path = tmp_path / "torc.db"
    with opening.open_or_create(path) as db:
        store(db, spec("w", [job("a"), job("b")]))

    async def steps(view):
        assert "Cancel a, which is ready?" in await asked(view, "c")
        await answer(view, "n")
        assert states(path)["a"] == "ready"
        await asked(view, "c")
        await answer(view, "y")
        assert states(path) == {"a": "canceled", "b": "ready"}
        assert view.status == "workflow 1: 1 job canceled"
        await view.press("c")
        await view.until(lambda: "there is nothing to cancel" in view.status)
        await view.press("j", "t")
        await view.until(lambda: view.status == "b is ready: there is nothing to terminate")
        assert "Cancel workflow 1?" in await asked(view, "C")
        await answer(view, "y")
        assert "is canceled; go on with it" in view.status

    drive(path, steps)


@pytest.mark.behaviour
def test_a_job_that_a_runner_holds_is_told_to_end(tmp_path):
    path = tmp_path / "torc.db"
    with opening.open_or_create(path) as db:
        store(db, spec("w", [job("a"), job("b")]))
        worked = Worked(db, 1)
        worked.claim()

        async def steps(view):
            await asked(view, "c")
            await answer(view, "y")
            assert "1 job held by runners that will end it" in view.status

        drive(path, steps)


@pytest.mark.behaviour
def test_a_retry_while_somebody_works_is_refused_in_a_sentence(tmp_path, monkeypatch):
    path = tmp_path / "torc.db"
    monkeypatch.setattr("torc_local.cli.restarting.recover_dead", lambda *_: None)
    with opening.open_or_create(path) as db:
        store(db, spec("w", [job("bad"), job("b")]))
        worked = Worked(db, 1)
        worked.claim(*map(worked.result, worked.claim()))
        assert runners.alive(db, 1)

        async def steps(view):
            assert view.rows.rows[0].cells[0] == JobStatus.FAILED
            await view.press("y")
            await view.until(lambda: "a run works on workflow 1 now, on node01" in view.status)
            assert not isinstance(view.app.screen, Question)

        drive(path, steps)
