"""The processes of a job are found wherever they went."""

import os
import subprocess
import sys

import pytest

from tests.support.waiting import wait_for
from torc_local.process import orphans, trees
from torc_local.process.trees import Job, Trees

TOKEN = f"TORC_LOCAL_TOKEN=test.{os.getpid()}"


@pytest.fixture
def start(tmp_path):
    started = []

    def begin(script):
        name, _, value = TOKEN.partition("=")
        process = subprocess.Popen(
            ["bash", "-c", script], process_group=0, env={**os.environ, name: value}, cwd=tmp_path
        )
        started.append(process)
        return Job(process.pid, TOKEN.encode())

    yield begin
    orphans.end_all(orphans.with_entry(*TOKEN.split("=")))
    for process in started:
        process.kill()
        process.wait()


def members(seen, job, count):
    """The processes of the job, as soon as there are so many."""

    def found():
        return seen.members(trees.table(), [job])[job]

    return wait_for(lambda: now if len(now := found()) == count else None, told=found)


def test_children_of_another_session_belong_to_the_job(start):
    job = start("setsid sleep 60 & sleep 60 & wait")
    assert job.leader in members(Trees(1), job, 3)


def test_what_was_seen_once_is_found_again_without_its_parent(start):
    job = start("(setsid sleep 60 & while ! test -e go; do read -t 0.02 <> <(:); done) & sleep 60")
    seen = Trees(1)
    members(seen, job, 4)
    os.kill(job.leader, 9)
    assert len(members(seen, job, 3)) == 3


def test_memory_is_resident_and_shared_pages_count_once(start):
    job = start(f"{sys.executable} -c 'import os, time; kept = b\"x\" * (64 << 20); os.fork(); time.sleep(60)' & wait")
    found = members(Trees(1), job, 3)
    wait_for(lambda: trees.resident_bytes(trees.table(), found) >= 128 << 20)
    assert 64 << 20 < trees.proportional_bytes(trees.table(), found) < 110 << 20


def test_a_process_that_is_gone_counts_with_what_it_had():
    gone = trees.Process(parent=1, group=1, start=1, resident_bytes=5)
    assert trees.proportional_bytes({1 << 30: gone}, [1 << 30]) == 5
