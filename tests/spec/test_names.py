"""Job names are safe as file names, in shells and on terminals."""

import pytest

from torc_local.spec.names import check_job_names


@pytest.mark.parametrize(
    "name", ["a", "sim_001", "lr=0.1,b", "größe", "データ", "a b", "a.b", ".hidden", "a[1]{x}", "x" * 255]
)
def test_ordinary_names_are_fine(name):
    assert check_job_names([name]) is None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "is empty"),
        ("  ", "is empty"),
        ("a/b", "contains '/'"),
        (".", "directory"),
        ("..", "directory"),
        ("-rf", "begins with '-'"),
        (" a", "begins or ends with a space"),
        ("a\nb", "'\\n'"),
        ("a\x7f", "'\\x7f'"),
        ("a\U0001f600", "grinning face"),
        ("a\u200d", "'\\u200d' (zero width joiner)"),
        ("a\ue000", "'\\ue000'"),
        ("a\u2028b", "line separator"),
        ("x" * 256, "256 characters"),
    ],
)
def test_a_dangerous_name_is_refused_with_its_reason(name, words):
    found = check_job_names(["good", name, "also-good"])
    assert found is not None
    assert found[0] == name
    assert words in found[1]
    assert found[2]


def test_a_bad_template_is_reported_once_however_many_jobs_it_makes(only, jobs):
    problem = only(jobs("name: 'a/{i}', parameters: {i: '1:1000'}"))
    assert problem.message == "the name 'a/1' contains '/'"
    assert problem.column == 24
