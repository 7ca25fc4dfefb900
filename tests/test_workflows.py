"""Every workflow file that comes with the program is documented, valid and runs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from torc_local.spec.load import load

FOLDER = Path(__file__).parents[1] / "workflows"
SMALL = sorted(FOLDER.glob("*.yaml"))


def torc(*words):
    return subprocess.run([sys.executable, "-m", "torc_local", *words], capture_output=True, text=True, check=False)


def test_there_are_workflows_for_a_first_minute():
    assert {"diamond.yaml", "sweep.yaml", "all_to_all.yaml"} <= {path.name for path in SMALL}


@pytest.mark.parametrize("path", [*SMALL, FOLDER / "scale_test" / "workflow.yaml"], ids=lambda path: path.stem)
def test_a_workflow_begins_with_what_it_is_and_how_to_run_it(path):
    comment = [line for line in path.read_text().splitlines() if line.startswith("#")]
    assert any("torc-local run workflows/" in line for line in comment)
    assert load(path).description


@pytest.mark.parametrize("path", SMALL, ids=lambda path: path.stem)
@pytest.mark.parametrize(
    "how", [["-j", "4"], pytest.param(["--cpus", "4"], marks=pytest.mark.fault)], ids=["-j", "by resources"]
)
def test_a_small_workflow_completes(path, how, tmp_path):
    database = str(tmp_path / "torc.db")
    done = torc("run", str(path), *how, "--db", database)
    assert done.returncode == 0, done.stderr
    status = json.loads(torc("status", "--db", database, "-f", "json").stdout)
    assert status["is_complete"]
    assert status["jobs_by_status"]["completed"] == status["total_jobs"] == len(load(path).jobs)
    assert torc("doctor", "--db", database).returncode == 0


def test_the_scale_test_has_four_rounds_and_four_barriers():
    spec = load(FOLDER / "scale_test" / "workflow.yaml")
    assert len(spec.jobs) == 100_004
    assert spec.dependency_count == 7 * 25_000
    assert spec.job_count_before_expansion == 8
    assert len(spec.sets) == 7, "seven shared sets, however many jobs wait for them"


def test_the_diamond_prints_what_it_says(tmp_path):
    database = str(tmp_path / "torc.db")
    torc("run", str(FOLDER / "diamond.yaml"), "-j", "2", "--db", database)
    assert torc("logs", "compare", "--db", database).stdout == "comparing fits\n"
