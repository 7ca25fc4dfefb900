"""P1: jobs per second of the scale test against bare spawns and against what a person would use instead.

Ours runs from the first start of a job to the last end, as `report scale` says it. Spawns are measured right before
and right after it. Peers run fewer of the same commands, timed as whole processes; they record less, or nothing.
"""

from benchmarks import forms, peers, workloads
from benchmarks.bench import Bench
from benchmarks.results import Band, Figures, NotMeasuredError, Row, Runs

#: How many times as fast as a peer we mean to be. Others are told, not judged.
_FACTORS = {"xargs sh -c": 1.0, "HyperQueue": 2.0, "GNU parallel": 4.0}


def measure(bench: Bench) -> Figures:
    """The scale test, then each peer in turn."""
    scale = bench.scale
    figures: Figures = {
        "jobs_per_second": scale.report["throughput_jobs_per_second"],
        "whole_process_jobs_per_second": scale.report["jobs_ended"] / scale.run.seconds,
        "spawns_per_second": (scale.spawns_before + scale.spawns_after) / 2,
        "spawns_before_per_second": scale.spawns_before,
        "spawns_after_per_second": scale.spawns_after,
    }
    for peer in peers.PEERS:
        count = bench.sizes.slow_peer_jobs if peer.slow else bench.sizes.peer_jobs
        bench.say(f"{count:,} jobs with {peer.name}")
        try:
            took = peers.seconds(peer, workloads.echoes(count), bench.sizes.slots)
        except NotMeasuredError as error:
            figures[f"peer {peer.name}"] = str(error)
        else:
            figures[f"peer {peer.name}"] = count / took
    return figures


def rows(runs: Runs) -> list[Row]:
    """Lines of the table."""
    what = "scale test, -j 16"
    found = [
        runs.compare(
            "P1",
            what,
            ("jobs_per_second", "spawns_per_second"),
            "bare spawns",
            forms.rate,
            Band(at_least=0.95),
            "at least 0.95",
        )
    ]
    for name in runs.names("peer "):
        factor = _FACTORS.get(name.removeprefix("peer "))
        target = "" if factor is None else f"at least {factor:g}"
        names = ("jobs_per_second", name)
        found.append(
            runs.compare("P1", what, names, name.removeprefix("peer "), forms.rate, Band(at_least=factor), target)
        )
    names = ("whole_process_jobs_per_second", "spawns_per_second")
    found.append(runs.compare("P1", "same, with start and end of `run`", names, "bare spawns", forms.rate, Band()))
    before_after = ("spawns_after_per_second", "spawns_before_per_second")
    found.append(runs.compare("P1", "bare spawns after it (noise)", before_after, "before it", forms.rate, Band()))
    return found
