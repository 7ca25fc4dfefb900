"""Failure handlers: what is read, and every mistake that can be made in them."""

import pytest

from torc_local.spec import settings
from torc_local.spec.handlers import Handler, Rule

ONE = "{name: h, rules: [{exit_codes: [3]}]}"
JOB = "\njobs:\n  - {name: a, command: 'false', failure_handler: h}\n"


def with_rules(rules):
    return f"name: w\nfailure_handlers:\n  - name: h\n    rules: {rules}{JOB}"


def test_handlers_are_read_and_stored(read):
    spec = read(
        with_rules("[{exit_codes: [3, -9], max_retries: 5}, {match_all_exit_codes: true, recovery_script: mend}]")
    )
    handlers = (Handler("h", (Rule((3, -9), max_retries=5), Rule(match_all_exit_codes=True, recovery_script="mend"))),)
    assert spec.settings.failure_handlers == handlers
    assert settings.loads(settings.dumps(spec.settings)).failure_handlers == handlers
    assert spec.options[spec.jobs[0].options].failure_handler == "h"


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ("[]", "there are no rules in failure handler 'h'"),
        ("3", "'rules' must be a list"),
        ("[3]", "a rule must be a mapping"),
        ("[{}]", "matches nothing"),
        ("[{exit_codes: 3}]", "'exit_codes' must be a list of whole numbers"),
        ("[{exit_codes: ['3']}]", "an exit code must be a whole number"),
        ("[{exit_codes: [0]}]", "exit code 0 has not failed"),
        ("[{exit_codes: [256]}]", "no job can end with exit code 256"),
        ("[{exit_codes: [3], max_retries: -1}]", "'max_retries' must be 0 or more"),
        ("[{exit_codes: [3], recovery_script: ' '}]", "the recovery_script is empty"),
        ("[{exit_codes: [3], exit_code: 4}]", "unknown key 'exit_code'"),
    ],
)
def test_a_mistake_in_a_rule_is_explained(only, rules, message):
    assert message in only(with_rules(rules)).message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("failure_handlers: 3\njobs: []", "'failure_handlers' must be a list"),
        ("failure_handlers: [3]\njobs: []", "a failure handler must be a mapping"),
        ("failure_handlers: [{rules: [{exit_codes: [3]}]}]\njobs: []", "this failure handler has no name"),
        ("failure_handlers: [{name: h}]\njobs: []", "there are no rules"),
        ("use_pending_failed: maybe\njobs: []", "'use_pending_failed' must be true or false"),
        ("jobs: [{name: a, command: x, failure_handler: h}]", "there is no failure handler 'h'"),
        (
            f"failure_handlers: [{ONE}, {ONE}]\njobs: []",
            "the name 'h' is taken",
        ),
    ],
)
def test_a_mistake_about_handlers_is_explained(only, text, message):
    assert message in only(f"name: w\n{text}\n").message
