"""What the full-screen view can change. The command line hands it in: there is one implementation of each."""

from collections.abc import Callable
from typing import NamedTuple


class Changes(NamedTuple):
    """Functions that return the lines a person is told; called in a thread of their own. They raise TorcLocalError."""

    #: Jobs to put back, and whether it is only tried out.
    retry: Callable[[list[int], bool], list[str]]
    #: Jobs to cancel.
    cancel: Callable[[list[int]], list[str]]
    #: Cancels the whole workflow.
    cancel_all: Callable[[], list[str]]
