"""What the program paints in a real terminal: as wide as it is, whatever it knows of itself."""

import re

import pytest

from tests.support.terminal import Terminal
from torc_local.report.text import cells

pytestmark = pytest.mark.behaviour

LONG = {
    "name": "w",
    "jobs": [
        {"name": "模型_long", "command": "while [ ! -e go ]; do sleep 0.02; done"},
        {"name": "bad_1", "command": "echo first >&2; echo 'no such data' >&2; exit 3"},
        {"name": "after", "command": "true", "depends_on": ["bad_1"]},
    ],
}
MANY = {
    "name": "many",
    "jobs": [{"name": f"a_job_whose_name_is_really_quite_long_{n}", "command": "exit 1"} for n in range(4)],
}


def test_a_run_names_what_lasts_below_its_bar_and_failures_above_it(place):
    place.write(LONG)
    terminal = Terminal("run", "w.yaml", "-j", "2", cwd=place.root)
    text = terminal.wait_until(lambda text: re.search(r"\d\.\d\ds  模型_long  \w", text))
    assert re.search(r"x bad_1   exit 3   \d\.\d\ds   \S+\n    \S+\.err   no such data\n", text)
    assert " 66.7% |" in text
    assert "running 1  failed 1  could not run 1" in text
    (place.root / "go").touch()
    text = terminal.end()
    assert terminal.process.returncode == 1
    assert "100.0% |" in text
    assert re.search(r"1 x exit code 3 +bad_1.*\n +-> .*torc-local retry bad_1", text)
    assert text.rstrip().endswith("try them again:  torc-local run 1")


@pytest.mark.parametrize("given", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {}])
def test_colours_are_where_they_are_wanted(place, given):
    place.write(MANY)
    place.run(code=1)
    terminal = Terminal("status", cwd=place.root, env=given)
    terminal.end()
    assert ("\x1b[31m" in terminal.painted()) == (not given)


@pytest.mark.parametrize(
    ("columns", "shown", "env"),
    [(80, 80, {}), (160, 160, {}), (40, 40, {}), (0, 80, {}), (80, 50, {"COLUMNS": "50"})],
)  # fmt: skip
def test_no_line_of_a_screen_is_broken_by_the_terminal(place, columns, shown, env):
    place.write(MANY)
    place.run(code=1)
    for words in (["status"], ["jobs"], ["results"]):
        terminal = Terminal(*words, cwd=place.root, columns=columns, env=env)
        lines = terminal.end().splitlines()
        assert len(lines) > 4
        # What it says beside the data may be broken.
        assert max(cells(line) for line in lines if not line.startswith("no room for:")) <= shown


def test_a_terminal_without_unicode_gets_signs_that_it_knows(place):
    place.write(LONG)
    (place.root / "go").touch()
    place.run(code=1)
    ascii_only = {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    for words in (["status"], ["jobs"], ["results"]):
        terminal = Terminal(*words, cwd=place.root, columns=60, env=ascii_only)
        text = terminal.end()
        assert text.isascii()
        assert r"\u6a21\u578b_long" in text
        assert max(len(line) for line in text.splitlines() if not line.startswith("no room for:")) <= 60
    terminal = Terminal("run", "w.yaml", "--fresh", cwd=place.root, env=ascii_only)
    assert terminal.end().isascii()
    assert terminal.process.returncode == 1
