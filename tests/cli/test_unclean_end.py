"""Going on after everything was killed: the file is looked over first, and the line says how the jobs stood."""

import json

import pytest

from tests.report.small import job, spec
from tests.support.damage import cut_off, leaves, scribble, wide

FIVE = spec("five", [job(f"j_{number}") for number in range(1, 6)])


def test_run_says_how_the_jobs_stood(process, here):
    cut_off(here / "torc_output" / "torc.db", FIVE, claims=3, running=1)
    answer = process("run", "-j", "2")
    assert answer.code == 0, answer.err
    line = "the last run was cut off: 1 job was running and runs again; "
    line += "2 jobs were claimed, may have started or even ended unrecorded, and run again; 2 jobs had not started\n"
    assert line in answer.err
    assert process("doctor").code == 0


@pytest.mark.fault
def test_programs_are_told_too_and_after_an_orderly_end_there_is_no_such_line(process, here):
    cut_off(here / "torc_output" / "torc.db", FIVE, claims=2)
    told = json.loads(process("run", "-j", "2", "--progress", "json").err.splitlines()[0])
    assert (told["how"], told["died"], told["lost"], told["claimed"]) == ("resuming", 1, 0, 2)
    assert "cut off" not in process("run", "-j", "2").err


def test_a_damaged_file_is_noticed_before_anything_is_written_to_it(process, here):
    path = here / "torc_output" / "torc.db"
    cut_off(path, wide(200), claims=3)
    scribble(path, leaves(path, "job")[1])
    before = path.read_bytes()
    answer = process("run", "-j", "2")
    assert (answer.code, answer.out) == (4, "")
    assert "the database is damaged: torc_output/torc.db (" in answer.err
    assert "torc-local doctor --repair" in answer.err
    assert "snapshot" in answer.err
    assert path.read_bytes() == before
