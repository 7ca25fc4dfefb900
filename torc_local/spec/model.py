"""A workflow file after checking: frozen values that know nothing of SQLite.

Jobs refer to resource requirements, dependency sets and each other by index, so that a set shared by 25,000 jobs
exists once however many of them wait for it.
"""

from collections.abc import Sequence
from typing import NamedTuple

from torc_local.ground.errors import Problem
from torc_local.spec.actions import Action
from torc_local.spec.options import NONE, Options
from torc_local.spec.settings import Settings


class Resources(NamedTuple):
    """What a job asks of a node; index 0 of ``Spec.resources`` is always Torc's implicit "default"."""

    name: str
    num_cpus: int
    num_gpus: int
    num_nodes: int
    memory_bytes: int
    runtime_s: float
    limits: int = 0  # what the file states, and a job may be ended for: ground/limits.py


class Job(NamedTuple):
    """One job after expansion, in the order of the file."""

    name: str
    command: str
    resources: int  # index into Spec.resources
    priority: int  # higher is claimed first
    cancel_on_blocking_job_failure: bool
    waits_for: tuple[int, ...]  # indexes into Spec.sets; the job waits for the union of these sets
    options: int = 0  # index into Spec.options; 0: none


class File(NamedTuple):
    """A file that jobs read or write."""

    name: str
    path: str  # as it is written: relative to where jobs run


class UserData(NamedTuple):
    """A small piece of JSON that jobs read or write."""

    name: str
    data: str | None  # compact JSON; None: somebody writes it
    is_ephemeral: bool  # cleared when what writes it is put back


class Uses(NamedTuple):
    """Which job reads and writes which files (or user data): per job the sets whose union it is."""

    inputs: Sequence[tuple[int, ...]] = ()  # per job, indexes into input_sets; empty when no job reads any
    input_sets: tuple[tuple[int, ...], ...] = ()  # ascending indexes into Spec.files (or user_data), none empty
    outputs: Sequence[tuple[int, ...]] = ()
    output_sets: tuple[tuple[int, ...], ...] = ()


class Spec(NamedTuple):
    """A whole workflow, checked: every name resolved, no cycle, all parameters expanded."""

    name: str
    description: str | None
    user: str | None
    sort_method: str  # Torc's jobs_sort_method
    resources: tuple[Resources, ...]
    jobs: tuple[Job, ...]
    sets: tuple[tuple[int, ...], ...]  # interned dependency sets: ascending indexes into jobs, never empty
    job_count_before_expansion: int
    dependency_count: int  # job-to-job edges as the user means them
    file_count: int
    user_data_count: int
    digest: str  # SHA-256 (hex) of the parsed content: comments and layout do not change it
    warnings: tuple[Problem, ...] = ()  # legal, but the author should know
    settings: Settings = Settings()
    options: tuple[Options, ...] = (NONE,)  # what jobs say beyond their other columns, each once
    files: tuple[File, ...] = ()
    user_data: tuple[UserData, ...] = ()
    file_uses: Uses = Uses()
    user_data_uses: Uses = Uses()
    io: Sequence[int] = ()  # per job, the bits of ground/io.py; empty: none of any job
    actions: tuple[Action, ...] = ()
    file_count_before_expansion: int = 0
    schedulers: tuple[str, ...] = ()  # names of Slurm's, which actions may name
