"""What Slurm says an allocation has, read from its variables, its programs and control groups."""

import pytest

from torc_local.ground import clock
from torc_local.process import allocation

NODE = {"SLURM_JOB_ID": "7", "SLURMD_NODENAME": "n1"}
MB = 1 << 20


def never(job_id):
    raise AssertionError("the controller was asked")


def test_without_an_allocation_there_is_no_limit():
    assert allocation.seconds_left({}, never) is None
    assert allocation.cpus({"SLURM_CPUS_ON_NODE": "1"}, 8) == 8
    assert allocation.memory_bytes({"SLURM_MEM_PER_NODE": "1"}, 8 * MB) == 8 * MB


def test_the_end_that_the_environment_tells_is_believed_without_a_question():
    end = int(clock.now()) + 100
    left = allocation.seconds_left({"SLURM_JOB_ID": "7", "SLURM_JOB_END_TIME": str(end)}, never)
    assert left is not None
    assert 98 < left <= 101
    assert allocation.seconds_left({"SLURM_JOB_ID": "7", "SLURM_JOB_END_TIME": "5"}, never) == 1.0, "it is over"


def test_otherwise_the_controller_is_asked_once():
    asked: list[str] = []

    def ask(job_id):
        asked.append(job_id)
        return "1:30\n"

    assert allocation.seconds_left({"SLURM_JOB_ID": "7"}, ask) == 90.0
    assert asked == ["7"]
    assert allocation.seconds_left({"SLURM_JOB_ID": "7"}, lambda _: None) is None, "it did not answer"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("45", 45.0),
        ("1:05", 65.0),
        ("2:00:01", 7201.0),
        ("1-00:00:00", 86400.0),
        ("UNLIMITED", None),
        ("NOT_SET", None),
        ("", None),
    ],
)
def test_the_time_that_is_left_is_read_as_squeue_prints_it(text, seconds):
    assert allocation.parse_left(text) == seconds


@pytest.mark.parametrize(
    ("variables", "cpus", "memory"),
    [
        ({}, 8, 1000),
        ({"SLURM_CPUS_ON_NODE": "3", "SLURM_MEM_PER_NODE": "500"}, 3, 500),
        ({"SLURM_CPUS_ON_NODE": "99", "SLURM_MEM_PER_NODE": "5000"}, 8, 1000),
        ({"SLURM_CPUS_ON_NODE": "2", "SLURM_MEM_PER_CPU": "100"}, 2, 200),
        ({"SLURM_CPUS_ON_NODE": "no", "SLURM_MEM_PER_NODE": "0"}, 8, 1000),
    ],
)
def test_cpus_and_memory_are_those_of_the_allocation(variables, cpus, memory):
    found = {**NODE, **variables}
    assert allocation.cpus(found, 8) == cpus
    assert allocation.memory_bytes(found, 1000 * MB) == memory * MB
    elsewhere = {name: value for name, value in found.items() if name != "SLURMD_NODENAME"}
    assert allocation.cpus(elsewhere, 8) == 8, "a shell of salloc on another machine"


def test_memory_limits_of_groups_above_count(tmp_path):
    inner = tmp_path / "slurm" / "step"
    inner.mkdir(parents=True)
    (inner / "memory.max").write_text("max\n")
    assert allocation.group_memory_bytes(1000, "0::/slurm/step\n", tmp_path) == 1000
    (tmp_path / "slurm" / "memory.max").write_text("400\n")
    assert allocation.group_memory_bytes(1000, "0::/slurm/step\n", tmp_path) == 400


def test_memory_limits_of_old_control_groups_count(tmp_path):
    directory = tmp_path / "memory" / "step"
    directory.mkdir(parents=True)
    (directory / "memory.limit_in_bytes").write_text("300\n")
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    assert allocation.group_memory_bytes(1000, "5:cpu,cpuacct:/\n4:memory:/step\n", tmp_path) == 300
