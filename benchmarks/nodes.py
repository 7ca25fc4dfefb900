"""What two nodes get through on a shared file system: one job per transaction against batches of their own choice.

    python -m benchmarks.nodes [--on gluster|nfs-4.2|nfs-3] [--runners N] [--runs N]

Starts a file server and two nodes on this machine, as tests/shared_fs does, which needs root. Jobs are claimed and
settled and not run, so that the queue alone is measured. First one process alone writes transactions, for their cost.
"""

import argparse
import json
import statistics
import tempfile
from pathlib import Path

from tests.shared_fs import gluster, nfs
from tests.shared_fs.nodes import Nodes

#: Jobs in each of four rounds: one by one, and in batches.
SIZES = (150, 2500)

_ALONE = """
import json, time
from pathlib import Path
from torc_local.store import opening
took = []
with opening.open_or_create(Path("alone.db")) as db:
    for _ in range(300):
        began = time.perf_counter()
        with db.write("alone"):
            pass
        took.append(time.perf_counter() - began)
print(json.dumps(sorted(took)))
"""

_TOGETHER = """
import json, sys
from torc_local.cli import together
from torc_local.cli.main import main
together._SIZES, together.RUNNERS = {sizes}, {runners}
together._STEP_S = 120.0
verdict = together._verdict
def told(agreed, *loads):
    sys.stderr.write(json.dumps([load._asdict() for load in loads]) + "\\n")
    return verdict(agreed, *loads)
together._verdict = told
raise SystemExit(main())
"""


def main() -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.nodes")
    parser.add_argument("--runners", type=int, default=8, help="on each node")
    parser.add_argument("--runs", type=int, default=1, help="medians are shown")
    parser.add_argument("--on", choices=("gluster", "nfs-4.2", "nfs-3"), default="gluster", help="the file system")
    given = parser.parse_args()
    why = gluster.missing() if given.on == "gluster" else nfs.missing()
    if why is not None:
        raise SystemExit(f"cannot measure: {why}")
    runs = [measured(given.on, given.runners) for _ in range(given.runs)]
    alone = [took for run in runs for took in run[0]]
    print(
        f"one process alone: {len(alone)} transactions, mean {statistics.fmean(alone) * 1000:.1f} ms, "
        f"p99 {sorted(alone)[len(alone) * 99 // 100] * 1000:.1f} ms\n"
    )
    print("| two nodes, runners on each | claims | jobs/s | transaction, mean | wait for the lock, p99 |")
    print("|---|---|---|---|---|")
    rates = []
    for row, claims in enumerate(("one job at a time", "batches of their own choice")):
        loads = [run[1][row] for run in runs]
        rate, cost, wait = (
            statistics.median(load[name] for load in loads) for name in ("per_second", "transaction_s", "wait_p99_s")
        )
        rates.append(rate)
        print(f"| {given.runners} | {claims} | {rate:,.0f} | {cost * 1000:.1f} ms | {wait * 1000:,.0f} ms |")
    print(f"\nbatches are {rates[1] / rates[0]:.1f} times as fast")


def mounted(kind: str, place: Path) -> Nodes:
    """Two nodes on a file system of this kind."""
    if kind == "gluster":
        return gluster.Gluster(place, direct=True)
    return nfs.Nfs(place, f"vers={kind.removeprefix('nfs-')}")


def measured(kind: str, runners: int) -> tuple[list[float], list[dict[str, float]]]:
    """Seconds of each transaction of one process alone, and what two nodes showed one by one and in batches."""
    with tempfile.TemporaryDirectory(prefix="torc-local-nodes-") as place:
        nodes = mounted(kind, Path(place) / "nodes")
        try:
            code, out, err = nodes.call(1, program=_ALONE)
            if code:
                raise SystemExit(err)
            program = _TOGETHER.format(sizes=SIZES, runners=runners)
            both = [nodes.start(number, "doctor", "--nodes", program=program) for number in (1, 2)]
            told = [process.communicate(timeout=600) for process in both]
        finally:
            nodes.down()
    if any(process.returncode for process in both):
        raise SystemExit("\n".join(out + err for out, err in told))
    return json.loads(out), json.loads(told[0][1].splitlines()[-1])


if __name__ == "__main__":
    main()
