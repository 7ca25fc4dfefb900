"""One row deleted, or one value changed: every command ends in time, with an exit code of ours and a sentence.

What was on record stays so and does not run again, unless it was the record itself that was spoilt.
"""

import random
import re
import shutil

import apsw
import pytest

from tests.process.running import Place
from tests.support.spoiling import spoil, spoilings
from tests.syscalls.conftest import ANSWERS, SOON_S
from torc_local.store import opening

pytestmark = pytest.mark.fault

DB = ("--db", "out/torc.db")
RUN = ("run", *DB, "-j", "2", "-o", "out", "--progress", "none")
COMMANDS = (
    ("status", *DB), ("jobs", *DB), ("results", *DB), ("doctor", *DB), RUN, ("doctor", "--repair", *DB), RUN,
    ("report", "scale", *DB),
)  # fmt: skip

FAILS_FIRST = "test -e go || exit 3"

#: Something in nearly every table.
SPEC = {
    "files": [{"name": "f", "path": "f.txt"}],
    "user_data": [{"name": "u", "data": {"a": 1}}],
    "resource_requirements": [{"name": "r", "num_cpus": 1, "memory": "10m", "runtime": "PT1M"}],
    "failure_handlers": [{"name": "h", "rules": [{"exit_codes": [3], "recovery_script": "true", "max_retries": 2}]}],
    "actions": [
        {"trigger_type": "on_workflow_start", "action_type": "run_commands", "commands": ["true"]},
        {"trigger_type": "on_jobs_complete", "job_name_regexes": ["^a"], "action_type": "run_commands",
         "commands": ["true"]},
    ],
}  # fmt: skip

TABLES = re.findall(r"^CREATE TABLE (\w+)", opening.schema(), re.MULTILINE)


@pytest.fixture(scope="module")
def failed(lab, tmp_path_factory):
    """A directory with a run in which some jobs completed and some failed; with the file ``go`` all can complete."""
    place = Place(tmp_path_factory.mktemp("failed"))
    place.write(
        {"name": "a_{i}", "command": "echo a_{i} >> log.txt", "parameters": {"i": "1:3"},
         "resource_requirements": "r"},
        {"name": "w", "command": "echo w >> log.txt; echo 1 > f.txt", "output_files": ["f"],
         "input_user_data": ["u"]},
        {"name": "b_{i}", "command": FAILS_FIRST, "parameters": {"i": "1:2"}, "depends_on_regexes": ["^a"]},
        {"name": "x", "command": FAILS_FIRST, "failure_handler": "h"},
        {"name": "c", "command": "true", "depends_on_regexes": ["^b"], "input_files": ["f"]},
        {"name": "d", "command": "true", "depends_on": ["c"]},
        **SPEC,
    )  # fmt: skip
    assert lab.do(place.directory, *("run", "workflow.json", *RUN[1:])).code == 1
    (place.directory / "go").touch()
    return place.directory


def completed(place):
    """Jobs and attempts that are on record as completed; None when nobody can read that any more."""
    try:
        with opening.open_to_examine(place.db_path) as db:
            rows = db.connection.execute("SELECT job_id, attempt_id FROM attempt WHERE status = 'completed'")
            return set(rows.fetchall())
    except apsw.Error:
        return None


@pytest.fixture
def tried(lab, failed, tmp_path):
    """What is wrong with how the commands behave after something was done to the rows."""

    def attempt(spoiling):
        place = Place(shutil.copytree(failed, tmp_path / "here"))
        before = completed(place)
        wrong = []
        try:
            if not spoil(place.db_path, spoiling):
                return []
            for words in COMMANDS:
                outcome = lab.do(place.directory, *words)
                name = " ".join(words[:2])
                if outcome.code not in (*ANSWERS, 2):  # 2: a workflow that is not there
                    wrong.append(f"{name}: exit code {outcome.code}: {outcome.err}")
                if "Traceback" in outcome.err or "internal error" in outcome.err:
                    wrong.append(f"{name}: a bug is admitted: {outcome.err}")
                if outcome.code in ANSWERS[1:] and not (outcome.err + outcome.out).strip():
                    wrong.append(f"{name}: exit code {outcome.code} and not a word")
                if outcome.seconds > SOON_S:
                    wrong.append(f"{name}: it took {outcome.seconds:.1f} s")
            if spoiling.forgets:
                return wrong
            if lost := before - (completed(place) or set()):
                wrong.append(f"completions are lost: {lost}")
            if again := {name: times for name, times in place.lines().items() if times > 1}:
                wrong.append(f"completed jobs ran again: {again}")
        except (apsw.MismatchError, apsw.ConstraintError):
            return []  # even a table without promises does not take that
        finally:
            shutil.rmtree(place.directory)
        return wrong

    return attempt


@pytest.mark.parametrize("table", TABLES)
def test_whatever_is_spoilt_the_program_ends_with_a_sentence_and_what_is_on_record_stays(request, failed, tried, table):
    listed = [one for one in spoilings(failed / "out" / "torc.db") if one.table == table]
    assert listed
    if request.config.getoption("--size") != "full":
        listed = random.Random(table).sample(listed, 1)
    wrong = [f"{one}: {what}" for one in listed for what in tried(one)]
    assert wrong == [], "\n" + "\n".join(wrong)
