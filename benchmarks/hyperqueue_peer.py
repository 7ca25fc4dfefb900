"""Runs commands through HyperQueue: ``python hyperqueue_peer.py DIRECTORY SLOTS < commands``.

For a Python that has the package ``hyperqueue``, which need not be ours. Its cluster (a server and a worker) lives in
threads of this process and ends with it. Prints the seconds from submission to the end of the last task.
"""

import shlex
import sys
import time
from typing import Any

_LOOK_EVERY_S = 0.02


def main() -> None:
    """Submit one job with a task for each line, and wait for it."""
    # Only the other Python has it; Any, because ours knows nothing of its types.
    hyperqueue: Any = __import__("hyperqueue")
    cluster: Any = __import__("hyperqueue.cluster", fromlist=["WorkerConfig"])
    directory, slots = sys.argv[1], int(sys.argv[2])
    commands = [shlex.split(line) for line in sys.stdin]
    with hyperqueue.LocalCluster(directory, cluster.WorkerConfig(cores=slots)) as local:
        client = local.client()
        began = time.perf_counter()
        job = hyperqueue.Job()
        for words in commands:
            job.program(words)
        submitted = client.submit(job)
        while not _finished(client, submitted.id):
            time.sleep(_LOOK_EVERY_S)
        print(f"seconds {time.perf_counter() - began}")


class _LookedError(Exception):
    """Leads out of a wait that would go on."""


def _finished(client: Any, job_id: int) -> bool:
    """Whether a job has ended. Waiting looks once a second; for short work that would be most of the time."""

    def look(jobs: Any) -> None:
        if not all(job["completed"] for job in jobs.values()):
            raise _LookedError

    try:
        failed = client.connection.wait_for_jobs((job_id,), look)
    except _LookedError:
        return False
    if failed:
        sys.exit("some of the tasks failed")
    return True


if __name__ == "__main__":
    main()
