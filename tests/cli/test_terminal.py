"""What a stream can show: width, colours, characters."""

import io

import pytest

from torc_local.cli import terminal


class Stream(io.StringIO):
    def __init__(self, *, is_terminal=True, encoding="utf-8"):
        super().__init__()
        self._is_terminal = is_terminal
        self._encoding = encoding

    @property
    def encoding(self):  # type: ignore[override]
        return self._encoding

    def isatty(self):
        return self._is_terminal


@pytest.fixture(autouse=True)
def plain(monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(terminal, "_choice", "auto")


@pytest.mark.parametrize(
    ("env", "choice", "is_terminal", "coloured"),
    [
        ({}, "auto", True, True),
        ({}, "auto", False, False),
        ({"TERM": "dumb"}, "auto", True, False),
        ({"NO_COLOR": "1"}, "auto", True, False),
        ({"NO_COLOR": ""}, "auto", True, True),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, "auto", True, False),
        ({"FORCE_COLOR": "1"}, "auto", False, True),
        ({"FORCE_COLOR": "0"}, "auto", False, False),
        ({"CLICOLOR_FORCE": "1"}, "auto", False, True),
        ({"NO_COLOR": "1"}, "always", False, True),
        ({"FORCE_COLOR": "1"}, "never", True, False),
    ],
)
def test_when_there_are_colours(monkeypatch, env, choice, is_terminal, coloured):
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    terminal.use_colour(choice)
    assert terminal.has_colour(Stream(is_terminal=is_terminal)) is coloured


def test_how_wide_it_is(monkeypatch):
    assert terminal.width_of(Stream(is_terminal=False)) is None
    assert terminal.width_of(Stream()) == terminal.DEFAULT_WIDTH  # it has no descriptor to ask
    for said, width in (("33", 33), ("0", 80), ("x", 80), ("", 80)):
        monkeypatch.setenv("COLUMNS", said)
        assert terminal.width_of(Stream()) == width


def test_which_characters_it_has():
    assert terminal.looks(Stream()).encoding is None
    assert terminal.looks(Stream(encoding="ascii")).encoding == "ascii"
