"""A Python function over parameters, as jobs."""

import json
import subprocess
import sys

import pytest

import torc_local
from torc_local.ground.errors import InputError

pytestmark = pytest.mark.behaviour

MODULE = """
def square(name, params):
    print("job", name)
    return None if params["x"] == 3 else {"square": params["x"] ** 2}


def total(results):
    return sum(one["square"] for one in results if one is not None)
"""


def workflow(place):
    """A workflow without jobs, and a module beside it."""
    (place.root / "lib").mkdir()
    (place.root / "lib" / "work.py").write_text(MODULE)
    place.write({"name": "w", "jobs": [{"name": "first", "command": "true"}]})
    assert place.call("create", "w.yaml").code == 0
    return place.root / "torc_output" / "torc.db"


def test_a_function_is_mapped_to_jobs_and_its_results_are_put_together(place):
    database = workflow(place)
    made = torc_local.map_function_to_jobs(
        database, 1, "work", "square", [{"x": x} for x in range(1, 5)], postprocess_func="total",
        module_directory=place.root / "lib", name_prefix="sq_", start_index=7, depends_on=["first"],
    )  # fmt: skip
    assert [job.name for job in made] == ["sq_7", "sq_8", "sq_9", "sq_10", "sq_postprocess"]
    assert place.states()["sq_postprocess"] == "blocked"
    place.run()
    assert set(place.states().values()) == {"completed"}
    assert json.loads(place.call("user-data", "get", "output_sq_8").out) == {"square": 4}
    assert place.call("user-data", "get", "output_sq_9").out == "", "None is not kept"
    assert json.loads(place.call("user-data", "get", "output_sq_postprocess").out) == 21
    assert place.call("logs", "sq_7").out == "job sq_7\n"


def test_a_function_that_raises_fails_its_job_with_the_traceback_in_its_output(place):
    database = workflow(place)
    torc_local.map_function_to_jobs(database, 1, "work", "square", [{"y": 1}], module_directory=place.root / "lib")
    place.run(code=1)
    assert place.states()["1"] == "failed"
    assert "KeyError: 'x'" in place.call("logs", "1", "--stderr").out


def test_what_cannot_be_added_is_refused_and_nothing_is(place):
    database = workflow(place)
    for options in (
        {"resource_requirements": "none"},
        {"depends_on": ["nobody"]},
        {"name_prefix": "first", "start_index": 0},
    ):
        if "name_prefix" in options:
            torc_local.map_function_to_jobs(database, 1, "work", "square", [{}], **options)
        with pytest.raises(InputError):
            torc_local.map_function_to_jobs(database, 1, "work", "square", [{}], **options)
    assert set(place.states()) == {"first", "first0"}
    with pytest.raises(InputError, match="there is no workflow 9"):
        torc_local.map_function_to_jobs(database, 9, "work", "square", [{}])


def test_the_package_loads_nothing_of_it_until_it_is_asked_for():
    code = "import sys, torc_local; print(sorted(name for name in sys.modules if name.startswith('torc_local')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "['torc_local']\n"
