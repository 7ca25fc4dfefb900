"""A report as text for terminals and mail, and as Markdown for pull requests: verdict, failures, advice."""

from collections.abc import Iterator

from torc_local.ground.errors import ExitCode
from torc_local.ground.reasons import first_line
from torc_local.ground.states import JobStatus
from torc_local.report import advice, status
from torc_local.report.content import Content, Failure
from torc_local.report.summary import sentence
from torc_local.report.text import duration, local, plural, printable, shortened, size, table

#: Causes that are told in full; of more, how many.
MOST_CAUSES = 20

_HOUR_S = 3600


def outcome(content: Content) -> str:
    """One word or a few: ``finished``, ``finished with failures``, ``incomplete``, ``not started``, ``canceled``."""
    stand = content.status
    if not stand.total:
        return "no jobs"
    if stand.run is None:
        return "not started"
    if stand.workflow.is_canceled:
        return "canceled"
    code = status.outcome(stand.workflow, stand.run, stand.counts)
    return {ExitCode.OK: "finished", ExitCode.FAILED: "finished with failures"}.get(
        code or ExitCode.INCOMPLETE, "incomplete"
    )


def headline(content: Content) -> str:
    """The run in one sentence."""
    stand = content.status
    name = stand.workflow.name
    if not stand.total:
        return f"{printable(name)} has no jobs"
    if stand.run is None:
        return f"{printable(name)} has not started: {plural(stand.total, 'job')}"
    code = status.outcome(stand.workflow, stand.run, stand.counts)
    if code is None:
        done = stand.counts[JobStatus.COMPLETED]
        left = "was canceled" if stand.workflow.is_canceled else "is incomplete"
        jobs = f"{done:,} of {plural(stand.total, 'job')} completed"
        return f"{printable(name)} {left} after {duration(stand.walltime_s)}: {jobs}"
    return sentence(name, stand.counts, stand.total, code, duration(stand.walltime_s))


def facts(content: Content) -> list[tuple[str, str]]:
    """Labels and values of the verdict."""
    stand, workflow = content.status, content.status.workflow
    rows = [("workflow", f"{workflow.id}, run {workflow.run_id}")]
    if workflow.description:
        rows.append(("description", workflow.description))
    shown = [f"{jobs:,} {state}" for state, jobs in stand.counts.items() if jobs]
    rows.append(("jobs", ", ".join(shown) or "none"))
    if stand.run is not None:
        ended = "not ended" if stand.run.ended_at is None else local(stand.run.ended_at)
        rows += [("started", local(stand.run.started_at)), ("ended", ended), ("wall time", duration(stand.walltime_s))]
    if content.reserved_core_s:
        share = content.used_core_s / content.reserved_core_s
        rows.append(
            (
                "core-hours",
                f"{hours(content.used_core_s)} used of {hours(content.reserved_core_s)} reserved ({share:.0%})",
            )
        )
    if content.spent is not None and content.spent.busy_fraction is not None:
        rows.append(("places", _spent(content)))
    if content.chain.seconds and stand.walltime_s:
        rows.append(
            (
                "critical path",
                f"{duration(content.chain.seconds)}: no number of machines is faster with these jobs",
            )
        )
    for place in content.places:
        node = place.machine
        gpus = f", {plural(node.num_gpus, 'gpu')}" if node.num_gpus else ""
        slots = f"; {plural(place.slots, 'slot')}" if place.counts_jobs else ""
        rows.append(
            (f"node {node.hostname}", f"{plural(node.num_cpus, 'cpu')}, {size(node.memory_bytes)}{gpus}{slots}")
        )
    rows += [("user", workflow.user), ("workflow file", workflow.spec_path or "standard input, or none")]
    rows.append(("database", content.provenance.database))
    return rows


def _spent(content: Content) -> str:
    found = content.spent
    if found is None or not found.capacity_s:
        return "-"
    parts = [
        f"{found.busy_s / found.capacity_s:.1%} busy",
        f"{found.nothing_ready_s / found.capacity_s:.1%} nothing was ready",
        f"{found.nothing_fitted_s / found.capacity_s:.1%} nothing fitted",
        f"{found.between_s / found.capacity_s:.1%} between jobs",
    ]
    places = sum(place.places for place in content.places)
    return f"{places:,} for {duration(found.wall_s)}: {', '.join(parts)}"


def hours(core_s: float) -> str:
    """Core-hours; of little, with more digits."""
    value = core_s / _HOUR_S
    return f"{value:,.1f}" if value >= 10 else f"{value:.3g}"  # noqa: PLR2004 - three digits


def text(content: Content) -> Iterator[str]:
    """Lines for a terminal."""
    yield headline(content)
    _, *rows = table(["", ""], facts(content))
    yield from (f"  {row}" for row in rows)
    if content.failures:
        yield ""
        yield "what failed"
        for one in content.failures[:MOST_CAUSES]:
            yield ""
            yield from _failure_lines(one)
        yield from _more(content)
    if content.advice:
        yield ""
        yield "what jobs used against what they ask for"
        yield ""
        yield from (f"  {line}" for line in advice.screen(content.advice))


def _more(content: Content) -> Iterator[str]:
    left = len(content.failures) - MOST_CAUSES
    if left > 0:
        yield ""
        yield f"  ... and {plural(left, 'more cause')}"


def _failure_lines(one: Failure) -> Iterator[str]:
    yield f"  {one.jobs:,} x {printable(one.cause.title)}"
    names = ", ".join(printable(example.name) for example in one.examples)
    yield f"    {'such as' if one.jobs > len(one.examples) else 'jobs'}: {names}"
    first = one.examples[0]
    if first.reason and first.reason != one.cause.title:
        yield f"    {printable(first.name)}: {printable(shortened(first_line(first.reason), 200))}"
    for line in first.last_lines:
        yield f"    | {printable(line)}"
    if first.reproduce:
        yield f"    by hand: {printable(first.reproduce)}"
    yield f"    to do: {printable(one.cure)}"


def markdown(content: Content) -> Iterator[str]:
    """Lines of GitHub's Markdown: text of others is in code or escaped."""
    yield f"## {_safe(headline(content))}"
    yield ""
    yield "| | |"
    yield "|---|---|"
    for label, value in facts(content):
        yield f"| {_safe(label)} | {_safe(value)} |"
    if content.failures:
        yield ""
        yield "### What failed"
        for one in content.failures[:MOST_CAUSES]:
            yield ""
            yield f"**{one.jobs:,} x {_safe(one.cause.title)}**: {', '.join(_code(e.name) for e in one.examples)}"
            first = one.examples[0]
            lines = [*(first.reason or "").splitlines()[:5], *first.last_lines]
            if lines:
                yield ""
                yield from _fenced(lines)
            yield ""
            if first.reproduce:
                yield f"- by hand: {_code(first.reproduce)}"
            yield f"- to do: {_safe(one.cure)}"
        yield from _more(content)
    if content.advice:
        yield ""
        yield "### What jobs used against what they ask for"
        yield ""
        yield from _fenced(advice.screen(content.advice))


def _fenced(lines: list[str]) -> Iterator[str]:
    """A block that no line of it can end."""
    fence = "````" if any("```" in line for line in lines) else "```"
    fence += "`" * max((line.count("`") for line in lines), default=0)
    yield f"{fence}text"
    yield from map(printable, lines)
    yield fence


def _code(text: str) -> str:
    marks = "`" * (text.count("`") + 1)
    pad = " " if "`" in text else ""
    return f"{marks}{pad}{printable(text)}{pad}{marks}"


def _safe(text: str) -> str:
    """With everything that Markdown or HTML acts on as an escape."""
    escaped = "".join(f"\\{c}" if c in "\\`*_{}[]#|~" else c for c in printable(text))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("@", "&#64;")
