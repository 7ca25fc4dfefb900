"""What is drawn: throughput over runners, waits for the lock, and the rounds of the scale test over time."""

import json
import sqlite3
from pathlib import Path

from benchmarks import forms
from benchmarks.bench import Bench, query
from benchmarks.plot import Chart, Line
from benchmarks.results import NotMeasuredError
from torc_local.ground.histogram import Histogram

_POINTS = 400
_ENDS = "SELECT ended_at - (SELECT min(started_at) FROM v_attempts) FROM v_attempts ORDER BY 1"


def charts(bench: Bench) -> list[Chart]:
    """All of them; a chart without figures says why."""
    return [_throughput(bench), _waits(bench), _rounds(bench)]


def _throughput(bench: Bench) -> Chart:
    note, lines, count = "", [], bench.sizes.curve_jobs
    for name, batch in (("in batches", None), ("single jobs", 1)):
        points = []
        try:
            for runners in bench.sizes.curve_runners:
                report = bench.contend(runners, batch, count)
                points.append((float(runners), float(report["throughput_jobs_per_second"])))
        except NotMeasuredError as error:
            note = f"not measured: {error}"
        lines.append(Line(name, points))
    title = f"Claims and settles of {count:,} jobs, nothing spawned"
    return Chart(title, "runner processes", "jobs per second", lines, log_across=2, log_up=10, note=note)


def _waits(bench: Bench) -> Chart:
    lines, note = [], ""
    try:
        lines.append(Line("scale test", _cumulative(_scale_test_waits(bench.scale.database))))
    except NotMeasuredError as error:
        note = f"not measured: {error}"
    for runners in bench.sizes.contention_runners:
        for name, batch, count in (
            ("single", 1, bench.sizes.contention_jobs),
            ("batches", None, bench.sizes.curve_jobs),
        ):
            try:
                report = bench.contend(runners, batch, count)
            except NotMeasuredError as error:
                note = f"not measured: {error}"
                continue
            label = f"{runners} processes, {name}"
            counts = report.get("lock_wait_histogram")
            if counts is not None:
                lines.append(Line(label, _cumulative(Histogram(counts))))
                continue
            # Its scratch database is gone, and the report has three points of the curve.
            known = (("p50", 0.5), ("p99", 0.99), ("longest", 1.0))
            points = [(report[f"lock_wait_seconds_{part}"], share) for part, share in known]
            lines.append(Line(label, points, joined=False))
    title = "Waits for the write lock, turnstile included"
    up = "share of waits not longer"
    return Chart(title, "wait", up, lines, log_across=10, note=note, label=forms.seconds)


def _scale_test_waits(database: Path) -> Histogram:
    # Not in a view: buckets are a matter of the tool.
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    found = connection.execute("SELECT lock_wait_histogram FROM runner").fetchall()
    connection.close()
    return Histogram.merged([Histogram(json.loads(text)) for (text,) in found])


def _cumulative(waits: Histogram) -> list[tuple[float, float]]:
    """Upper edge of each bucket in use, and the share of waits up to it."""
    points = []
    seen = 0
    for bucket, count in enumerate(waits.counts):
        seen += count
        if count:
            points.append((_edge(bucket), seen / waits.count))
    return points


def _edge(bucket: int) -> float:
    """The longest wait that a bucket counts, in seconds: what a histogram of one such wait says."""
    return Histogram([0] * bucket + [1]).quantile(1.0)


def _rounds(bench: Bench) -> Chart:
    title, across, up = "Rounds of the scale test", "seconds since the first start", "jobs ended"
    try:
        ends = [row[0] for row in query(bench.scale.database, _ENDS)]
    except NotMeasuredError as error:
        return Chart(title, across, up, [], note=f"not measured: {error}")
    step = max(1, len(ends) // _POINTS)
    points = [(0.0, 0.0), *((ends[i], float(i + 1)) for i in range(step - 1, len(ends), step))]
    if ends:
        points.append((ends[-1], float(len(ends))))
    return Chart(title, across, up, [Line("jobs", points)])
