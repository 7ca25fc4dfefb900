"""Sizes and durations: what is printed is read back as the same number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torc_local.ground.units import format_duration, format_memory, parse_duration, parse_memory


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("2g", 2 << 30),
        ("512m", 512 << 20),
        ("1M", 1 << 20),
        ("1.5g", 3 << 29),
        ("1GiB", 1 << 30),
        ("1 gb", 1 << 30),
        ("3t", 3 << 40),
        ("100k", 102_400),
        ("512", 512),
        ("512b", 512),
        (4096, 4096),
    ],
)
def test_memory_is_read_in_powers_of_1024(text, size):
    assert parse_memory(text) == size


@pytest.mark.parametrize("text", ["", "g", "5x", "-1g", "1,5g", "1g2m", "1e3", "٣g", -1, True, "9999999999t", 1 << 63])
def test_what_is_no_size_is_refused_with_a_sentence(text):
    with pytest.raises(ValueError, match="is not a memory size"):
        parse_memory(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("PT1H", 3600),
        ("P0DT1M", 60),
        ("PT1H30M", 5400),
        ("PT0.5S", 0.5),
        ("P1W", 604_800),
        ("P2D", 172_800),
        ("P1Y", 365.25 * 86_400),
        ("P1M", 30.44 * 86_400),
        ("90s", 90),
        ("1h30m", 5400),
        ("2d", 172_800),
        ("1h 5min", 3900),
        ("01:30:00", 5400),
        ("1-00:00:00", 86_400),
        ("100:00:00", 360_000),
        ("45", 45),
        (45, 45),
        (1.5, 1.5),
    ],
)
def test_durations_are_read_in_all_their_spellings(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "1x", "m", "1:30", "1h-5m", "-5", -5, "00:99:00", float("nan"), float("inf"), True]
)
def test_what_is_no_duration_is_refused_with_a_sentence(text):
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


@pytest.mark.parametrize(("size", "text"), [(2 << 30, "2g"), (1536 << 20, "1536m"), (1000, "1000"), (0, "0")])
def test_memory_is_printed_short(size, text):
    assert format_memory(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(5400, "1h30m"), (0.25, "0.25s"), (0, "0s"), (90_061.5, "1d1h1m1.5s"), (60, "1m")]
)
def test_durations_are_printed_short(seconds, text):
    assert format_duration(seconds) == text


@given(st.integers(0, (1 << 63) - 1))
def test_a_printed_size_is_read_back(size):
    assert parse_memory(format_memory(size)) == size


@given(st.floats(0, 1e15))
def test_a_printed_duration_is_read_back(seconds):
    assert parse_duration(format_duration(seconds)) == seconds
