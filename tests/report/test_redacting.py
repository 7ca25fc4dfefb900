"""A workflow file in a report, without the values of its secrets."""

import time

import pytest

from torc_local.report.redacting import redacted


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("env:\n  A_TOKEN: hush-hush\n  B: blue\n", "env:\n  A_TOKEN: ***\n  B: blue\n"),
        ('env: {A_TOKEN: "hush\\x2dhush", B: blue}\n', "env: {A_TOKEN: ***\n"),
        ('{"env": {"A_TOKEN": "hush-hush"}}', '{"env": {"A_TOKEN": ***'),
        ('env {\n A_TOKEN "hush-hush"\n}', "env {\n A_TOKEN ***\n}"),
        ("A_TOKEN: |\n  hush-hush\nB: blue", "A_TOKEN: |\n  ***\nB: blue"),
        ("command: curl -H $A_TOKEN 'x' ${A_TOKEN}: y", "command: curl -H $A_TOKEN 'x' ${A_TOKEN}: y"),
        ("command: login hush-hush --quick", "command: login *** --quick"),
        ("MY_A_TOKEN_2: 5", "MY_A_TOKEN_2: 5"),
    ],
)
def test_what_a_secret_is_worth_is_left_out(text, shown):
    assert redacted(text, [("A_TOKEN", "hush-hush")]) == shown


def test_a_short_value_is_left_out_beside_its_name_only():
    assert redacted("A_TOKEN: 7\ncount: 7\n", [("A_TOKEN", "7")]) == "A_TOKEN: ***\ncount: 7\n"


def test_each_line_of_a_long_one_is_left_out():
    text = "KEY: |\n  BEGIN KEY\n  abcdef\n  END KEY\n"
    assert redacted(text, [("KEY", "BEGIN KEY\nabcdef\nEND KEY\n")]) == "KEY: |\n  ***\n  ***\n  ***\n"


def test_of_two_names_the_longer_is_meant_and_of_two_values_the_longer_is_left_out_first():
    text = "API_KEY: one-1\nMY_API_KEY: two-22\ncommand: login one-111 one-1\n"
    secrets = [("API_KEY", "one-1!"), ("MY_API_KEY", "one-11"), ("OTHER_KEY", "one-111")]
    assert redacted(text, secrets) == "API_KEY: ***\nMY_API_KEY: ***\ncommand: login *** one-1\n"


def test_each_of_very_many_jobs_may_have_its_own():
    """As a key of a sample, which is no secret at all: a name says so much and no more."""
    names = [f"sample-{i:06d}" for i in range(20_000)]
    text = "".join(f"- {{command: run {name}, env: {{SAMPLE_KEY: {name}}}}}\n" for name in names[:2000])
    began = time.monotonic()
    shown = redacted(text, [("SAMPLE_KEY", name) for name in names])
    assert time.monotonic() - began < 10, "not a search for each of them"
    assert shown == "- {command: run ***, env: {SAMPLE_KEY: ***\n" * 2000
