"""What jobs wrote, looked through and packed for somebody else."""

import json
import signal
import sqlite3
import stat
import tarfile
from contextlib import closing

import pytest

pytestmark = pytest.mark.behaviour

SPEC = {
    "name": "w",
    "description": "for a bundle",
    "jobs": [
        {"name": "good", "command": "printf 'a\\000b\\n'; echo more"},
        {"name": "bad", "command": "echo working; cat nothing.txt >&2; exit 3"},
        {"name": "typo", "command": "no-such-program"},
        {"name": "crash", "command": "kill -SEGV $$"},
        {"name": "quiet", "command": "true"},
        {"name": "analyze", "command": "echo mine"},
    ],
    "actions": [{"trigger_type": "on_workflow_complete", "action_type": "run_commands", "commands": ["echo the end"]}],
}


@pytest.fixture
def ran(place):
    place.write(SPEC)
    place.run(code=1)
    return place


def members(path):
    with tarfile.open(path) as tar:
        return {one.name: tar.extractfile(one).read() for one in tar.getmembers()}  # type: ignore[union-attr]


def test_a_bundle_has_what_jobs_wrote_byte_for_byte_with_database_and_file(ran):
    told = ran.call("export", "--logs", "out.tar.gz")
    assert (told.code, told.out) == (0, "out.tar.gz\n"), told.err
    found = members(ran.root / "out.tar.gz")
    assert found["wf1/logs/good/r1_a1.out"] == b"a\0b\nmore\n"
    assert found["wf1/logs/bad/r1_a1.out"] == b"working\n"
    assert b"nothing.txt" in found["wf1/logs/bad/r1_a1.err"]
    assert not any("quiet" in name for name in found), "what is empty is left out"
    assert found["wf1/spec.yaml"] == (ran.root / "w.yaml").read_bytes()
    assert [data for name, data in found.items() if name.startswith("wf1/actions/")] == [b"the end\n"]
    (ran.root / "copy.db").write_bytes(found["wf1/torc.db"])
    with closing(sqlite3.connect(ran.root / "copy.db")) as db:
        assert db.execute("SELECT count(*) FROM v_jobs").fetchone() == (6,)
    said = json.loads(found["wf1/bundle_metadata.json"])
    assert (said["workflow_id"], said["workflow_name"], said["workflow_description"]) == (1, "w", "for a bundle")
    assert said["files_collected"] == len(found) - 1
    assert said["total_size_bytes"] == sum(map(len, found.values())) - len(found["wf1/bundle_metadata.json"])
    assert (said["missing_files"], said["spec_has_changed"]) == ([], False)
    assert stat.S_IMODE((ran.root / "out.tar.gz").stat().st_mode) == 0o600
    assert sorted(path.name for path in ran.root.iterdir()) == ["copy.db", "out.tar.gz", "torc_output", "w.yaml"]


def test_a_bundle_under_torcs_name_and_what_is_refused(ran):
    told = ran.call("-f", "json", "logs", "bundle", "1", "--output-dir", "torc_output")
    assert told.json["bundle"] == "torc_output/wf1.tar.gz"
    assert (ran.root / "torc_output" / "wf1.tar.gz").stat().st_size == told.json["size_bytes"]
    assert ran.call("logs", "bundle", "-o", "torc_output", "--force").code == 0
    for words, said in (
        (["logs", "bundle", "1", "-o", "torc_output"], "torc_output/wf1.tar.gz exists"),
        (["logs", "bundle", "1", "-o", "nowhere"], "there is no directory nowhere"),
        (["logs", "bundle", "7"], "there is no workflow 7"),
        (["export", "--logs", "out.zip"], "a bundle is a .tar.gz file"),
        (["export", "--logs", "out.tar.gz", "--results"], "--logs writes another file"),
        (["export", "-f", "json"], "-f is for --logs"),
        (["logs", "good", "-o", "x"], "-o and --force are for logs bundle"),
    ):
        told = ran.call(*words)
        assert (told.code, said in told.err) == (2, True), (words, told.err)


def test_a_bundle_says_what_is_missing_and_that_the_file_has_changed(ran):
    ran.write({**SPEC, "name": "changed"})
    gone = [path for path in (ran.root / "torc_output").rglob("*.err") if path.stat().st_size]
    for path in gone:
        path.unlink()
    told = ran.call("export", "--logs", "out.tar.gz")
    assert told.code == 0
    assert all(
        f"not there any more: torc_output/{path.relative_to(ran.root / 'torc_output')}" in told.err for path in gone
    )
    assert "the workflow file has changed" in told.err
    said = json.loads(members(ran.root / "out.tar.gz")["wf1/bundle_metadata.json"])
    assert (len(said["missing_files"]), said["spec_has_changed"]) == (len(gone), True)
    assert "not there any more" in ran.call("logs", "--analyze").err


KILLED = """
import os
from torc_local.store import snapshot
snapshot.publish = lambda part, path: os.kill(os.getpid(), 9)
from torc_local.cli.main import main
main(["export", "--logs", "out.tar.gz"])
"""


def test_a_kill_leaves_no_half_bundle(ran):
    assert ran.call(program=KILLED).code == -signal.SIGKILL
    assert not (ran.root / "out.tar.gz").exists()
    assert ran.call("export", "--logs", "out.tar.gz").code == 0


def test_known_patterns_are_counted_with_examples_by_job(ran):
    told = ran.call("logs", "--analyze")
    assert told.code == 0
    assert "bad (stderr line 1): cat: nothing.txt: No such file or directory" in told.out
    assert "crash (on record): killed by SIGSEGV" in told.out
    found = ran.call("logs", "--analyze", "--format", "json").json
    by_name = {one["name"]: one for one in found["patterns"]}
    assert {name: one["jobs"] for name, one in by_name.items()} == {
        "File Not Found": 1, "Segmentation Fault": 1, "Command Not Found": 1,
    }  # fmt: skip
    assert by_name["Command Not Found"]["examples"][0]["job_name"] == "typo"
    assert (found["attempts"], found["errors"] >= 3, found["warnings"], found["gone_files"]) == (6, True, 0, [])
    found = ran.call("logs", "--analyze", "bad", "-f", "json")
    assert (found.code, "leave out -f" in found.err) == (2, True), "-f is --follow here"
    assert ran.call("-f", "json", "logs", "--analyze", "good").json["patterns"] == []
    assert ran.call("logs", "--analyze", "--tail", "3").code == 2
    assert ran.call("logs", "bad", "--format", "json").code == 2


def test_a_job_with_the_name_of_torcs_verb_is_that_job_and_with_a_workflow_it_is_the_verb(ran):
    assert ran.call("logs", "analyze").out == "mine\n"
    assert "Segmentation Fault" in ran.call("logs", "analyze", "1").out
    assert "Segmentation Fault" in ran.call("logs", "analyze", "torc_output").out
    assert ran.call("logs", "analyze", "good").out == "==> good <==\na\0b\nmore\n==> analyze <==\nmine\n"
