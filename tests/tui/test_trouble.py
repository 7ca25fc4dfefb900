"""Whatever happens to the file, the view stays and says it; and what keeps it from opening is told in a sentence."""

import builtins
import os
import subprocess
import sys

import apsw
import pytest

from tests.report.small import small_database
from tests.tui.conftest import drive
from torc_local.cli import full_screen
from torc_local.cli.main import main
from torc_local.store import opening
from torc_local.store.deleting import delete
from torc_local.tui import sources
from torc_local.tui.app import Tui


def test_a_database_that_is_deleted_or_replaced_is_told_and_opened_anew_when_asked(path, tmp_path):
    async def steps(view):
        path.rename(tmp_path / "away.db")
        await view.look()
        assert "the database was deleted while it was looked at" in view.status
        assert view.status.startswith("data ")
        assert view.names  # what was seen stays
        small_database(tmp_path / "torc.db")
        await view.press("r")
        assert view.status.startswith("data of now")

        (tmp_path / "torc.db").unlink()
        small_database(tmp_path / "new.db").rename(path)
        await view.look()
        assert "was replaced by another file while it was looked at" in view.status
        await view.press("j", "G", "enter", "l", "e", "2", "1")
        assert "was replaced" in view.status
        await view.press("r")
        assert view.status.startswith("data of now")

    drive(path, steps, size=(200, 30))


@pytest.mark.behaviour
def test_another_version_a_deleted_workflow_and_a_locked_file_are_told(path):
    async def steps(view):
        other = apsw.Connection(str(path))
        version = other.pragma("user_version")
        other.pragma("user_version", version + 1)
        await view.look()
        assert f"the database is of a newer version ({version + 1}" in view.status
        other.pragma("user_version", version)
        await view.look()
        assert view.status.startswith("data of now")

        with opening.open_existing(path) as db:
            delete(db, 1)
        await view.look()
        assert "workflow 1 was deleted meanwhile" in view.status
        for key in "ceyl":
            await view.press(key)
            await view.until(lambda: view.app._told == "the job is gone")
            view.app._told = ""
        await view.press("enter")
        other.close()

    drive(path, steps, size=(200, 30))


@pytest.mark.behaviour
def test_a_locked_database_is_told_and_looked_at_again(tmp_path, monkeypatch):
    monkeypatch.setenv("TORC_LOCAL_FILE_SYSTEM", "shared")  # without a log, a writer keeps readers out
    path = small_database(tmp_path / "torc.db")

    async def steps(view):
        assert "looked at every 5.00s (shared file system)" in view.status
        other = apsw.Connection(str(path))
        other.set_busy_timeout(10_000)
        other.execute("BEGIN EXCLUSIVE")
        view.app._looked_at -= 5
        await view.look()
        assert "the database is locked by another program" in view.status
        other.execute("ROLLBACK")
        await view.look()
        assert "locked" not in view.status
        assert view.status.startswith("data ")
        other.close()

    drive(path, steps, size=(200, 30))


def test_without_a_terminal_or_the_extra_it_is_a_sentence(path, monkeypatch, capsys):
    assert main(["tui", str(path)]) == 2
    assert "tui needs a terminal" in capsys.readouterr().err

    real = builtins.__import__

    def absent(name, *args, **options):
        if name.partition(".")[0] == "textual":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *args, **options)

    monkeypatch.setattr(full_screen, "_need_terminal", lambda: None)
    monkeypatch.setattr(builtins, "__import__", absent)
    for name in [name for name in sys.modules if name.startswith("torc_local.tui")]:
        monkeypatch.delitem(sys.modules, name)
    assert main(["tui", str(path)]) == 2
    assert "pip install 'torc-local[tui]'" in capsys.readouterr().err


@pytest.mark.behaviour
def test_a_bug_ends_the_view_and_is_told_like_any_other(path, monkeypatch, capsys, tmp_path):
    def fail(*_, **__):
        raise ZeroDivisionError("a bug")

    run = Tui.run
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(full_screen, "_need_terminal", lambda: None)
    monkeypatch.setattr(Tui, "run", lambda view: run(view, headless=True, size=(80, 24)))
    monkeypatch.setattr(sources.Jobs, "page", fail)
    assert main(["tui", str(path)]) == 70
    said = capsys.readouterr()
    assert "internal error" in said.err
    assert "Traceback" not in said.err + said.out
    (kept,) = tmp_path.glob("torc-local-error-*")
    assert "ZeroDivisionError" in kept.read_text()


@pytest.mark.parametrize("words", [["status"], ["--help"], ["tui", "--help"]], ids=" ".join)
def test_no_other_command_loads_textual(path, words):
    code = (
        f"import sys, torc_local; from torc_local.cli.main import main; main({words!r});"
        " print('loaded', {'textual', 'rich'} & sys.modules.keys())"
    )
    environment = os.environ | {"TORC_LOCAL_DB": str(path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.splitlines()[-1] == "loaded set()"
