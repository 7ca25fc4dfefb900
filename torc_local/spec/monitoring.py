"""``resource_monitor``: what is measured of jobs and of the node, in both of Torc's shapes (the older one, and 0.35's).

Without this section jobs are measured every five seconds and only their peaks and averages are kept, as Torc's command
line has it. In the section nothing is measured that does not say ``enabled: true``, as in Torc.
"""

from typing import NamedTuple

from torc_local.spec.fields import truth
from torc_local.spec.places import Path
from torc_local.spec.problems import Problems
from torc_local.spec.settings import Settings
from torc_local.spec.wording import describe, did_you_mean, quote

SUMMARY = "summary"
TIME_SERIES = "time_series"

#: What is read into Settings.
MONITORING_SETTINGS = (
    "monitor_jobs", "monitor_node", "monitor_node_cpu", "monitor_node_memory", "sample_interval_s", "flush_interval_s",
)  # fmt: skip

KEYS = frozenset({"enabled", "granularity", "sample_interval_seconds", "generate_plots"} | {"sample_interval"}) | {
    "flush_interval",
    "jobs",
    "compute_node",
}
JOBS_KEYS = frozenset({"enabled", "granularity"})
NODE_KEYS = JOBS_KEYS | {"cpu", "memory"}

#: Shortest and longest time between two samples, in seconds.
SHORTEST_S = 0.1
LONGEST_S = 86_400.0

# Of Torc's older shape, and of the one of 0.35.
_INTERVAL_S = {False: 5.0, True: 10.0}
_FLUSH_S = {False: 60.0, True: 300.0}

_HERE: Path = ("resource_monitor",)


class _Part(NamedTuple):
    """What one part says: whether it is measured, and in how much detail (None: nothing said)."""

    enabled: bool
    granularity: str


def read_monitoring(value: object, settings: Settings, problems: Problems) -> Settings:
    """``settings`` with what ``resource_monitor`` says; mistakes are reported and leave the default."""
    if value is None:
        return settings
    if not isinstance(value, dict):
        problems.add(_HERE, f"'resource_monitor' must be a mapping, not {describe(value)}", "write  enabled: true")
        return settings
    newer = "jobs" in value or "compute_node" in value
    _note_unknown(value, KEYS, _HERE, problems)
    if truth(value.get("generate_plots"), "generate_plots", (*_HERE, "generate_plots"), problems, default=False):
        problems.warn((*_HERE, "generate_plots"), "'generate_plots' has no effect, here as in Torc")
    whole = _part(value, _HERE, problems, _Part(enabled=False, granularity=SUMMARY))
    jobs = _nested(value, "jobs", JOBS_KEYS, problems, whole)
    node = _nested(value, "compute_node", NODE_KEYS, problems, whole._replace(enabled=False))
    about = value.get("compute_node")
    cpu, memory = (
        truth(about.get(key), key, (*_HERE, "compute_node", key), problems, default=True)
        if isinstance(about, dict)
        else True
        for key in ("cpu", "memory")
    )
    if not (jobs.enabled or node.enabled or problems):
        said = [part for part in (value, value.get("jobs"), about) if isinstance(part, dict) and "enabled" in part]
        if not said:
            problems.warn(_HERE, "'resource_monitor' does not say 'enabled: true': nothing is measured, as in Torc")
    return settings._replace(
        monitor_jobs=jobs.granularity if jobs.enabled else None,
        monitor_node=node.granularity if node.enabled and (cpu or memory) else None,
        monitor_node_cpu=cpu,
        monitor_node_memory=memory,
        sample_interval_s=_interval(value, problems, _INTERVAL_S[newer]),
        flush_interval_s=_seconds(value, "flush_interval", problems, _FLUSH_S[newer]),
    )


def _note_unknown(value: dict[str, object], known: frozenset[str], path: Path, problems: Problems) -> None:
    """Torc rejects no key here, and its examples have some that it does not know."""
    for key in value.keys() - known:
        problems.warn((*path, key), f"the key {quote(key)} of '{path[-1]}' is not known here", did_you_mean(key, known))


def _nested(value: dict[str, object], key: str, known: frozenset[str], problems: Problems, default: _Part) -> _Part:
    found, path = value.get(key), (*_HERE, key)
    if found is None:
        return default
    if not isinstance(found, dict):
        problems.add(path, f"{quote(key)} in 'resource_monitor' must be a mapping, not {describe(found)}")
        return default
    _note_unknown(found, known, path, problems)
    return _part(found, path, problems, default)


def _part(value: dict[str, object], path: Path, problems: Problems, default: _Part) -> _Part:
    enabled = truth(value.get("enabled"), "enabled", (*path, "enabled"), problems, default=default.enabled)
    said = value.get("granularity")
    if said is None:
        return _Part(enabled, default.granularity)
    # Torc reads summary and time_series; its documents write Summary and TimeSeries.
    name = {"Summary": SUMMARY, "TimeSeries": TIME_SERIES}.get(said, said) if isinstance(said, str) else None
    if name not in (SUMMARY, TIME_SERIES):
        hint = did_you_mean(name, (SUMMARY, TIME_SERIES)) if name is not None else None
        shown = quote(said) if isinstance(said, str) else describe(said)
        problems.add(
            (*path, "granularity"),
            f"'granularity' must be {SUMMARY} or {TIME_SERIES}, not {shown}",
            hint or f"write {SUMMARY} or {TIME_SERIES}",
        )
        return _Part(enabled, default.granularity)
    return _Part(enabled, name)


def _interval(value: dict[str, object], problems: Problems, default: float) -> float:
    older = _seconds(value, "sample_interval_seconds", problems, default)
    return _seconds(value, "sample_interval", problems, older)


def _seconds(value: dict[str, object], key: str, problems: Problems, default: float) -> float:
    found, path = value.get(key), (*_HERE, key)
    if found is None:
        return default
    if isinstance(found, bool) or not isinstance(found, int | float):
        problems.add(path, f"{quote(key)} must be a number of seconds, not {describe(found)}", "write 5")
        return default
    if not SHORTEST_S <= found <= LONGEST_S:
        problems.add(path, f"{quote(key)} must be from {SHORTEST_S:g} to {LONGEST_S:g} seconds, not {found:g}")
        return default
    return float(found)
