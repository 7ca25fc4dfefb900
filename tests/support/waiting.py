"""Waiting for what comes when it comes, but not for ever."""

import time
from collections.abc import Callable
from typing import Any


def wait_for(
    what: Callable[[], Any], timeout_s: float = 20, *, pause_s: float = 0.01, told: Callable[[], object] | None = None
) -> Any:
    """Wait until something becomes true, and return it; ``told`` says what there is instead when it does not."""
    until = time.monotonic() + timeout_s
    while not (found := what()):
        if time.monotonic() >= until:
            message = "what the test waited for did not happen"
            raise AssertionError(message if told is None else f"{message}: {told()}")
        time.sleep(pause_s)
    return found
