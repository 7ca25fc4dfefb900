"""P8: jobs that take longer than a batch, on 16 slots, against the ideal schedule.

Ideal: rounds of 16 that nothing delays. Ours is the time from the first start to the last end; peers are timed as whole
processes, HyperQueue from submission.
"""

import math

from benchmarks import forms, peers, tool, workloads
from benchmarks.bench import Bench
from benchmarks.results import Band, Figures, NotMeasuredError, Row, Runs


def measure(bench: Bench) -> Figures:
    """Each mix with us and with each peer."""
    figures: Figures = {}
    for count, seconds in bench.sizes.sleeps:
        mix = f"{count:,} x {seconds:g} s"
        bench.say(f"{mix} on {bench.sizes.slots} slots")
        ideal = math.ceil(count / bench.sizes.slots) * seconds
        database = bench.place / f"sleeps{count}" / "torc.db"
        tool.create(workloads.write(workloads.sleeps(count, seconds), database.parent), database)
        tool.run(database, bench.sizes.slots)
        report = tool.scale_report(database)
        figures[f"ideal {mix}"] = ideal
        figures[f"ours {mix}"] = report["jobs_ended"] / report["throughput_jobs_per_second"]
        commands = workloads.sleep_commands(count, seconds)
        for peer in peers.PEERS:
            name = f"peer {mix}: {peer.name}"
            if peer.slow and count > bench.sizes.slow_peer_jobs:
                figures[name] = "too slow for so many jobs"
                continue
            bench.say(f"{mix} with {peer.name}")
            try:
                figures[name] = peers.seconds(peer, commands, bench.sizes.slots)
            except NotMeasuredError as error:
                figures[name] = str(error)
    return figures


def rows(runs: Runs) -> list[Row]:
    """Lines of the table."""
    found = []
    for ideal in runs.names("ideal "):
        mix = ideal.removeprefix("ideal ")
        within = Band(at_most=1.05)
        found.append(runs.compare("P8", mix, (f"ours {mix}", ideal), "ideal", forms.seconds, within, "at most 1.05"))
        start = f"peer {mix}: "
        for name in runs.names(start):
            what = f"{mix} with {name.removeprefix(start)}"
            found.append(runs.compare("P8", what, (name, ideal), "ideal", forms.seconds, Band()))
    return found
