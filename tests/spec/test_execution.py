"""``execution_config``: what it sets, and its mistakes."""

import pytest

from torc_local.spec import settings
from torc_local.spec.settings import Settings

HEAD = "name: w\njobs: []\nexecution_config:\n"


def test_what_is_left_out_is_as_in_torc(read):
    assert read("name: w\njobs: []\n").settings == Settings()
    said = Settings()
    assert (said.limit_resources, said.oom_exit_code, said.timeout_exit_code) == (True, 137, 152)
    assert (said.termination_signal, said.sigterm_lead_seconds, said.sigkill_headroom_seconds) == ("SIGTERM", 30, 60)


def test_every_key_is_kept_and_read_back(read):
    spec = read(
        HEAD + "  mode: direct\n  limit_resources: false\n  oom_exit_code: 9\n  timeout_exit_code: 10\n"
        "  termination_signal: usr1\n  sigterm_lead_seconds: 0\n  sigkill_headroom_seconds: 5\n"
    )
    assert spec.warnings == ()
    said = spec.settings
    assert (said.limit_resources, said.oom_exit_code, said.timeout_exit_code) == (False, 9, 10)
    assert (said.termination_signal, said.sigterm_lead_seconds, said.sigkill_headroom_seconds) == ("SIGUSR1", 0, 5)
    assert settings.loads(settings.dumps(said)) == said


def test_what_is_said_of_output_is_kept_and_read_back(read):
    spec = read(HEAD + "  stdio: {mode: no_stderr, delete_on_success: true}\n")
    assert (spec.settings.stdio, spec.settings.delete_on_success) == ("no_stderr", True)
    assert settings.loads(settings.dumps(spec.settings)) == spec.settings


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("limit_resource: true", "unknown key 'limit_resource' in 'execution_config'", "'limit_resources'"),
        ("limit_resources: maybe", "must be true or false", None),
        ("oom_exit_code: 0", "'oom_exit_code' must be 1 or more", None),
        ("timeout_exit_code: 256", "an exit status from 1 to 255", None),
        ("timeout_exit_code: '152'", "must be a whole number", "without quotes"),
        ("sigterm_lead_seconds: -1", "must be 0 or more", None),
        ("sigkill_headroom_seconds: 1.5", "must be a whole number", None),
        ("termination_signal: SIGSTOP", "does not ask a process to end", "SIGTERM"),
        ("termination_signal: SIGTREM", "is not a signal", "did you mean 'SIGTERM'?"),
        ("termination_signal: 15", "must be text", '"15"'),
        ("mode: local", "unknown mode 'local'", "direct, slurm, auto"),
        ("stdio: none", "'stdio' must be a mapping, not the text 'none'", "stdio: {mode: none}"),
        ("stdio: {mode: no_stdot}", "unknown mode 'no_stdot' of 'stdio'", "did you mean 'no_stdout'?"),
        ("stdio: {mode: 1}", "'mode' must be text", '"1"'),
        ("stdio: {modes: none}", "unknown key 'modes' in 'stdio'", "did you mean 'mode'?"),
        ("stdio: {delete_on_success: maybe}", "'delete_on_success' must be true or false", None),
    ],
)
def test_a_mistake_is_an_error_in_its_line(only, line, message, hint):
    problem = only(HEAD + f"  {line}\n")
    assert message in problem.message
    assert problem.line == 4
    assert hint is None or hint in problem.hint


def test_it_must_be_a_mapping(only):
    assert "must be a mapping, not a list" in only("name: w\njobs: []\nexecution_config: [direct]\n").message


def test_what_only_slurm_needs_is_noted(read):
    spec = read(HEAD + "  mode: slurm\n  srun_mpi: pmix\n  enable_cpu_bind: true\n")
    assert [problem.line for problem in spec.warnings] == [4, 5, 6]
