"""Telling processes and machines apart."""

import os
import subprocess
from pathlib import Path

from tests.support.waiting import wait_for
from torc_local.process import machine, orphans
from torc_local.process.segments import Segment, open_segment


def test_a_process_is_told_by_pid_and_start_time():
    start = machine.start_of(os.getpid())
    assert start is not None
    assert machine.is_alive(os.getpid(), start)
    assert not machine.is_alive(os.getpid(), start - 1)


def test_a_zombie_counts_as_dead():
    child = subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert machine.start_of(child.pid) is None
    child.wait()


def test_an_earlier_boot_of_this_machine_is_known():
    here = machine.this_machine()
    id_, boot, _ = here.boot_id.split(":", 2)
    assert machine.same_machine_rebooted(f"{id_}:another-boot:pid:[1]", here.hostname)
    assert not machine.same_machine_rebooted(here.boot_id, here.hostname)
    assert not machine.same_machine_rebooted(f"{id_}:another-boot:pid:[1]", "another-host")
    assert not machine.same_machine_rebooted(f"{id_}:{boot}:pid:[1]", here.hostname), "another container, not a reboot"


def test_given_capacity_overrides_what_is_found():
    here = machine.this_machine(cpus=7, memory_bytes=11, gpus=3)
    assert (here.num_cpus, here.memory_bytes, here.num_gpus) == (7, 11, 3)


def test_gpus_are_counted_from_the_list_that_was_set(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,2,5")
    assert machine.this_machine().num_gpus == 3
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert machine.this_machine().num_gpus == 0


def test_processes_are_found_by_their_environment_whatever_group_they_moved_to():
    mark = f"test-{os.getpid()}"
    env = {**os.environ, "TORC_LOCAL_MARK": mark}
    shell = subprocess.Popen(["bash", "-c", "setsid sleep 60 & sleep 60"], env=env, start_new_session=True)
    other = subprocess.Popen(["sleep", "60"])
    environ = Path(f"/proc/{shell.pid}/environ")
    wait_for(lambda: mark.encode() in environ.read_bytes())  # for a moment after it was executed it has none
    try:
        belongs = orphans.with_entry("TORC_LOCAL_MARK", mark)
        assert orphans.end_all(belongs) >= 1
        assert orphans.end_all(belongs) == 0
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()
        shell.wait()


def test_ending_orphans_takes_no_other_childs_exit_status():
    """A runner that died while another one's leftovers were ended would be waited for for ever."""
    worker = os.fork()
    if worker == 0:
        os._exit(7)
    os.waitid(os.P_PID, worker, os.WEXITED | os.WNOWAIT)
    mark = f"test-{os.getpid()}"
    with subprocess.Popen(["sleep", "60"], env={**os.environ, "TORC_LOCAL_MARK": mark}):
        assert orphans.end_all(orphans.with_entry("TORC_LOCAL_MARK", mark)) == 1
    assert os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]) == 7


def test_segments_grow_and_never_open_what_exists(tmp_path):
    segment: Segment = open_segment(tmp_path, "node/1", "abcdef99", 3, 0, 1)
    assert segment.path.name == "node_1-abcdef-3-0.001"
    os.write(segment.stdout, b"four")
    assert segment.ends() == (4, 0)
    assert segment.path.with_name(segment.path.name + ".out").stat().st_mode & 0o777 == 0o600
    segment.close()
    # After a power loss took the record of it, another runner has its number.
    second: Segment = open_segment(tmp_path, "node/1", "abcdef99", 3, 0, 1)
    assert second.ends() == (0, 0)
    second.close()
    assert segment.path.with_name(segment.path.name + ".out").read_bytes() == b"four"
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "node_1-abcdef-3-0.001.err", "node_1-abcdef-3-0.001.out", "node_1-abcdef-3-0.001~1.err",
        "node_1-abcdef-3-0.001~1.out",
    ]  # fmt: skip
