"""What the system refuses is told from what is a bug of ours."""

import errno
import os

import pytest

from torc_local.ground.errors import of_system


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError(errno.EMFILE, os.strerror(errno.EMFILE), "/dev/null"), "/dev/null: too many open files"),
        (OSError(errno.EIO, os.strerror(errno.EIO)), "input/output error"),
        (MemoryError(), "no memory left on this machine"),
        (ModuleNotFoundError("No module named 'x'"), "a part of the program cannot be read: No module named 'x'"),
    ],
)
def test_a_refusal_is_a_sentence(error, sentence):
    known = of_system(error)
    assert known is not None
    assert known.message == sentence


@pytest.mark.parametrize("error", [BrokenPipeError(errno.EPIPE, "x"), OSError("no number"), ValueError("x")])
def test_all_else_is_none(error):
    assert of_system(error) is None
