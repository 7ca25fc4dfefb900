"""What a file says to Slurm is kept; what could not be meant is an error."""

import pytest

from torc_local.spec import settings

GOOD = "name: w\njobs: []\n"


def test_schedulers_and_defaults_are_kept(read):
    spec = read(
        GOOD + "slurm_schedulers: [{name: s, account: a, nodes: 2}, {account: b}]\n"
        "slurm_defaults: {qos: x, requeue: true, hold: false, nice: 5}\n"
    )
    assert spec.schedulers == ("s",)
    assert spec.warnings == ()
    kept = settings.loads(settings.dumps(spec.settings))
    assert kept.slurm_schedulers == ((("name", "s"), ("account", "a"), ("nodes", "2")), (("account", "b"),))
    assert kept.slurm_defaults == (("qos", "x"), ("requeue", ""), ("nice", "5"))


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
        ('slurm_schedulers: [{account: "a\\nb"}]', "'account' has characters that a batch script cannot carry"),
        ('slurm_schedulers: [{account: a, extra: "\'"}]', "'extra' cannot be read as words: no closing quotation"),
        ("slurm_defaults: {a b: c}", "'a b' in 'slurm_defaults' is no option of sbatch"),
        ("slurm_defaults: {qos: [a]}", "'qos' in 'slurm_defaults' must be one value, not a list"),
    ],
)
def test_what_could_not_be_meant_is_an_error(only, text, message):
    assert only(f"{GOOD}{text}\n").message == message
