"""``status`` on one screen, as wide as the terminal is: how far, group by group, what failed, who works, what next."""

from collections.abc import Collection, Sequence

from torc_local.ground.states import JobStatus, all_succeeded
from torc_local.report import nodes
from torc_local.report.failing import failure_lines
from torc_local.report.group_table import group_lines
from torc_local.report.groups import QUICK, Group
from torc_local.report.nodes import NodeNow
from torc_local.report.paint import BAD, FAINT, GOOD, PLAIN, STRONG, WARNING, Line, Looks, Piece, filled, text_of
from torc_local.report.status import Status
from torc_local.report.text import cells, duration, local, plural, printable
from torc_local.store.actions import Summary

_NODE_LINES = 4

#: States in the order in which jobs go through them; the rest comes after.
_FIRST = (JobStatus.COMPLETED, JobStatus.RUNNING, JobStatus.PENDING, JobStatus.READY, JobStatus.BLOCKED)
_COLOURS = {
    JobStatus.COMPLETED: GOOD,
    JobStatus.FAILED: BAD,
    JobStatus.TERMINATED: BAD,
    JobStatus.PENDING_FAILED: BAD,
    JobStatus.CANCELED: WARNING,
}


def screen(
    status: Status,
    groups: Sequence[Group],
    *,
    dead: Collection[int],
    command: str,
    looks: Looks = PLAIN,
    all_groups: bool = False,
) -> list[Line]:
    """Its lines. ``dead`` has the runners known to have died; ``command`` begins what is suggested."""
    workflow = status.workflow
    lines = head(status, dead, looks)
    if groups:
        more = None if all_groups else f"{command} status {workflow.id} --all-groups"
        lines += ["", *group_lines(groups, looks, more=more)]
    elif status.total > QUICK:
        lines += [
            "",
            [(f"  too many jobs to add up quickly; all groups:  {command} status {workflow.id} --all-groups", FAINT)],
        ]
    lines += failure_lines(status.failures, cures=False, command=command, workflow_id=workflow.id, width=looks.width)
    actions = _action_line(status.actions)
    there = nodes.of(status.crew, dead, at=status.at) if status.runners else []
    parts = [_node_part(one, status.at) for one in there if one.state in (nodes.ALIVE, nodes.SILENT, nodes.LOST)]
    machines = filled("  nodes    ", parts, "   ", looks.width)
    if len(machines) > _NODE_LINES:
        machines = [*machines[: _NODE_LINES - 1], f"           ... and more: {command} runners {workflow.id}"]
    steps = filled("  next     ", ([(step, STRONG)] for step in _next(status, dead, command)), "      ", looks.width)
    return [*lines, "", *actions, *machines, *steps]


def head(status: Status, dead: Collection[int], looks: Looks = PLAIN) -> list[Line]:
    """What it is and how far it is: two lines where there is room."""
    workflow = status.workflow
    parts: list[Line] = [
        [(printable(workflow.name), STRONG)],
        f"workflow {workflow.id}, run {workflow.run_id}",
        printable(str(status.path)),
        [_condition(status, dead)],
    ]
    if looks.width is not None and sum(cells(text_of(part)) + 3 for part in parts) > looks.width:
        del parts[2]  # whoever asked knows which database it is
    return [
        *filled("", parts, "   ", looks.width),
        *filled("  ", ([piece] for piece in _count_pieces(status.counts)), "   ", looks.width),
    ]


def _count_pieces(counts: dict[str, int]) -> list[Piece]:
    order = [*_FIRST, *(status for status in JobStatus if status not in _FIRST)]
    return [
        (f"{status.value} {counts[status]:,}", _COLOURS.get(status, ""))
        for status in order
        if counts[status] or status is JobStatus.COMPLETED
    ]


def _condition(status: Status, dead: Collection[int]) -> Piece:
    if status.run is None:
        return "not started"
    taken = duration(status.walltime_s)
    if status.run.ended_at is not None and not status.workflow.is_canceled:
        good = all_succeeded(status.counts)
        verdict = "finished" if good else "finished with failures"
        return f"{verdict} in {taken}, {local(status.run.ended_at)}", GOOD if good else BAD
    if any(runner.id not in dead for runner in status.runners):
        return f"{'being canceled' if status.workflow.is_canceled else 'running'} for {taken}"
    return "canceled" if status.workflow.is_canceled else "stopped: nobody works on it", WARNING


def _action_line(found: Summary) -> list[Line]:
    if not found.total:
        return []
    line: list[Piece] = [f"  actions  {found.executed} of {found.total} executed"]
    if found.failed:
        line.append((f", {found.failed} of these failed", BAD))
    return [line]


def _node_part(node: NodeNow, at: float) -> Line:
    """A machine with what it has in hand, when it was heard of, and whom it lost."""
    beat = "" if node.last_beat_at is None else duration(max(at - node.last_beat_at, 0.0)).replace(".00s", "s")
    if node.state == nodes.LOST:
        return [printable(node.node), (f" LOST {beat} ago" if beat else " LOST", BAD)]
    # A runner claims more than it can run at once, so that it never waits for the next job.
    busy = min(node.slots, node.claimed)
    part: list[Piece] = [f"{printable(node.node)} {busy:,}/{node.slots:,} {'slot' if node.slots == 1 else 'slots'}"]
    if node.held_cpus:
        part.append(f" {node.held_cpus:,}/{node.num_cpus:,} cpu")
    if node.held_gpus:
        part.append(f" {node.held_gpus:,}/{node.num_gpus:,} gpu")
    if node.state == nodes.SILENT:
        part.append((f" SILENT for {beat}", WARNING))
    elif beat:
        part.append(f", {beat} ago")
    if node.lost_runners:
        part.append((f", {plural(node.lost_runners, 'runner')} LOST", BAD))
    return part


def _next(status: Status, dead: Collection[int], command: str) -> list[str]:
    number = status.workflow.id
    bad = any(status.counts[s] for s in (JobStatus.FAILED, JobStatus.TERMINATED, JobStatus.PENDING_FAILED))
    working = any(runner.id not in dead for runner in status.runners)
    steps = []
    if status.actions.failed:
        steps.append(f"{command} actions list {number}")
    if bad:
        steps.append(f"{command} jobs {number} --failed")
    if working:
        steps.append(f"{command} jobs {number} --running")
    elif not all_succeeded(status.counts) or (status.run is not None and status.run.ended_at is None):
        steps.append(f"{command} run {number}")
    else:
        steps.append(f"{command} results {number}")
    return steps
