"""Runs commands through HyperQueue: ``python hyperqueue_peer.py DIRECTORY SLOTS < commands``.

For a Python that has the package ``hyperqueue``, which need not be ours. Its cluster (a server and a worker) lives in
threads of this process and ends with it. Prints the seconds from submission to the end of the last task.
"""

import shlex
import sys
import time
from pathlib import Path
from typing import Any


def main() -> None:
    """Submit one job with a task for each line, and wait for it."""
    # Only the other Python has it; Any, because ours knows nothing of its types.
    hyperqueue: Any = __import__("hyperqueue")
    cluster: Any = __import__("hyperqueue.cluster", fromlist=["WorkerConfig"])
    directory, slots = str(Path(sys.argv[1]).resolve()), int(sys.argv[2])
    commands = [shlex.split(line) for line in sys.stdin]
    with hyperqueue.LocalCluster(directory, cluster.WorkerConfig(cores=slots)) as local:
        client = local.client()
        job = hyperqueue.Job()
        tasks = [job.program(words) for words in commands]
        # One more task after all others, which leaves its time behind: the client looks only once a second.
        end = Path(directory).parent / "end"
        job.program(["touch", str(end)], deps=tasks)
        began = time.time()
        client.wait_for_jobs([client.submit(job)])
        print(f"\nseconds {end.stat().st_mtime - began}")


if __name__ == "__main__":
    main()
