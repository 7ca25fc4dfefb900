"""Every workflow file that comes with the program is documented, valid and runs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from torc_local.spec.load import load

FOLDER = Path(__file__).parents[1] / "workflows"
SMALL = sorted(FOLDER.glob("*.yaml"))
#: Those that a person meets first; the others run with the behaviours.
FIRST = {"actions", "all_to_all", "diamond", "sweep"}
#: Where the formats differ most, a file is there in all of them.
IN_ALL_FORMATS = ["actions", "diamond", "handlers", "shared_parameters"]
OTHERS = [FOLDER / f"{name}.{kind}" for name in IN_ALL_FORMATS for kind in ("json", "json5", "kdl")]
RUNS = [
    pytest.param(path, marks=() if path.stem in FIRST and path in SMALL else pytest.mark.behaviour, id=path.name)
    for path in [*SMALL, *OTHERS]
]


def torc(*words, **options):
    command = [sys.executable, "-m", "torc_local", *words]
    options["env"] = {**options.get("env", os.environ), "CUDA_VISIBLE_DEVICES": "0,1"}  # one of them asks for GPUs
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def test_there_are_workflows_for_a_first_minute():
    assert {path.stem for path in SMALL} >= FIRST
    assert {"barriers", "files", "handlers", "shared_parameters", "subgraphs", "zip"} <= {path.stem for path in SMALL}
    assert {path.name for path in FOLDER.iterdir()} == {"optimiser", "scale_test"} | {
        path.name for path in [*SMALL, *OTHERS]
    }


COMMENTED = [*SMALL, *(path for path in OTHERS if path.suffix != ".json"), *FOLDER.glob("*/workflow.yaml")]


@pytest.mark.parametrize("path", COMMENTED, ids=lambda path: path.name)
def test_a_workflow_begins_with_what_it_is_and_how_to_run_it(path):
    comment = [line for line in path.read_text().splitlines() if line.startswith(("#", "//"))]
    assert any(f"torc-local run workflows/{path.relative_to(FOLDER)}" in line for line in comment)
    assert load(path).description


@pytest.mark.parametrize("name", IN_ALL_FORMATS)
def test_the_four_formats_of_a_workflow_give_the_same_jobs_and_edges(name):
    yaml, *others = (load(FOLDER / f"{name}.{kind}") for kind in ("yaml", "json", "json5", "kdl"))
    assert len(yaml.jobs) >= 3
    assert others == [yaml] * 3


@pytest.mark.parametrize("path", RUNS)
@pytest.mark.parametrize(
    "how", [["-j", "4"], pytest.param(["--cpus", "4"], marks=pytest.mark.behaviour)], ids=["-j", "by resources"]
)
def test_a_small_workflow_completes(path, how, tmp_path):
    database = str(tmp_path / "torc.db")
    done = torc("run", str(path), *how, "--db", database, cwd=tmp_path)
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


@pytest.mark.behaviour
def test_the_optimiser_spawns_generations_until_it_has_found_the_lowest_point(tmp_path):
    database = str(tmp_path / "torc.db")
    path = str(FOLDER / "optimiser" / "workflow.yaml")
    # Its jobs call python3, which has to be this one.
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": f"{FOLDER.parent}:{os.environ.get('PYTHONPATH', '')}",
    }
    done = torc("run", path, "-j", "4", "--db", database, env=environment, cwd=FOLDER.parent)
    assert done.returncode == 0, done.stderr
    data = json.loads(torc("user-data", "list", "--db", database, "-f", "json").stdout)["items"]
    *generations, found = sorted(data, key=lambda one: one["name"] == "__torc_lineage__search__final")
    assert found["data"]["state"]["best"] == pytest.approx(3.14, abs=0.01)
    assert [one["data"]["generation"] for one in generations] == list(range(1, len(generations) + 1))
    assert json.loads(torc("status", "--db", database, "-f", "json").stdout)["is_complete"]
