"""The batch script of an allocation: which options win, and that no value can say more than it is."""

import shlex
import subprocess
from pathlib import Path

import pytest

from torc_local.ground.errors import InputError
from torc_local.process import batch_script

WISH = batch_script.Wish(workflow_id=3, db_path=Path("/data/torc.db"), name="torc-x-3", directory=Path("/here"))
SCHEDULER = (("name", "s"), ("account", "a"), ("nodes", "2"), ("ntasks_per_node", "4"))


def said(script):
    """The options as sbatch reads them."""
    lines = [line.removeprefix("#SBATCH ") for line in script.splitlines() if line.startswith("#SBATCH ")]
    return [word for line in lines for word in shlex.split(line)]


def test_without_more_words_one_whole_node_is_asked_for():
    words = said(batch_script.write(WISH))
    assert {"--nodes=1", "--exclusive", "--mem=0", "--job-name=torc-x-3", "--chdir=/here", "--no-kill"} <= set(words)
    assert not any(word.startswith("--time") for word in words), "the partition says how long"


def test_the_command_line_wins_over_the_scheduler_and_that_over_the_defaults():
    wish = WISH._replace(
        defaults=(("qos", "low"), ("mail_user", "me"), ("account", "x")),
        scheduler=(*SCHEDULER, ("qos", "high")),
        asked={"nodes": "5", "time": "90m"},
    )
    found = batch_script.options(wish)
    assert found["account"] == "a"
    assert (found["qos"], found["nodes"], found["time"], found["mail-user"]) == ("high", "5", "90", "me")
    assert found["ntasks-per-node"] == "4"
    assert "exclusive" not in found, "a part of a node was named"
    assert batch_script.options(wish._replace(asked={}))["time"] == "01:00:00", "as in Torc"


def test_the_account_that_an_imported_workflow_has_not_is_left_to_slurm():
    assert "account" not in batch_script.options(WISH._replace(scheduler=(("name", "s"), ("account", "-"))))


def test_an_option_without_a_value_stands_alone():
    assert "--requeue" in said(batch_script.write(WISH._replace(defaults=(("requeue", ""),))))


@pytest.mark.parametrize("value", ["a b", "x'; touch /tmp/y; '", '"$HOME"', "`id`", "# no comment", "ü"])
def test_a_value_is_one_word_whatever_is_in_it(value):
    script = batch_script.write(WISH._replace(asked={"comment": value}, db_path=Path(f"/a/{value}.db")))
    assert f"--comment={value}" in said(script)
    assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0
    command = script.rstrip().splitlines()[-1]
    assert f"/a/{value}.db" in shlex.split(command)


def test_a_line_break_cannot_get_in():
    with pytest.raises(InputError, match="--qos has characters"):
        batch_script.write(WISH._replace(asked={"qos": "a\n#SBATCH --nodes=99"}))


def test_extra_options_are_words_of_their_own():
    wish = WISH._replace(scheduler=(*SCHEDULER, ("extra", "--constraint=fast --comment='a b'")), extra=["--hold"])
    assert {"--constraint=fast", "--comment=a b", "--hold"} <= set(said(batch_script.write(wish)))


def test_each_node_joins_until_the_allocation_ends():
    wish = WISH._replace(jobs=4, output_dir=Path("/out"), shared="shared")
    words = shlex.split(batch_script.write(wish).rstrip().splitlines()[-1])
    assert words[1:] == [
        *(
            "-m",
            "torc_local",
            "--shared",
            "--db",
            "/data/torc.db",
            "join",
            "3",
            "--time-limit",
            "auto",
            "--grace",
            "15",
        ),
        *("--progress", "lines", "--jobs", "4", "--output-dir", "/out"),
    ]


@pytest.mark.parametrize(
    ("text", "slurms"),
    [("2h", "120"), ("90s", "2"), ("30", "30"), ("01:00:00", "01:00:00"), ("1-00", "1-00"), ("UNLIMITED", "UNLIMITED")],
)
def test_times_are_slurms_or_ours(text, slurms):
    assert batch_script.slurm_time(text) == slurms


def test_a_time_that_is_none_is_refused():
    with pytest.raises(InputError, match="--time: 'soon'"):
        batch_script.slurm_time("soon")


def test_a_percent_sign_in_the_path_is_no_placeholder():
    assert "--output=/a%%b/slurm-%j.log" in said(batch_script.write(WISH._replace(db_path=Path("/a%b/torc.db"))))
