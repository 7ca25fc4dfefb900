"""The eleven parts of a page; all but the charts and the table of all jobs are whole without a script."""

from collections.abc import Callable, Sequence

from torc_local.ground.states import JobStatus
from torc_local.report import advice, content_text, method, outliers
from torc_local.report.advice import Advice, Figure
from torc_local.report.content import Content, Example, Failure, Saving
from torc_local.report.family_figures import Family, Spread
from torc_local.report.page import pictures
from torc_local.report.page.html import lines, section, table, text, took
from torc_local.report.text import duration, plural, size

#: Families and jobs of the critical path that are listed.
_MOST_FAMILIES = 60
_MOST_OF_CHAIN = 40


def verdict(content: Content) -> str:
    """Part 1."""
    stand = content.status
    bars = "".join(
        f'<span class="s-{state}" style="flex-grow:{jobs}" title="{jobs:,} {state}"></span>'
        for state, jobs in stand.counts.items()
        if jobs
    )
    legend = "".join(
        f'<li><span class="key s-{state}"></span>{jobs:,} {state.replace("_", " ")}</li>'
        for state, jobs in stand.counts.items()
        if jobs
    )
    rows = "".join(
        f"<div><dt>{text(label)}</dt><dd>{text(value)}</dd></div>" for label, value in content_text.facts(content)
    )
    return section(
        1,
        "verdict",
        "Verdict",
        f"<p class=verdict>{text(content_text.headline(content))}</p>\n"
        f"<div class=share aria-hidden=true>{bars}</div><ul class=legend>{legend}</ul>\n<dl>{rows}</dl>",
    )


def failures(content: Content) -> str:
    """Part 2."""
    if not content.failures:
        nothing = "No job has failed." if content.status.run is not None else "Nothing has run."
        return section(2, "failures", "What failed", f"<p>{nothing}</p>")
    shown = content.failures[: content_text.MOST_CAUSES]
    left = len(content.failures) - len(shown)
    more = f"<p>… and {plural(left, 'more cause')}.</p>" if left else ""
    return section(2, "failures", "What failed", "".join(map(_failure, shown)) + more)


def _failure(one: Failure) -> str:
    names = ", ".join(f"<code>{text(example.name)}</code>" for example in one.examples)
    such = "such as " if one.jobs > len(one.examples) else ""
    shown = [example for example in one.examples if example.last_lines or example.reproduce]
    examples = "".join(_example(example, is_first=not number) for number, example in enumerate(shown))
    return (
        f"<article class=failure><h3><span class=count>{one.jobs:,} x</span> {text(one.cause.title)}</h3>"
        f"<p>{such}{names}</p><p class=todo><b>To do:</b> {text(one.cure)}</p>{examples}</article>\n"
    )


def _example(one: Example, *, is_first: bool) -> str:
    where = f" on {text(one.node)}" if one.node else ""
    reason = f": {text(one.reason.splitlines()[0])}" if one.reason else ""
    said = "\n".join((one.reason or "").splitlines()[1:])
    more = f"<pre>{lines(said)}</pre>" if said else ""
    stream = f"<p class=note>last lines of its {text(one.stream)}</p>" if one.last_lines else ""
    wrote = f"{stream}<pre>{lines(chr(10).join(one.last_lines))}</pre>" if one.last_lines else ""
    by_hand = f"<p class=note>to run it by hand</p><pre>{lines(one.reproduce)}</pre>" if one.reproduce else ""
    head = f"<summary><code>{text(one.name)}</code>{where}{reason}</summary>"
    return f"<details{' open' if is_first else ''}>{head}{more}{wrote}{by_hand}</details>"


def suggestions(content: Content) -> str:
    """Part 3."""
    if not content.advice:
        return section(3, "advice", "Advice", "<p>No attempt has ended: there is nothing to go by.</p>")
    rows = [
        row for one, saving in zip(content.advice, content.savings, strict=True) for row in _advice_rows(one, saving)
    ]
    heads = ["requirements", "resource", "asked", "samples", "median", "95 %", "max", "suggested", "brings"]
    yaml = advice.to_paste(content.advice)
    paste = f"<p class=note>for the workflow file</p><pre>{lines(chr(10).join(yaml))}</pre>" if yaml else ""
    note = (
        f"The larger of the maximum and 1.2 times the value that 95 % stay below. Fewer than {advice.FEWEST} samples: "
        "no suggestion. A &gt; marks values of jobs that were ended for this limit, and need more."
    )
    return section(3, "advice", "Advice", table(heads, rows, right=(2, 3, 4, 5, 6, 7)) + paste, note=note)


def _advice_rows(one: Advice, saving: Saving) -> list[list[str]]:
    def row(label: str, figure: Figure, asked: str, show: Callable[[float | None], str], brings: str) -> list[str]:
        above = "&gt;" if figure.lower_bounds else ""
        values = [text(show(value)) for value in (figure.median, figure.p95, figure.maximum, figure.suggested)]
        return [
            text(one.asks.name), label, text(asked), f"{figure.samples + figure.lower_bounds:,}", values[0], values[1],
            above + values[2], f"<b>{values[3]}</b>", brings,
        ]  # fmt: skip

    def bytes_of(value: float | None) -> str:
        return size(None if value is None else int(value))

    def cpus(value: float | None) -> str:
        return "-" if value is None else f"{value:.1f}".removesuffix(".0")

    core = ""
    if saving.core_s:
        less = "fewer" if saving.core_s > 0 else "more"
        core = f"{content_text.hours(abs(saving.core_s))} core-hours {less} reserved"
    fit = ""
    if saving.jobs_per_node_now is not None and saving.jobs_per_node_now != saving.jobs_per_node_then:
        fit = f"{saving.jobs_per_node_then:,} at once on a node, not {saving.jobs_per_node_now:,}"
    return [
        row("processors", one.cpus, cpus(one.asks.num_cpus), cpus, core),
        row("memory", one.memory, bytes_of(one.asks.stated_memory), bytes_of, fit),
        row("run time", one.runtime, took(one.asks.stated_runtime), took, ""),
    ]


def timeline(content: Content) -> str:
    """Part 4: drawn by a script."""
    if content.span is None:
        return section(4, "timeline", "Timeline", "<p>Nothing has run.</p>")
    controls = (
        "<div class=controls data-zoom hidden><button type=button data-do=in>zoom in</button>"
        "<button type=button data-do=out>zoom out</button><button type=button data-do=left>earlier</button>"
        "<button type=button data-do=right>later</button><button type=button data-do=all>all of it</button>"
        "<output></output></div>"
    )
    note = (
        "Waiting: everything before the job had ended, and nobody had begun with it. Drag over a stretch to see it "
        "larger; keys: + - ← → 0."
    )
    charts = "".join(
        f'<figure><figcaption>{caption}</figcaption><canvas data-chart="{name}" tabindex=0 role=img '
        f'aria-label="{caption}"></canvas></figure>'
        for name, caption in (
            ("states", "jobs in each state"),
            ("rate", "jobs that end, per second"),
            ("lanes", "what runs on each runner"),
        )
    )
    return section(4, "timeline", "Timeline", controls + _SCRIPTLESS + charts, note=note)


_SCRIPTLESS = "<noscript><p class=note>These charts need JavaScript.</p></noscript>"


def nodes(content: Content) -> str:
    """Part 5: figures, and charts by a script."""
    if not content.places:
        return section(5, "nodes", "Nodes", "<p>No node has worked on this run.</p>")
    rows = [
        [
            text(place.machine.hostname),
            f"{place.machine.num_cpus:,}",
            text(size(place.machine.memory_bytes)),
            f"{place.machine.num_gpus:,}",
            f"{place.slots:,}",
            "-" if place.machine.avg_cpu_percent is None else f"{place.machine.avg_cpu_percent:.0f} %",
            text(size(place.machine.peak_memory_bytes)),
        ]
        for place in content.places
    ]
    heads = ["node", "cpus", "memory", "gpus", "slots", "average cpu", "most memory"]
    made = table(heads, rows, right=(1, 2, 3, 4, 5, 6))
    found = content.spent
    if found is not None and found.capacity_s:
        parts = [
            ("busy", "busy", found.busy_s),
            ("nothing was ready", "none", found.nothing_ready_s),
            ("nothing fitted", "unfit", found.nothing_fitted_s),
            ("between two jobs", "between", found.between_s),
        ]
        share = "".join(f'<span class="g-{kind}" style="flex-grow:{seconds:.6f}"></span>' for _, kind, seconds in parts)
        legend = "".join(
            f'<li><span class="key g-{kind}"></span>{seconds / found.capacity_s:.1%} {label}</li>'
            for label, kind, seconds in parts
        )
        made += f"<h3>How the places were spent</h3><div class=share aria-hidden=true>{share}</div>"
        made += f"<ul class=legend>{legend}</ul>"
    charts = "".join(
        f'<figure><figcaption>{text(place.machine.hostname)}: {what}</figcaption><canvas data-chart="{kind}" '
        f'data-node="{number}" tabindex=0 role=img aria-label="{what} of {text(place.machine.hostname)}"></canvas>'
        "</figure>"
        for number, place in enumerate(content.places[:_MOST_NODES])
        for kind, what in (("cpu", "processors"), ("memory", "memory"))
    )
    left = len(content.places) - _MOST_NODES
    more = f"<p class=note>… and {plural(left, 'more node')} without a chart.</p>" if left > 0 else ""
    note = (
        "Places are slots with -j, and processors otherwise. Under the charts: stretches with idle places, by reason. "
        "A node's own curve is there with run --time-series; otherwise what jobs used is "
        "spread evenly over their run time."
    )
    return section(5, "nodes", "Nodes", made + _SCRIPTLESS + charts + more, note=note)


_MOST_NODES = 16


def groups(content: Content) -> str:
    """Part 6."""
    if not content.families:
        return section(6, "groups", "Groups", "<p>There are no jobs.</p>")
    listed = sorted(content.families, key=lambda one: -one.total_s)[:_MOST_FAMILIES]
    rows = [_family_row(one) for one in listed]
    heads = [
        "family", "jobs", "done", "failed", "run time: median", "95 %", "max", "", "of asked",
        "cpu effi&shy;ciency", "", "peak memory: median", "95 %", "max", "", "of asked",
    ]  # fmt: skip
    left = len(content.families) - len(listed)
    more = f"<p>… and {plural(left, 'family')} that took less time.</p>" if left else ""
    note = (
        "Jobs whose names differ in numbers only are one family. Newest attempt of each job. “Of asked” is the maximum "
        "in parts of what the file states; bars are of equal factors, from the smallest to the largest."
    )
    right = (1, 2, 3, 4, 5, 6, 8, 9, 11, 12, 13, 15)
    return section(6, "groups", "Groups", table(heads, rows, right=right, kind="dense") + more, note=note)


def _family_row(one: Family) -> list[str]:
    failed = sum(
        one.counts.get(state, 0) for state in (JobStatus.FAILED, JobStatus.TERMINATED, JobStatus.PENDING_FAILED)
    )
    lasted = _spread(one.duration_s, took)
    used = _spread(one.peak_bytes, lambda value: size(int(value)))
    if one.peak_bytes is None and one.peak_at_most is not None:
        used = ["-", "-", f"&lt;{text(size(one.peak_at_most))}", ""]
    return [
        f"<code>{text(one.name)}</code>",
        f"{one.jobs:,}",
        f"{one.counts.get(JobStatus.COMPLETED, 0):,}",
        f"<b class=bad>{failed:,}</b>" if failed else "0",
        *lasted,
        _part(None if one.duration_s is None else one.duration_s.high, one.asked_runtime),
        "-" if one.cpu_efficiency is None else f"{one.cpu_efficiency:.0%}",
        _picture(one.efficiency, lambda value: f"{value:.0%}"),
        *used,
        _part(None if one.peak_bytes is None else one.peak_bytes.high, one.asked_memory),
    ]


def _spread(found: Spread | None, show: Callable[[float], str]) -> list[str]:
    if found is None:
        return ["-", "-", "-", ""]
    return [text(show(found.median)), text(show(found.p95)), text(show(found.high)), _picture(found, show)]


def _picture(found: Spread | None, show: Callable[[float], str]) -> str:
    if found is None or found.samples < 2:  # noqa: PLR2004 - one value has no distribution
        return ""
    return pictures.histogram(found, show(found.low), show(found.high))


def _part(used: float | None, asked: float | None) -> str:
    if used is None or not asked:
        return "-"
    part = used / asked
    return f"<b class=bad>{part:.0%}</b>" if part > 1 else f"{part:.0%}"


def standing_out(content: Content) -> str:
    """Part 7."""
    found = content.outliers
    made = ""
    for title, jobs in (
        ("The slowest", found.slowest),
        ("The largest", found.largest),
        ("Most processor time asked for and not used", found.wasteful),
        ("Tried most often", found.most_tried),
    ):
        if jobs:
            made += f"<h3>{title}</h3>" + _job_table(content, jobs)
    return section(7, "outliers", "Outliers", made or "<p>No job stands out.</p>")


def _job_table(content: Content, jobs: Sequence[int]) -> str:
    found = content.history
    cpus = {one.id: max(one.num_cpus, 1) for one in content.asks}
    with_curves = any(job in content.curves for job in jobs)
    rows = []
    for job in jobs:
        lasted, peak = found.duration(job), found.peaks[job]
        asked = cpus[found.requirements[job]]
        unused = outliers.unused_s(found, job, asked)
        row = [
            f"<code>{text(found.names[job])}</code>",
            _state(found.statuses[job]),
            text(took(lasted)),
            text(took(found.cpu_s[job])),
            f"{found.cpu_s[job] / (lasted * asked):.0%}" if lasted > 0 else "-",
            text(took(unused)),
            text(size(peak)) if peak > 0 else "-" if not peak else f"&lt;{text(size(-peak))}",
            f"{found.tries[job]:,}",
        ]
        if with_curves:
            points = content.curves.get(job)
            row.append(pictures.curve(points, "memory (area) and processors (line) over time") if points else "")
        rows.append(row)
    heads = ["job", "state", "run time", "cpu time", "efficiency", "unused", "peak memory", "attempts"]
    return table([*heads, *(["curve"] if with_curves else [])], rows, right=(2, 3, 4, 5, 6, 7))


def _state(state: str) -> str:
    return f'<span class="key s-{state}"></span>{text(state.replace("_", " "))}'


def graph(content: Content) -> str:
    """Part 8."""
    picture = pictures.graph(content)
    workflow_id = content.status.workflow.id
    if picture is None:
        drawn = f"{content.command} graph {workflow_id}"
        picture = f"<p>Too large to be read as a drawing; this writes it for Graphviz: <code>{text(drawn)}</code></p>"
    chain, wall_s = content.chain, content.status.walltime_s
    said = ""
    if chain.jobs:
        wall = f", the run took {duration(wall_s)}" if wall_s else ""
        said = (
            f"<h3>Critical path</h3><p>A machine that is large enough would need {text(took(chain.seconds))}"
            f"{text(wall)}. These {plural(len(chain.jobs), 'job')} wait for each other, and their run times add up to "
            "it:</p>"
        )
        said += _chain(content)
    return section(8, "graph", "Graph", picture + said)


def _chain(content: Content) -> str:
    found, jobs = content.history, content.chain.jobs
    rows = [
        [
            f"{number:,}",
            f"<code>{text(found.names[job])}</code>",
            _state(found.statuses[job]),
            text(took(found.duration(job))),
        ]
        for number, job in enumerate(jobs, 1)
    ]
    if len(rows) > _MOST_OF_CHAIN:
        half = _MOST_OF_CHAIN // 2
        rows = [*rows[:half], ["…", f"{len(rows) - 2 * half:,} more", "", ""], *rows[-half:]]
    return table(["", "job", "state", "run time"], rows, right=(0, 3))


def all_jobs(content: Content) -> str:
    """Part 9: made by a script."""
    command = f"{content.command} jobs {content.status.workflow.id}"
    return section(
        9,
        "jobs",
        "All jobs",
        "<div id=jobs-table></div>"
        f"<noscript><p>This table needs JavaScript. Without: <code>{text(command)}</code></p></noscript>",
        note="A click on a head sorts, one on a row opens it; keys: ↑ ↓ Enter. Times and sizes have three digits.",
    )


def origin(content: Content) -> str:
    """Part 10."""
    found = content.provenance
    rows = "".join(f"<div><dt>{text(label)}</dt><dd>{text(value)}</dd></div>" for label, value in found.rows)
    spec = ""
    if found.spec is not None:
        spec = f"<h3>{text(found.spec.path)}</h3><p class=note>{text(found.spec.note)}</p>"
        if found.spec.text is not None:
            spec += f"<details><summary>its text</summary><pre>{lines(found.spec.text)}</pre></details>"
    return section(10, "provenance", "Provenance", f"<dl>{rows}</dl>{spec}")


def methods(content: Content) -> str:
    """Part 11."""
    rows = "".join(
        f"<div><dt>{text(label)}</dt><dd>{text(said)}</dd></div>" for label, said in method.sentences(content)
    )
    return section(11, "method", "How the numbers were obtained", f"<dl class=method>{rows}</dl>")


PARTS = (
    ("verdict", "Verdict", verdict),
    ("failures", "What failed", failures),
    ("advice", "Advice", suggestions),
    ("timeline", "Timeline", timeline),
    ("nodes", "Nodes", nodes),
    ("groups", "Groups", groups),
    ("outliers", "Outliers", standing_out),
    ("graph", "Graph", graph),
    ("jobs", "All jobs", all_jobs),
    ("provenance", "Provenance", origin),
    ("method", "Method", methods),
)
