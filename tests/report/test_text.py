"""Sizes, durations and tables as people read them."""

import pytest

from torc_local.report import text


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1048575, "1.0 MiB"), (3 << 30, "3.0 GiB"), (None, "-")],
)
def test_sizes(count, shown):
    assert text.size(count) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.004, "0.00s"), (0.25, "0.25s"), (41.4, "41s"), (59.7, "1m00s"), (723, "12m03s"), (13260, "3h41m"),
     (187200, "2d04h"), (None, "-"), (-1, "0.00s")],
)  # fmt: skip
def test_durations(seconds, shown):
    assert text.duration(seconds) == shown


def test_nothing_in_a_table_moves_the_cursor():
    (_, line) = text.table(["NAME"], [["red\x1b[31m\nline"]])
    assert line == "red\\x1b[31m\\nline"


def test_an_empty_table_is_its_heading():
    assert text.table(["ID", "NAME"], []) == ["ID  NAME"]


def test_moments_are_utc_in_data():
    assert text.iso(0.25) == "1970-01-01T00:00:00.250000Z"
