"""Workflows in allocations of a real Slurm with two nodes on this machine.

    tests/components/install slurm    # once, as root
    python -m pytest -m slurm

Shown: allocations, their ends, and who works on what. Not shown: control groups, accounting, nodes without a common
kernel.
"""

import shutil
import tempfile
import time
from pathlib import Path

import pytest

from tests.behaviours.conftest import Place
from tests.slurm import lab

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.skipif(lab.missing() is not None, reason=f"no Slurm: {lab.missing()}"),
]


@pytest.fixture(scope="module")
def slurm():
    """Two nodes; the path is short, because that of munge's socket has to be, and open to its user."""
    root = Path(tempfile.mkdtemp(prefix="torc-slurm-", dir="/tmp"))
    root.chmod(0o755)
    made = lab.Slurm(root)
    yield made
    made.down()
    shutil.rmtree(root)


@pytest.fixture
def place(tmp_path, slurm, monkeypatch):
    """A directory of its own; no allocation is left by the test before."""
    for name, value in slurm.environment.items():
        monkeypatch.setenv(name, value)
    yield Place(tmp_path)
    slurm.ask("scancel", "--user=root", "--signal=KILL")
    slurm.ask("scancel", "--user=root")
    slurm.wait_until_idle()


def create(place, spec):
    place.write(spec)
    answer = place.call("--shared", "create", "w.yaml")
    assert answer.code == 0, answer.err


def submit(place, *words):
    answer = place.call("--shared", "slurm", "submit", "-f", "json", *words)
    assert answer.code == 0, answer.err
    return answer.json["slurm_job_id"]


def outcome(slurm, job_id):
    words = slurm.ask("scontrol", "show", "job", str(job_id)).split()
    return [word for word in words if word.startswith(("JobState=", "ExitCode="))]


def test_the_nodes_of_an_allocation_share_a_workflow(place, slurm):
    create(
        place,
        {
            "name": "w",
            "slurm_schedulers": [{"name": "s", "account": "a", "nodes": 2, "extra": "--comment='two words'"}],
            "jobs": [
                {
                    "name": "j{i}",
                    "command": "echo {i} $SLURMD_NODENAME >> log; sleep 0.2",
                    "parameters": {"i": "1:40"},
                }
            ],
        },
    )
    job_id = submit(place, "-j", "2")
    shown = place.call("slurm", "status", "-f", "json").json["items"]
    assert [(one["slurm_job_id"], one["nodes"], one["scheduler"]) for one in shown] == [(job_id, 2, "s")]
    assert "Comment=two words" in slurm.ask("scontrol", "show", "job", str(job_id))
    slurm.wait_until_idle()
    assert outcome(slurm, job_id) == ["JobState=COMPLETED", "ExitCode=0:0"], place.text(
        f"torc_output/slurm-{job_id}.log"
    )
    ran = [line.split() for line in place.text("log").splitlines()]
    assert sorted(int(number) for number, _ in ran) == list(range(1, 41))
    assert {node for _, node in ran} == {"n1", "n2"}
    assert {row["node"] for row in place.results()} == {"n1", "n2"}
    assert set(place.states().values()) == {"completed"}
    assert place.call("slurm", "status", "-f", "json").json["items"][0]["state"] == "ENDED"
    assert place.events("allocation_submitted") == [f"asked Slurm for 2 nodes: job {job_id}"]
    usage = place.call("slurm", "usage")
    assert (usage.code, "keeps no accounting" in usage.err) == (0, True)


def test_what_an_allocation_has_is_what_counts(place, slurm):
    """One CPU and 700 MB of a node that has four and 2,000."""
    create(place, {"name": "w", "jobs": [{"name": "a", "command": "true"}]})
    job_id = submit(place, "--cpus", "1", "--mem", "700M", "--time", "5m")
    slurm.wait_until_idle()
    assert " cpus=1 memory=700.0MiB " in place.text(f"torc_output/slurm-{job_id}.log")


def test_an_allocation_that_is_too_short_ends_cleanly_and_another_one_does_the_rest(place, slurm):
    """Who writes a checkpoint goes on from it; who writes none begins again. Slurm gives a minute at least."""
    checkpoint = (
        "if [ -e saved ]; then echo resumed >> log; exit 0; fi; trap 'touch saved; exit 1' TERM; touch began;"
        " sleep 600 & wait"
    )
    create(
        place,
        {
            "name": "w",
            "jobs": [
                {"name": "quick", "command": "echo quick >> log"},
                {"name": "careful", "command": checkpoint, "supports_termination": True},
                {
                    "name": "plain",
                    "command": "if [ -e saved ]; then echo plain >> log; else sleep 600; fi",
                    "supports_termination": True,
                },
            ],
        },
    )
    first = submit(place, "-j", "3", "--time", "1")
    place.wait_for("began")
    slurm.wait_until_idle(90)
    assert outcome(slurm, first) == ["JobState=COMPLETED", "ExitCode=0:0"], place.text(f"torc_output/slurm-{first}.log")
    assert (place.root / "saved").exists()
    assert place.states() == {"quick": "completed", "careful": "ready", "plain": "ready"}
    second = submit(place, "-j", "3", "--time", "1")
    slurm.wait_until_idle()
    assert outcome(slurm, second) == ["JobState=COMPLETED", "ExitCode=0:0"]
    assert set(place.states().values()) == {"completed"}
    assert sorted(place.text("log").split()) == ["plain", "quick", "resumed"]
    assert place.call("doctor").code == 0


def test_a_canceled_allocation_loses_nothing(place, slurm):
    create(
        place,
        {
            "name": "w",
            "jobs": [{"name": "j{i}", "command": "echo {i} >> log; sleep 0.2", "parameters": {"i": "1:200"}}],
        },
    )
    job_id = submit(place, "--nodes", "2", "-j", "2")
    place.wait_until(lambda: len(place.text("log").split()) > 10)
    answer = place.call("slurm", "cancel", "-f", "json")
    assert (answer.code, answer.json["canceled"]) == (0, [job_id])
    slurm.wait_until_idle()
    counts = set(place.states().values())
    assert "completed" in counts
    assert "ready" in counts
    submit(place, "--nodes", "2", "-j", "4")
    slurm.wait_until_idle()
    assert set(place.states().values()) == {"completed"}
    assert {int(number) for number in place.text("log").split()} == set(range(1, 201))
    assert len([row for row in place.results() if row["status"] == "completed"]) == 200
    assert place.call("doctor").code == 0


def test_an_action_gets_its_node(place, slurm):
    """Each of two jobs waits for the other one, and there is room for one here: the other runs on the node."""
    place.write(
        {
            "name": "w",
            "slurm_schedulers": [{"name": "s", "account": "a", "walltime": "00:05:00"}],
            "actions": [
                {
                    "trigger_type": "on_workflow_start",
                    "action_type": "schedule_nodes",
                    "scheduler": "s",
                    "max_parallel_jobs": 1,
                }
            ],
            "jobs": [
                {"name": one, "command": f"echo $SLURMD_NODENAME > {one}; while ! test -e {other}; do sleep 0.05; done"}
                for one, other in (("left", "right"), ("right", "left"))
            ],
        }
    )
    answer = place.call("--shared", "run", "w.yaml", "-j", "1", "--progress", "none")
    assert answer.code == 0, answer.err
    assert sorted(place.text(one).strip() for one in ("left", "right")) in (["", "n1"], ["", "n2"])
    assert len(place.events("allocation_submitted")) == 1
    slurm.wait_until_idle()


def test_what_slurm_refuses_is_told_and_nothing_is_kept(place, slurm):
    create(place, {"name": "w", "jobs": [{"name": "a", "command": "true"}]})
    answer = place.call("--shared", "slurm", "submit", "--partition", "nowhere")
    assert answer.code == 4
    assert "sbatch refused: " in answer.err
    assert "invalid partition specified: nowhere" in answer.err
    assert place.call("slurm", "status").out == "no allocation was asked for\n"
    began = time.monotonic()
    assert "none is there" in place.call("slurm", "cancel").out
    assert time.monotonic() - began < 30
