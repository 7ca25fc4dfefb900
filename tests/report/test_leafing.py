"""Leafing through a log gives every byte once, in both directions, and reads little for it."""

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from torc_local.report import leafing
from torc_local.report.leafing import Extent
from torc_local.report.output import Place

_LINES = st.lists(st.binary(max_size=12).map(lambda line: line.replace(b"\n", b"")), max_size=40)


def written(tmp_path, data):
    path = tmp_path / "log"
    path.write_bytes(b"before\n" + data + b"after\n")
    return Extent(path, 7, 7 + len(data))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=_LINES, last=st.binary(max_size=5), count=st.integers(1, 7))
def test_forward_and_backward_give_the_same_lines(tmp_path, lines, last, count):
    data = b"".join(line + b"\n" for line in lines) + last
    there = written(tmp_path, data)
    expected = data.splitlines(keepends=True) if b"\r" not in data else None
    forward: list[leafing.Line] = []
    at = there.start
    while page := leafing.forward(there, at, count):
        forward += page
        at = page[-1].end
    backward: list[leafing.Line] = []
    at = there.end
    while page := leafing.backward(there, at, count):
        backward = page + backward
        at = page[0].start
    assert forward == backward
    assert [one.start for one in forward[1:]] == [one.end for one in forward[:-1]]
    assert (forward[0].start, forward[-1].end) == (there.start, there.end) if data else not forward
    assert all(one.text.isprintable() for one in forward)
    if expected is not None and not set(data) & set(b"\x0b\x0c\x1c\x1d\x1e\x85"):
        assert len(forward) == len(expected)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.text("ab\n", max_size=60).map(str.encode),
    at=st.integers(0, 60),
    wanted=st.text("ABab", min_size=1, max_size=3),
)
def test_what_is_found_is_the_line_of_the_nearest_one(tmp_path, data, at, wanted):
    there = written(tmp_path, data)
    at = min(at, len(data))
    sought = wanted.lower().encode()
    after, before = data.find(sought, at), data.rfind(sought, 0, at + len(sought) - 1)

    def line(position):
        return None if position < 0 else there.start + data.rfind(b"\n", 0, position) + 1

    assert leafing.find(there, there.start + at, wanted, back=False) == line(after)
    assert leafing.find(there, there.start + at, wanted, back=True) == line(before)


def test_a_line_of_megabytes_is_shown_in_pieces_and_little_is_read(tmp_path):
    there = written(tmp_path, b"x" * 5_000_000)
    before = psutil.Process().io_counters().read_chars
    begin, end = leafing.forward(there, there.start, 2), leafing.backward(there, there.end, 3)
    assert psutil.Process().io_counters().read_chars - before < 4 * leafing._BLOCK
    assert [len(one.text) for one in begin + end] == [leafing.LONGEST] * 5
    assert [one.start - there.start for one in begin] == [0, leafing.LONGEST]
    assert [there.end - one.end for one in end] == [2 * leafing.LONGEST, leafing.LONGEST, 0]


def test_what_is_gone_or_was_never_there_is_empty(tmp_path):
    for place in (None, Place(1, None, 0, None, 0), Place(1, tmp_path / "gone", 5, None, 0)):
        there = leafing.extent(place)
        assert (there.start, there.end) == (0, 0)
        assert leafing.forward(there, 0, 5) == leafing.backward(there, 9, 5) == []
        assert leafing.find(there, 0, "x", back=False) is None


def test_what_goes_while_it_is_looked_at_is_empty(tmp_path):
    there = Extent(tmp_path / "gone", 0, 100)
    assert leafing.forward(there, 0, 5) == leafing.backward(there, 100, 5) == []
    assert leafing.find(there, 0, "x", back=False) is None


@pytest.mark.parametrize(("length", "end"), [(None, 19), (4, 11), (100, 19)])
def test_it_is_as_long_as_the_file_is_now(tmp_path, length, end):
    written(tmp_path, b"1234\n\n")
    assert leafing.extent(Place(1, tmp_path / "log", 7, length, 0))[1:] == (7, end)
