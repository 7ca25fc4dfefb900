"""A command that is spawned directly must do what bash would have done with it."""

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torc_local.process.command import Interpreter

ENVIRONMENT = dict(os.environ)


def direct(command: str) -> bool:
    return Interpreter(ENVIRONMENT).argv(command).words[:2] != ["bash", "-c"]


@pytest.mark.parametrize(
    "command",
    [
        "echo hello",
        "echo 'two words' x",
        'echo "a b"',
        "true",
        "/bin/ls -l /",
        "  printenv   HOME ",
        "python3 -V",
        "env A=1 true",
    ],
)
def test_a_plain_list_of_words_needs_no_shell(command):
    assert direct(command)


@pytest.mark.parametrize(
    "command",
    [
        "echo $HOME", "echo `date`", "a=1", "A=1 printenv A", "echo a; echo b", "echo a | cat",
        "echo a && true", "echo > f", "echo *", "echo ?", "echo [ab]", "echo {a,b}", "echo ~", "echo a\\ b",
        'echo "$HOME"', 'echo "a\\nb"', "echo -n a", "echo -e a", "cd /", "exit 3", "pwd", "test -e /",
        "[ -e / ]", "if true", "time true", "! true", "echo a # b", "echo\na", "'echo' a",
        "no-such-program-anywhere", "kill 1", "ulimit -n", "printf a", ". ./x", "", "   ", "echo 'a",
    ],
)  # fmt: skip
def test_whatever_bash_might_understand_differently_goes_to_bash(command):
    assert not direct(command)


def test_exported_functions_and_bash_env_leave_everything_to_bash():
    for extra in ({"BASH_ENV": "/etc/rc"}, {"BASH_FUNC_ls%%": "() { echo mine; }"}):
        assert Interpreter({**ENVIRONMENT, **extra}).argv("ls /").words[:2] == ["bash", "-c"]


words = st.text(alphabet="abcXYZ019_@%+:,./-= '\"$`\\*?[]{}~#&|;<>()!^\t", max_size=12)


@settings(max_examples=150, deadline=None)
@given(st.lists(words, max_size=4))
def test_direct_and_through_bash_give_the_same_arguments(parts):
    """Any command that we spawn directly is one for which bash would have made the very same words."""
    command = " ".join(["printenv", *parts])
    argv = Interpreter(ENVIRONMENT).argv(command)
    if argv.words[:2] == ["bash", "-c"]:
        return
    show = 'for word in "$@"; do printf "%s\\0" "$word"; done'
    seen = subprocess.run(
        ["bash", "-c", f"show() {{ {show}; }}; show {command.removeprefix('printenv')}"],
        capture_output=True, check=True, text=True, cwd=Path("/"),
    ).stdout  # fmt: skip
    assert seen.split("\0")[:-1] == argv.words[1:]


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="abc '\"-x", max_size=15))
def test_echo_spawned_directly_prints_what_bash_prints(text):
    argv = Interpreter(ENVIRONMENT).argv("echo " + text)
    if argv.words[:2] == ["bash", "-c"]:
        return
    ours = subprocess.run([argv.path, *argv.words[1:]], capture_output=True, check=True).stdout
    assert ours == subprocess.run(["bash", "-c", "echo " + text], capture_output=True, check=True).stdout
