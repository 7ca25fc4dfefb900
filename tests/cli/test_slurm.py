"""``slurm`` as far as it needs no Slurm: the script, wrong words, and what is said where there is none."""

import pytest

from torc_local.ground.errors import ExitCode

SPEC = """\
name: w
slurm_schedulers:
  - {name: small, account: proj, nodes: 2}
  - {name: large, account: proj, nodes: 8, walltime: "12:00:00"}
slurm_defaults: {qos: low}
jobs: [{name: a, command: "true"}]
"""


@pytest.fixture
def made(call, tmp_path, monkeypatch):
    """A workflow in the current directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "w.yaml").write_text(SPEC)
    assert call("create", "w.yaml").code == 0
    return call


@pytest.mark.parametrize("words", [("generate",), ("submit", "-n")], ids=" ".join)
def test_the_script_is_printed_and_nothing_is_asked_for(made, monkeypatch, words):
    monkeypatch.setenv("PATH", "")
    answer = made("slurm", *words, "--scheduler", "large", "--nodes", "3", "-x", "--constraint=fast")
    assert answer.code == 0
    lines = answer.out.splitlines()
    assert lines[0] == "#!/bin/bash"
    wanted = {"--nodes=3", "--time=12:00:00", "--account=proj", "--qos=low", "--constraint=fast"}
    assert {f"#SBATCH {option}" for option in wanted} <= set(lines)
    assert " join 1 --time-limit auto " in lines[-1]


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["submit"], "which scheduler? workflow 1 has 2", "--scheduler NAME, one of: large, small"),
        (["submit", "--scheduler", "lrge"], "workflow 1 has no scheduler 'lrge'", "schedulers: large, small"),
        (["submit", "w.yaml"], "w.yaml is a workflow file", None),
        (["submit", "9"], "there is no workflow 9", None),
        (["submit", "--scheduler", "small", "-t", "soon"], "--time: 'soon'", "write 2h, or as Slurm does: 02:00:00"),
        (["submit", "--scheduler", "small", "-x", "fast"], "-x 'fast' is no option of sbatch", None),
        (["submit", "--scheduler", "small", "-A", "a\nb"], "--account has characters", None),
        (["submit", "-N", "0"], "invalid value for '-N'", None),
        ([], "do what with Slurm?", "torc-local slurm submit"),
    ],
)
def test_wrong_words_ask_slurm_for_nothing(made, words, message, hint):
    answer = made("slurm", *words)
    assert (answer.code, answer.out) == (ExitCode.BAD_INPUT, "")
    assert message in answer.err
    assert hint is None or hint in answer.err


@pytest.mark.parametrize(
    ("words", "program"),
    [(("submit", "--scheduler", "small"), "sbatch"), (("status",), "squeue"), (("cancel",), "squeue")],
    ids=str,
)
def test_where_there_is_no_slurm_that_is_said(made, monkeypatch, words, program):
    monkeypatch.setenv("PATH", "")
    answer = made("slurm", *words)
    assert (answer.code, answer.out) == (ExitCode.STATE, "")
    assert f"Slurm's {program} is not installed here" in answer.err


def test_who_asks_passes_on_nothing_of_its_own(made, monkeypatch, tmp_path):
    """The variables of the runner and of the allocation that asks do not reach the new one; all else does."""
    program = tmp_path / "bin" / "sbatch"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\nexport -p > {tmp_path}/seen\necho '42;cluster'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    for name in ("TORC_LOCAL_RUNNER", "SLURM_NTASKS", "SLURM_CONF", "MINE"):
        monkeypatch.setenv(name, "1")
    answer = made("slurm", "submit", "--scheduler", "small")
    assert (answer.code, answer.out) == (0, "submitted Slurm job 42: 2 nodes for workflow 1\n")
    seen = (tmp_path / "seen").read_text()
    assert "SLURM_CONF" in seen
    assert "MINE" in seen
    assert "TORC_LOCAL_RUNNER" not in seen
    assert "SLURM_NTASKS" not in seen
