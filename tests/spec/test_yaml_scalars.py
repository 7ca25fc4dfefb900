"""Plain scalars mean what YAML 1.2 and Torc's reader take them to mean."""

import math

import pytest

from torc_local.spec.problems import Problems
from torc_local.spec.source import Source, Unreadable
from torc_local.spec.yaml_tree import read_yaml, scalar


def tree(text):
    return read_yaml(Source("w.yaml", text), Problems())[0]


@pytest.mark.parametrize("text", ["", "~", "null", "Null", "NULL"])
def test_the_words_for_nothing_are_null(text):
    assert scalar(text) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("TRUE", True),
        ("False", False),
        ("0", 0),
        ("-17", -17),
        ("+5", 5),
        ("0x1F", 31),
        ("0o17", 15),
        ("0b101", 5),
        ("-0x10", -16),
        ("1e3", 1000.0),
        ("1.", 1.0),
        (".5", 0.5),
        ("-1.5E-3", -0.0015),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("00.5", 0.5),
    ],
)
def test_numbers_and_truth_values_are_read(text, value):
    found = scalar(text)
    assert found == value
    assert type(found) is type(value)


def test_not_a_number_is_a_number():
    found = scalar(".nan")
    assert isinstance(found, float)
    assert math.isnan(found)


@pytest.mark.parametrize(
    "text",
    [
        "no",
        "on",
        "yes",
        "off",
        "y",
        "n",
        "1:30",
        "12:30:45",
        "010",
        "-010",
        "1_000",
        "2024-01-01",
        "0xZZ",
        "1e400",
        "nan",
        "inf",
        "truE",
        "nUll",
        "1.2.3",
        "-",
        "+",
        ".",
        "1e",
        "0o8",
    ],
)
def test_everything_else_is_text(text):
    assert scalar(text) == text


def test_quoted_scalars_are_text_whatever_they_look_like():
    assert tree("[\"1\", 'true', '', \"~\", !!str 5]") == ["1", "true", "", "~", "5"]


def test_an_aliased_list_stays_one_object():
    found = tree("a: &x [1, 2]\nb: *x\n")
    assert found["a"] is found["b"]


def test_crlf_and_unicode_line_ends_do_not_disturb():
    assert tree("a: 1\r\nb: é\r\n") == {"a": 1, "b": "é"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: &x [*x]\n", "refers to itself"),
        ("a: *y\n", "has no anchor"),
        ("a: !foo b\n", "tag '!foo'"),
        ("a: !!int x\n", "tag"),
        ("a: 1\n---\nb: 2\n", "second document"),
        ("a: " + "[" * 70 + "]" * 70, "64 levels"),
        ("? [a]\n: b\n", "key must be text"),
    ],
)
def test_what_no_workflow_needs_is_refused(text, words):
    with pytest.raises(Unreadable, match=words):
        tree(text)


def test_a_bomb_of_aliases_is_refused_quickly():
    rows = ["a0: &a0 [x, x]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 20)]
    with pytest.raises(Unreadable, match="aliases expand"):
        tree("\n".join(rows))


def test_the_slow_parser_makes_the_same_events(monkeypatch):
    import yaml  # noqa: PLC0415

    import torc_local.spec.yaml_tree as module  # noqa: PLC0415

    text = "a: &x [1, no, {b: 'c'}]\nd: *x\ne: |\n  x\n  y\nf: 010\n"
    fast = tree(text)
    monkeypatch.setattr(module, "_Parser", yaml.SafeLoader)
    assert tree(text) == fast
