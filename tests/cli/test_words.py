"""The command line itself: help, typing mistakes, exit codes, and what must not be loaded."""

import subprocess
import sys

import apsw
import pytest

import torc_local.cli.commands  # noqa: F401 - adds them to app
from torc_local import __version__
from torc_local.cli import looking
from torc_local.cli.app import app
from torc_local.cli.helping import SECTIONS
from torc_local.ground.errors import ExitCode


def test_no_arguments_give_short_help_and_exit_code_2(call):
    answer = call()
    assert (answer.code, answer.out) == (2, "")
    assert 8 <= len(answer.err.splitlines()) <= 14


@pytest.mark.parametrize("words", [["-V"], ["--version"], ["version"], ["-f", "table", "-V"]], ids=" ".join)
def test_the_version_is_one_line(call, words):
    assert call(*words) == (0, f"torc-local {__version__}\n", "")


def test_every_visible_command_is_in_one_section_of_the_help(call):
    listed = [name for _, names in SECTIONS for name in names]
    visible = {
        info.name or getattr(info.callback, "__name__", "") for info in app.registered_commands if not info.hidden
    }
    visible |= {group.name for group in app.registered_groups}
    assert sorted(listed) == sorted(visible)
    text = call("--help").out
    for name in listed:
        assert f"  {name} " in text
        assert call(name, "--help").out.startswith(f"Usage: torc-local {name}")


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["stauts"], "did you mean 'status'?"),
        (["jobs", "--faild"], "did you mean '--failed'?"),
        (["run", "--max-paralel-jobs", "3"], "did you mean '--max-parallel-jobs'?"),
        (["help", "exit-cods"], "did you mean 'exit-codes'?"),
        (["workflows", "destroy"], "there is: workflows create"),
        (["report", "-f", "xml"], "torc-local report --help"),
        (["report", "scale", "-x"], "torc-local report scale --help"),
        (["logs"], "torc-local logs --help"),
        (["run", "-j", "0"], "torc-local run --help"),
        (["run", "--gpus", "two"], "write 2, or 0,1"),
        (["run", "--memory", "3q"], None),
        (["run", "--memory", "0"], "write 512m or 64g"),
        (["run", "nothing-of-this-name"], "torc-local list"),
        (["run", "--fresh"], "torc-local run FILE --fresh"),
        (["list", "-f", "xml"], "torc-local list --help"),
    ],
)
def test_wrong_words_are_bad_input_with_a_hint(call, words, hint):
    answer = call(*words)
    assert (answer.code, answer.out) == (2, "")
    first, *rest = answer.err.splitlines()
    assert first.startswith("error: ")
    if hint is not None:
        assert rest[0].startswith("  hint: ")
        assert hint in rest[0]


def test_exit_codes_are_explained_from_their_one_list(call):
    text = call("help", "exit-codes").out
    assert [line.split(maxsplit=1) for line in text.splitlines()] == [
        [str(code.value), code.meaning] for code in ExitCode
    ]


def test_help_on_a_command_is_its_own_help(call):
    assert call("help", "run").out.startswith("Usage: torc-local run")


def test_a_bug_is_reported_with_a_private_file_and_no_traceback(call, small, monkeypatch, tmp_path):
    monkeypatch.setattr(looking, "show_list", lambda *_, **__: 1 // 0)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    answer = call("list")
    assert answer.code == 70
    assert "Traceback" not in answer.err
    (file,) = tmp_path.glob("torc-local-error-*.txt")
    assert str(file) in answer.err
    assert "ZeroDivisionError" in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (apsw.FullError("full"), 4, "the disk is full"),
        (apsw.CorruptError("bad page"), 4, "the database is damaged"),
        (OSError(28, "No space left on device"), 4, "no space left on device"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_trouble_below_becomes_a_sentence(call, small, monkeypatch, error, code, words):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(looking, "show_list", fail)
    answer = call("list")
    assert answer.code == code
    assert words in answer.err


@pytest.mark.parametrize(
    ("words", "unwanted"),
    [
        (["-V"], {"typer", "apsw", "yaml", "tqdm", "psutil"}),
        (["--help"], {"apsw", "yaml", "tqdm", "psutil", "multiprocessing"}),
        (["status"], {"yaml", "tqdm", "psutil", "multiprocessing"}),
    ],
    ids=["-V", "--help", "status"],
)
def test_a_command_loads_only_what_it_needs(small, words, unwanted):
    code = (
        f"import sys; from torc_local.cli.main import main; code = main({words!r});"
        f" print('loaded', sorted({unwanted!r} & sys.modules.keys()), code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "loaded [] 0"
