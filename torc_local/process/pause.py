"""How long to wait before looking again: short at first, longer the longer nothing happens."""

_SHORTEST_S = 0.0005
_GROWTH = 1.4


class Pause:
    """Grows from half a millisecond to ``longest_s``. Looking costs microseconds (``PRAGMA data_version``)."""

    def __init__(self, longest_s: float = 0.05) -> None:
        self._longest_s = longest_s
        self._next_s = _SHORTEST_S

    def next_s(self) -> float:
        """The next wait in seconds."""
        now = self._next_s
        self._next_s = min(now * _GROWTH, self._longest_s)
        return now

    def reset(self) -> None:
        """Something happened: look again soon."""
        self._next_s = _SHORTEST_S
