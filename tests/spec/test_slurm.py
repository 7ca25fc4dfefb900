"""What a file says to Slurm is kept; what could not be meant is an error."""

import pytest

GOOD = "name: w\njobs: []\n"


def test_schedulers_and_defaults_are_kept_with_a_note(read):
    spec = read(GOOD + "slurm_schedulers: [{name: s, account: a, nodes: 2}, {account: b}]\nslurm_defaults: {qos: x}\n")
    assert spec.schedulers == ("s",)
    assert [warning.message.split()[0] for warning in spec.warnings] == ["'slurm_schedulers'", "'slurm_defaults'"]


def test_a_key_that_nobody_knows_is_noted(read):
    note = read(GOOD + "slurm_schedulers: [{account: a, walltimes: '1'}]\n").warnings[-1]
    assert note.message == "the key 'walltimes' of a Slurm scheduler is not known here"
    assert note.hint == "did you mean 'walltime'?"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("slurm_schedulers: 5", "'slurm_schedulers' must be a list, not the number 5"),
        ("slurm_schedulers: [a]", "a Slurm scheduler must be a mapping, not the text 'a'"),
        ("slurm_schedulers: [{name: s}]", "this Slurm scheduler has no 'account'"),
        ("slurm_schedulers: [{account: 5}]", "'account' must be text, not the number 5"),
        ("slurm_schedulers: [{account: a, nodes: 0}]", "'nodes' must be 1 or more, not 0"),
        (
            "slurm_schedulers: [{name: s, account: a}, {name: s, account: a}]",
            "Slurm scheduler 's' exists twice, first in line 3",
        ),
        ("slurm_defaults: [a]", "'slurm_defaults' must be a mapping, not a list"),
        ("slurm_defaults: {Partition: a}", "'Partition' cannot be in 'slurm_defaults'"),
        ("slurm_defaults: {job-name: a}", "'job-name' cannot be in 'slurm_defaults'"),
        ("slurm_defaults: {qos: [a]}", "'qos' in 'slurm_defaults' must be one value, not a list"),
    ],
)
def test_what_could_not_be_meant_is_an_error(only, text, message):
    assert only(f"{GOOD}{text}\n").message == message
