"""How the numbers of a report were obtained, and what was not measured: the part that makes the others believable."""

from torc_local.engine.options import settings_in
from torc_local.report.content import Content

_ALWAYS = """
states: of all jobs, at the moment at which the report was made
start, end, run time: on the clock of the node, by the runner, from just before the process starts until it has ended
processor time: user and system, of the job and all processes that it waited for (wait4), however short it is; where a
  monitor looked at the job and saw more, that
ready, waiting: a job is ready when the last of what it waits for has ended; it waits from then, or from the first start
  of the run, until it starts. The time between a failed attempt and the next one counts as waiting
idle places: places are processors where jobs are given what they ask for, and slots with -j. Whether a ready job would
  have fitted is worked out from what jobs ask for, node by node; other workflows on the same nodes are left out of it
critical path: the chain of jobs that wait for each other whose run times add up to most: on any number of machines the
  run takes at least as long. Run times are as they were, beside everything else that ran
core-hours: used: processor time of all attempts of the newest run; reserved: their run time times the processors that
  they ask for
advice: the larger of the largest value and 1.2 times the value that 95 % of attempts stay below, rounded up; those that
  were ended for a limit are lower bounds; with fewer than 5 attempts there is none
three digits: run times, processor times and memory in the table of all jobs are rounded to three digits
GPUs: their memory and use are sampled by the monitor where NVIDIA's library answers (extra gpu), and nowhere else
not measured: network; what processes that left their job used after its end; energy. The command line of run is not on
  record
"""


def sentences(content: Content) -> list[tuple[str, str]]:
    """What a number is, and how it is known."""
    return [*_of_memory(content), *map(_pair, _ALWAYS.strip().replace("\n  ", " ").splitlines())]


def _pair(line: str) -> tuple[str, str]:
    label, _, said = line.partition(": ")
    return label, said


def _of_memory(content: Content) -> list[tuple[str, str]]:
    found, places = content.history, content.places
    settings = settings_in(content.status.workflow.settings)
    bounded = sum(1 for peak in found.peaks if peak < 0)
    memory = (
        "the larger of two: the largest single process (wait4), and all processes of the job together when a monitor "
        "looked; a peak of several processes between two looks may be missed. Until it executes its program a child "
        f"counts as large as the runner, so of {bounded:,} jobs only a bound is known, shown as <"
    )
    sampling = "jobs were not sampled: the workflow file says so"
    if settings.monitor_jobs is not None:
        sampling = (
            f"every {settings.sample_interval_s:g} s unless the run said otherwise, of jobs that lasted: "
            f"{len(found.read_bytes):,} of {len(found):,}. Curves are there with run --time-series; "
            f"{len(content.curves):,} of the jobs that stand out have one. Read and written bytes are what jobs asked "
            "of the kernel, whether or not a disk was touched"
        )
    seen = sum(1 for place in places if place.machine.avg_cpu_percent is not None)
    nodes = f"{seen} of {len(places)} were looked at as a whole, whoever used them" if places else "none has worked"
    return [("peak memory", memory), ("sampling", sampling), ("nodes", nodes)]
