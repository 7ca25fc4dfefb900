"""What a workflow file sets for the whole workflow, beyond its jobs; stored as JSON in ``workflow.settings``."""

import json
from typing import NamedTuple

from torc_local.spec.freezing import frozen
from torc_local.spec.handlers import Handler, thawed


class Settings(NamedTuple):
    """Settings of a workflow; the defaults are what a file that says nothing gets."""

    project: str | None = None
    metadata: str | None = None
    # execution_config, see spec/execution.py
    limit_resources: bool = True  # jobs are ended for using more than they ask for
    oom_exit_code: int = 137  # return code on record of a job that was ended for its memory
    timeout_exit_code: int = 152  # likewise for its run time
    termination_signal: str = "SIGTERM"  # what asks jobs to end
    sigterm_lead_seconds: int = 30  # between asking a job to end and ending it
    sigkill_headroom_seconds: int = 60  # between ending jobs and the end of a run with a time limit
    stdio: str = "separate"  # which streams of jobs are kept, see spec/stdio.py
    delete_on_success: bool = False  # output of an attempt that completes is removed
    env: tuple[tuple[str, str], ...] = ()  # names and values for all jobs, sorted
    submission_directory: str | None = None  # None: where the workflow was made
    failure_handlers: tuple[Handler, ...] = ()
    use_pending_failed: bool = False  # what no rule of a handler matches is for a person to decide
    # resource_monitor, see spec/monitoring.py
    monitor_jobs: str | None = "summary"  # what is kept: summary or time_series; None: jobs are not measured
    monitor_node: str | None = None  # likewise, of the whole node
    monitor_node_cpu: bool = True
    monitor_node_memory: bool = True
    sample_interval_s: float = 5.0
    flush_interval_s: float = 60.0  # how often a time series goes to its file
    max_iterations: int = 1000  # dynamic_jobs: how often the jobs of one lineage may spawn others
    # what allocations are asked for with, see spec/slurm.py: keys and values
    slurm_schedulers: tuple[tuple[tuple[str, str], ...], ...] = ()
    slurm_defaults: tuple[tuple[str, str], ...] = ()


def dumps(settings: Settings) -> str:
    """As JSON; what is at its default is left out."""
    default = Settings()._asdict()
    return json.dumps({name: value for name, value in settings._asdict().items() if value != default[name]})


def loads(text: str) -> Settings:
    """From the JSON that ``dumps`` makes."""
    made = Settings(**frozen(json.loads(text)))
    return made._replace(failure_handlers=thawed(made.failure_handlers)) if made.failure_handlers else made
