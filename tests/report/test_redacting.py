"""A workflow file in a report, without the values of its secrets."""

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
