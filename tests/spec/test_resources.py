"""Resource requirements and the jobs that name them."""

import pytest

from torc_local.ground.limits import LIMITS_MEMORY, LIMITS_RUNTIME

HEAD = "name: w\njobs: []\nresource_requirements:\n"


def test_the_implicit_requirements_come_first_and_defaults_follow_torc(read):
    spec = read(
        HEAD + "  - {name: big, num_cpus: 4, num_gpus: 1, memory: 1.5g, runtime: PT2H}\n  - {name: s, memory: 512m}\n"
    )
    assert spec.resources == (
        ("default", 1, 0, 1, 1 << 20, 60.0, 0),
        ("big", 4, 1, 1, 3 << 29, 7200.0, LIMITS_MEMORY | LIMITS_RUNTIME),
        ("s", 1, 0, 1, 1 << 29, 3600.0, LIMITS_MEMORY),
    )


def test_a_job_without_requirements_has_the_implicit_ones(read, jobs):
    assert read(jobs("name: a, resource_requirements: null")).jobs[0].resources == 0


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{name: default, memory: 1g}", "'default' is reserved"),
        ("{name: a, memory: 1x}", "'1x' is not a memory size"),
        ("{name: a, memory: 0}", "more than nothing"),
        ("{name: a, memory: 1.5}", "must be a size"),
        ("{name: a, memory: 1g, runtime: tomorrow}", "'tomorrow' is not a duration"),
        ("{name: a, memory: 1g, num_cpus: -1}", "'num_cpus' must be 0 or more"),
        ("{name: a, memory: 1g, num_nodes: 0}", "'num_nodes' must be 1 or more"),
        ("{name: a, memory: 1g, num_gpus: true}", "must be a whole number"),
        ("{name: a, memory: 1g, cpus: 1}", "unknown key 'cpus'"),
        ("{memory: 1g}", "no 'name'"),
        ("5", "must be a mapping"),
    ],
)
def test_a_wrong_requirement_is_an_error(only, entry, message):
    problem = only(HEAD + f"  - {entry}\n")
    assert message in problem.message
    assert problem.line == 4


def test_memory_that_is_left_out_is_a_mebibyte_and_no_limit(read):
    """As in Torc 0.35; Torc 0.12 refuses it."""
    spec = read(HEAD + "  - {name: a, runtime: 1h}\n")
    assert spec.resources[1] == ("a", 1, 0, 1, 1 << 20, 3600.0, LIMITS_RUNTIME)
    (note,) = spec.warnings
    assert (note.line, note.message.split(":")[0]) == (4, "there is no 'memory' in resource requirements 'a'")


def test_two_requirements_of_one_name_are_an_error(only):
    problem = only(HEAD + "  - {name: a, memory: 1g}\n  - {name: a, memory: 2g}\n")
    assert "first in line 4" in problem.message


def test_unknown_requirements_suggest_a_name(only, jobs):
    text = jobs("name: a, resource_requirements: smal") + "resource_requirements: [{name: small, memory: 1g}]\n"
    assert only(text).hint == "did you mean 'small'?"


@pytest.mark.parametrize("method", ["gpus_runtime_memory", "gpus_memory_runtime", "none"])
def test_the_sort_method_is_kept(read, method):
    assert read(f"name: w\njobs: []\njobs_sort_method: {method}\n").sort_method == method


def test_an_unknown_sort_method_is_an_error(only):
    assert "gpus_runtime_memory" in only("name: w\njobs: []\njobs_sort_method: gpu_runtime_memory\n").hint
