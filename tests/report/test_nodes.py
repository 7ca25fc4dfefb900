"""Who of several machines works, was lost, or has not been heard of for a while."""

from tests.report.small import SMALL, Worked, store
from torc_local.report import nodes, status
from torc_local.store import opening, overview, runners, workflows

AT = 1_700_000_100.0


def add(db, number, node_id, *, at, ends_at=None, acts=False):
    with db.write("test"):
        return runners.insert(
            db, workflow_id=number, run_id=1, node_id=node_id, pid=7, pid_start=1, slots=8, at=at, acts=acts,
            ends_at=ends_at,
        )  # fmt: skip


def machine(db, name):
    with db.write("test"):
        return runners.register_node(
            db, hostname=name, boot_id=f"boot of {name}", num_cpus=8, memory_bytes=1 << 34, num_gpus=2
        )


def test_each_machine_is_alive_silent_or_lost_by_its_runners(tmp_path):
    with opening.open_or_create(tmp_path / "t.db") as db:
        number = store(db, SMALL)
        Worked(db, number).to_the_end()
        a, b, c = (machine(db, name) for name in "abc")
        add(db, number, a, at=AT - 5, ends_at=AT + 3600)
        lost = add(db, number, a, at=AT - 50)
        add(db, number, a, at=AT - 5, acts=True)
        add(db, number, b, at=AT - nodes.SILENT_S - 1)
        gone = add(db, number, c, at=AT - 200)
        with db.write("test"):
            runners.end(db, lost, at=AT, reason="lost")
        found = {one.node: one for one in nodes.of(overview.of_workflow(db, number, all_runs=False), {gone}, at=AT)}
        assert {name: one.state for name, one in found.items()} == {
            "node01": "finished",
            "a": "alive",
            "b": "silent",
            "c": "lost",
        }
        assert (found["a"].runners, found["a"].slots, found["a"].lost_runners) == (1, 8, 1), "who acts has no slot"
        assert (found["a"].last_beat_at, found["a"].ends_at) == (AT - 5, AT + 3600)
        told = nodes.lines(found.values(), at=AT)
        assert [line.partition(":")[0] for line in told] == ["a", "b", "c"]
        assert "0 of 8 slots with a job" in told[0]
        assert "1 runner lost" in told[0]
        assert "until 2023-" in told[0]
        assert "SILENT for 31s" in told[1]
        assert told[2] == "c: LOST, last heard 3m20s ago"


def test_a_beat_brings_a_silent_machine_back(tmp_path):
    with opening.open_or_create(tmp_path / "t.db") as db:
        number = store(db, SMALL)
        runner = add(db, number, machine(db, "far"), at=AT - 1000)
        workflow = workflows.get(db, number)
        assert workflow is not None
        found = status.gather(db, workflow)._replace(at=AT)
        assert [one["state"] for one in status.document(found, ())["nodes"]] == ["silent"]
        assert [one["state"] for one in status.document(found, {runner})["nodes"]] == ["lost"]
        with db.write("test"):
            runners.beat(db, runner, runners.Held(3, 1 << 30, 1), at=AT - 1)
        [one] = status.document(status.gather(db, workflow)._replace(at=AT), ())["nodes"]
        assert (one["state"], one["held_cpus"], one["num_gpus"]) == ("alive", 3, 2)
        assert one["last_beat_at"] == "2023-11-14T22:14:59.000000Z"
