"""Hands that touch nothing: a job has ended as soon as it was taken. For measuring the queue itself."""

import signal
from collections.abc import Callable, Sequence

from torc_local.ground import clock
from torc_local.process.inbox import Inbox
from torc_local.process.slots import Slot, Slots
from torc_local.store.jobs import Claim, Result
from torc_local.store.runners import Held


class QueueOnly(Slots):
    """Slots in which no process ever runs; every job completes."""

    _taken: tuple[Claim, ...] = ()
    _began = 0.0

    @property
    def busy(self) -> bool:
        """Whether any job is taken."""
        return bool(self._taken)

    @property
    def has_results(self) -> bool:
        """Whether what was taken has ended: at once, but not before signals were looked at."""
        return bool(self._done)

    _done: tuple[Claim, ...] = ()

    def free(self) -> list[Slot]:
        """All slots, or none."""
        return [] if self._taken else self._slots

    def assign(
        self,
        slot: Slot,  # noqa: ARG002 - as in Slots
        claims: Sequence[Claim],
        held: Held,  # noqa: ARG002
        gpus: tuple[str, ...] = (),  # noqa: ARG002
    ) -> None:
        """Take a batch."""
        if not self._taken:
            self._began = clock.monotonic()
        self._taken += tuple(claims)

    def work(self, inbox: Inbox, due: float) -> int | None:
        """End what was taken; a signal comes first."""
        kind = inbox.wait_until(0.0 if self._taken else due)
        if kind is not None or not self._taken:
            return kind
        self._done, self._taken = self._done + self._taken, ()
        return signal.SIGCHLD

    def take_results(self, saw: Callable[[float], None]) -> tuple[list[Result], frozenset[int]]:
        """Everything taken since the last call, completed in no time."""
        began, now = clock.utc(self._began), clock.now()
        me = self._me
        results = [
            Result(
                claim.id, me.run_id, claim.attempt_id, me.runner_id, "completed", None, 0, began, now, 0.0, 0, None,
                0, 0, 0, 0,
            )
            for claim in self._done
        ]  # fmt: skip
        if results:
            saw((now - began) / len(results))
        self.ended += len(results)
        self._done = ()
        return results, frozenset()
