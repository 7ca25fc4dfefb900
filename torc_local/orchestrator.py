"""Jobs that spawn others, from Python: ``torc_local.Orchestrator``."""

import json
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from torc_local.cli import spawning

if TYPE_CHECKING:
    from torc_local.engine.spawning import Spawned


class Orchestrator:
    """One generation of a lineage, for a job that decides what comes next (as the class of Torc's client).

    Usage, inside a job::

        orchestrator = torc_local.Orchestrator.from_env()
        number = orchestrator.generation + 1
        orchestrator.spawn([{"name": f"try{number}", "command": "..."}], state={"best": 1.5})
    """

    def __init__(self, job: spawning.Job, lineage: str | None) -> None:
        self._job = job
        self._lineage = lineage
        self._generation: int | None = None

    @classmethod
    def from_env(cls, *, lineage_fallback: str | None = None) -> "Orchestrator":
        """The orchestrator of the job that this process runs in.

        Args:
            lineage_fallback: The lineage of a job that was not spawned; without it, the job's name.

        Raises:
            InputError: this is no job.
        """
        lineage = os.environ.get("TORC_ORCHESTRATOR_LINEAGE_ID") or lineage_fallback
        return cls(spawning.this_job(), lineage)

    @property
    def generation(self) -> int:
        """The generation that this job belongs to: 0 for the first, and one more after each ``spawn`` here.

        A second attempt at the job finds the number that the first one found.
        """
        if self._generation is None:
            self._generation = spawning.generation_of(self._job, self._lineage)
        return self._generation

    @property
    def state(self) -> Any:  # noqa: ANN401 - whatever JSON can hold
        """What was kept with the generation that this job belonged to when it started; None for the first."""
        return spawning.state_of(self._job, self._lineage)

    def spawn(self, jobs: Iterable[Mapping[str, Any]], state: Any = None) -> "Spawned":  # noqa: ANN401 - any JSON
        """Add the next generation: jobs that wait for this one, and for what they depend on among each other.

        Args:
            jobs: Mappings with the keys of jobs in workflow files; names must follow from lineage and generation.
            state: JSON that is kept with the generation.

        Raises:
            SpecError: the jobs are wrong; nothing was added.
            InputError: names are taken, too many generations, or a job that no node can run; nothing was added.
            StateError: this job is not running any more.
        """
        number = self.generation
        listed = list(jobs)
        done = self._call(listed, state)
        self._generation = number + 1 if listed else number
        return done

    def converge(self, state: Any = None) -> "Spawned":  # noqa: ANN401 - any JSON
        """Note that no generation follows. ``state`` is kept as the last one."""
        return self._call([], state)

    def _call(self, jobs: list[Mapping[str, Any]], state: Any) -> "Spawned":  # noqa: ANN401 - any JSON
        from torc_local.spec.fragment import read_fragment  # noqa: PLC0415 - loaded when needed

        data = json.dumps(jobs).encode()
        return spawning.spawn(self._job, read_fragment(data, "<jobs>"), state, self._lineage)
