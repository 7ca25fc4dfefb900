"""``execution_config``: limits of jobs, with which signals, times and exit codes, and their output (Torc 0.35).

Keys that only Slurm gives a meaning are accepted with a note.
"""

import signal

from torc_local.spec.fields import check_keys, note_ignored, text, truth, whole
from torc_local.spec.places import Path
from torc_local.spec.problems import Problems
from torc_local.spec.settings import Settings
from torc_local.spec.stdio import read_stdio
from torc_local.spec.wording import describe, did_you_mean, quote

#: What only Slurm gives a meaning, or what there is no need for here: noted.
IGNORED = dict.fromkeys(
    ("enable_cpu_bind", "srun_mpi", "srun_termination_signal", "slurm_mode", "staggered_start"), True
)

KEYS = frozenset(
    {"mode", "limit_resources", "oom_exit_code", "timeout_exit_code", "termination_signal"}
    | {"sigterm_lead_seconds", "sigkill_headroom_seconds", "stdio"}
    | IGNORED.keys()
)

MODES = ("direct", "slurm", "auto")
_MOST_CODE = 255  # an exit status is one byte
# They end a process unless it does something about them; what stops it, or what it never sees, asks for nothing.
_SIGNALS = ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGXCPU", "SIGABRT", "SIGKILL")


def read_execution(value: object, settings: Settings, problems: Problems) -> Settings:
    """``settings`` with what ``execution_config`` says; mistakes are reported and leave the default."""
    here: Path = ("execution_config",)
    if value is None:
        return settings
    if not isinstance(value, dict):
        problems.add(here, f"'execution_config' must be a mapping, not {describe(value)}")
        return settings
    check_keys(value, KEYS, {}, here, "in 'execution_config'", problems)
    note_ignored(value, IGNORED, here, problems)
    _check_mode(value, here, problems)

    def number(key: str, default: int, least: int = 0) -> int:
        return whole(value.get(key), key, (*here, key), problems, least=least, default=default)

    def code(key: str, default: int) -> int:
        found = number(key, default, least=1)  # 0 would say that all went well
        if found > _MOST_CODE:
            problems.add((*here, key), f"{quote(key)} must be an exit status from 1 to {_MOST_CODE}, not {found}")
            return default
        return found

    mode, deletes = read_stdio(value.get("stdio"), (*here, "stdio"), "in 'stdio'", problems)
    return settings._replace(
        stdio=mode or settings.stdio,
        delete_on_success=bool(deletes),
        limit_resources=truth(
            value.get("limit_resources"), "limit_resources", (*here, "limit_resources"), problems, default=True
        ),
        oom_exit_code=code("oom_exit_code", settings.oom_exit_code),
        timeout_exit_code=code("timeout_exit_code", settings.timeout_exit_code),
        termination_signal=_signal(value, settings.termination_signal, here, problems),
        sigterm_lead_seconds=number("sigterm_lead_seconds", settings.sigterm_lead_seconds),
        sigkill_headroom_seconds=number("sigkill_headroom_seconds", settings.sigkill_headroom_seconds),
    )


def _check_mode(value: dict[str, object], here: Path, problems: Problems) -> None:
    path = (*here, "mode")
    mode = text(value.get("mode"), "mode", path, problems)
    if mode is None:
        return
    if mode not in MODES:
        hint = did_you_mean(mode, MODES) or f"write one of {', '.join(MODES)}"
        problems.add(path, f"unknown mode {quote(mode)} in 'execution_config'", hint)
    elif mode == "slurm":
        problems.warn(path, "mode 'slurm' has no effect here: jobs are started directly")


def _signal(value: dict[str, object], default: str, here: Path, problems: Problems) -> str:
    path = (*here, "termination_signal")
    said = text(value.get("termination_signal"), "termination_signal", path, problems)
    if said is None:
        return default
    name = said.upper() if said.upper().startswith("SIG") else f"SIG{said.upper()}"
    if name in _SIGNALS:
        return name
    if name in signal.Signals.__members__:
        message = f"{quote(said)} does not ask a process to end"
    else:
        message = f"{quote(said)} is not a signal"
    hint = did_you_mean(name, _SIGNALS) or f"write one of {', '.join(_SIGNALS)}"
    problems.add(path, message, hint)
    return default
