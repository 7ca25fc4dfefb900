"""What the documents say is what the program does."""

import re
from pathlib import Path

from torc_local.ground.errors import ExitCode
from torc_local.ground.states import JobStatus
from torc_local.spec import fields

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_the_readme_lists_every_exit_code_with_its_meaning():
    rows = dict(re.findall(r"^\| (\d+) \| (.+?) \|$", README, re.MULTILINE))
    assert rows == {str(int(code)): code.meaning for code in ExitCode}


def test_the_readme_has_two_commands_that_do_all_the_set_up():
    for mark in ("<!-- command: run -->", "<!-- command: test -->"):
        after = README.split(mark)[1]
        found = re.match(r"\s*```sh\n(.*?)\n```", after, re.DOTALL)
        assert found is not None
        command = found[1]
        assert "\n" not in command
        assert "-m venv" in command


def test_the_page_on_workflow_files_names_every_key_that_is_acted_on():
    page = (ROOT / "docs" / "workflow-files.md").read_text()
    acted_on = (
        (fields.WORKFLOW_KEYS - fields.IGNORED_WORKFLOW.keys())
        | (fields.JOB_KEYS - fields.IGNORED_JOB.keys())
        | fields.RESOURCE_KEYS
    )
    assert [key for key in sorted(acted_on) if f"`{key}`" not in page] == []


def test_the_architecture_names_every_state():
    text = (ROOT / "ARCHITECTURE.md").read_text()
    assert [status for status in JobStatus if not re.search(rf"\b{status}\b", text)] == []


def test_files_named_in_the_documents_exist():
    for document in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        text = document.read_text()
        for target in re.findall(r"\]\((?!http)([^)#]+)\)", text):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"
        for named in re.findall(r"`((?:torc_local|tests|docs|benchmarks|workflows)/[\w/.]+)`", text):
            assert (ROOT / named).exists(), f"{document.name} names {named}"


def test_every_row_about_torc_names_a_test_that_exists():
    rows = re.findall(r"^\| (?!rule|---)(.+) \|$", (ROOT / "docs" / "torc.md").read_text(), re.MULTILINE)
    for row in rows:
        rule, here, test = (cell.strip() for cell in row.split(" | "))
        assert rule
        assert re.match(r"(done|adapted|ignored)\b", here), row
        named = re.fullmatch(r"`(tests/[\w/]+\.py)::(\w+)`", test)
        assert named, row
        assert re.search(rf"^\s*def {named[2]}\(", (ROOT / named[1]).read_text(), re.MULTILINE), row
