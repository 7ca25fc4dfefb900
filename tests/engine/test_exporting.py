"""Export and import: whatever a workflow says comes back, as often as one likes."""

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torc_local.engine import admit, exporting
from torc_local.ground import clock
from torc_local.ground.errors import InputError, SpecError
from torc_local.spec.load import loads
from torc_local.spec.portable import loads_export
from torc_local.store import opening, workflows


def exported(spec, directory):
    """What ``export`` writes of a workflow in a database of its own, as a program reads it."""
    with opening.open_or_create(Path(directory) / "torc.db") as db:
        number = admit.admit(db, spec, admit.Origin("me", None, clock.monotonic()))
        workflow = workflows.get(db, number)
        assert workflow is not None
        found = dict(exporting.export(db, workflow, results=True, events_too=True).entries)
    return json.loads(json.dumps(found))


def compared(document):
    """Without what says when and where it was made."""
    kept = {key: value for key, value in document.items() if key not in ("exported_at", "events")}
    kept["workflow"] = {key: value for key, value in kept["workflow"].items() if key != "timestamp"}
    return kept


def imported(document):
    return loads_export(json.dumps(document).encode(), "x.json")


def again(document):
    with tempfile.TemporaryDirectory() as directory:
        return exported(imported(document), directory)


VALUES = st.one_of(st.none(), st.integers(-5, 5), st.text(max_size=3), st.lists(st.integers(0, 3), max_size=2))
WORDS = st.text("abcxyz{}$ é'\"", max_size=8).map(lambda text: f"x{text}")
MODES = st.fixed_dictionaries(
    {}, optional={"mode": st.sampled_from(("combined", "none")), "delete_on_success": st.booleans()}
)


@st.composite
def workflow_files(draw):
    """A workflow file of a handful of jobs that say a bit of everything."""
    files = [f"f{i}" for i in range(draw(st.integers(0, 4)))]
    data = [f"u{i}" for i in range(draw(st.integers(0, 3)))]
    handlers = [f"h{i}" for i in range(draw(st.integers(0, 2)))]
    asked = [f"r{i}" for i in range(draw(st.integers(0, 3)))]
    names = [f"j{i}" for i in range(draw(st.integers(0, 7)))]

    def some(listed):
        return draw(st.lists(st.sampled_from(listed), unique=True, max_size=4)) if listed else []

    writers = {one: draw(st.integers(0, len(names))) for one in files}
    jobs = []
    for index, name in enumerate(names):
        job = {
            "name": name,
            "command": draw(WORDS),
            "depends_on": some(names[:index]),
            # Who reads comes after who writes, so that no cycle comes about.
            "input_files": [one for one in some(files) if writers[one] < index],
            "output_files": [one for one in files if writers[one] == index],
            "input_user_data": some(data),
            "priority": draw(st.integers(0, 2)),
            "cancel_on_blocking_job_failure": draw(st.booleans()),
            "supports_termination": draw(st.booleans()),
            "stdio": draw(MODES),
            "env": draw(st.dictionaries(st.sampled_from("AB"), WORDS, max_size=2)),
        }
        if draw(st.booleans()):
            job["invocation_script"] = draw(WORDS)
            job["description"] = draw(WORDS)
        for key, known in (("failure_handler", handlers), ("resource_requirements", asked)):
            if known and draw(st.booleans()):
                job[key] = draw(st.sampled_from(known))
        jobs.append(job)
    actions = [
        {"trigger_type": "on_workflow_start", "action_type": "run_commands", "commands": [draw(WORDS).replace("$", "")]}
    ]
    if names:
        actions.append(
            {"trigger_type": "on_jobs_ready", "action_type": "run_commands", "commands": ["x"], "jobs": [names[-1]]}
        )
    return {
        "name": "w",
        "jobs": jobs,
        "files": [{"name": one, "path": f"{one}.txt"} for one in files],
        "user_data": [{"name": one, "data": draw(VALUES), "is_ephemeral": draw(st.booleans())} for one in data],
        "failure_handlers": [
            {"name": one, "rules": [{"exit_codes": [draw(st.integers(1, 9))], "max_retries": draw(st.integers(1, 4))}]}
            for one in handlers
        ],
        "resource_requirements": [
            {
                "name": one,
                "num_cpus": draw(st.integers(1, 4)),
                **({"memory": draw(st.integers(1, 1 << 40))} if draw(st.booleans()) else {}),
                **({"runtime": draw(st.floats(0.001, 1e6))} if draw(st.booleans()) else {}),
            }
            for one in asked
        ],
        "execution_config": {"stdio": draw(MODES), "sigterm_lead_seconds": draw(st.integers(0, 60))},
        "jobs_sort_method": draw(st.sampled_from(("none", "gpus_runtime_memory"))),
        "use_pending_failed": draw(st.booleans()),
        "actions": actions if draw(st.booleans()) else [],
    }


@settings(max_examples=12, deadline=None)
@given(workflow_files())
def test_what_was_imported_is_exported_as_it_was(file):
    for entry in file["user_data"]:
        if entry["data"] is None:  # nobody writes it
            entry["data"] = 0
    spec = loads(json.dumps(file).encode(), "w.json")
    with tempfile.TemporaryDirectory() as directory:
        first = exported(spec, directory)
    assert compared(again(first)) == compared(first)


SMALL = {
    "name": "w",
    "files": [{"name": "f", "path": "f"}],
    "jobs": [{"name": "a", "command": "x", "output_files": ["f"]}, {"name": "b", "command": "y", "depends_on": ["a"]}],
}


@pytest.fixture
def document(tmp_path):
    return exported(loads(json.dumps(SMALL).encode(), "w.json"), tmp_path)


def test_schedulers_of_slurm_go_out_and_come_back(document):
    document["slurm_schedulers"] = [{"id": 3, "name": "s", "account": "a", "nodes": 2, "walltime": "04:00:00"}]
    expected = [{"id": 1, "workflow_id": 1, "name": "s", "account": "a", "nodes": 2, "walltime": "04:00:00"}]
    assert again(document)["slurm_schedulers"] == expected
    assert again(again(document))["slurm_schedulers"] == expected


@pytest.mark.parametrize(
    "said",
    [
        {"enabled": False},
        {"enabled": True, "granularity": "time_series", "sample_interval_seconds": 2},
        {"sample_interval": 0.5, "jobs": {"enabled": True}, "compute_node": {"enabled": True, "cpu": False}},
        {"compute_node": {"enabled": True, "granularity": "time_series"}, "flush_interval": 9},
    ],
)
@pytest.mark.parametrize("as_text", [False, True])
def test_what_is_measured_goes_out_and_comes_back(tmp_path, said, as_text):
    spec = loads(json.dumps({**SMALL, "resource_monitor": said}).encode(), "w.json")
    document = exported(spec, tmp_path)
    if as_text:  # older Torc
        document["workflow"]["resource_monitor_config"] = json.dumps(document["workflow"]["resource_monitor_config"])
    assert imported(document).settings == spec.settings


def test_where_nothing_is_said_of_monitoring_nothing_is_written(document):
    assert {"resource_monitor_config", "slurm_defaults"}.isdisjoint(document["workflow"])


def test_defaults_of_slurm_go_out_and_come_back(tmp_path):
    said = {"qos": "high", "exclusive": True, "constraint": "gpu", "requeue": False}
    spec = loads(json.dumps({**SMALL, "slurm_defaults": said}).encode(), "w.json")
    document = exported(spec, tmp_path)
    assert document["workflow"]["slurm_defaults"] == {"qos": "high", "exclusive": True, "constraint": "gpu"}
    assert imported(document).settings == spec.settings


def test_ids_of_another_database_are_mapped(document):
    text = json.dumps(document)
    for key in ('"id": ', '"resource_requirements_id": '):
        text = text.replace(f"{key}1,", f"{key}7001,").replace(f"{key}2,", f"{key}9,")
    text = text.replace('"depends_on_job_ids": [1]', '"depends_on_job_ids": [7001]')
    text = text.replace('"output_file_ids": [1]', '"output_file_ids": [7001]')
    spec = loads_export(text.encode(), "x.json")
    assert [job.name for job in spec.jobs] == ["a", "b"]
    assert spec.jobs[1].waits_for


def test_a_document_of_torc_is_read(document):
    """As its server writes it: keys of its own, results and events, no word of ours."""
    document["workflow"]["compute_node_expiration_buffer_seconds"] = 60
    document["workflow"]["execution_config"] = json.dumps({"mode": "direct", "oom_exit_code": 9})
    document["failure_handlers"] = [{"id": 5, "workflow_id": 1, "name": "h", "rules": '[{"exit_codes": [3]}]'}]
    document["jobs"][0] |= {"failure_handler_id": 5, "scheduler_id": 3, "status": "completed"}
    document["slurm_schedulers"] = [{"id": 3, "workflow_id": 1, "name": "s", "account": "a", "nodes": 2}]
    config = {"scheduler_id": 3, "scheduler_type": "slurm", "num_allocations": 2}
    document["workflow_actions"] = [
        {
            "id": 1,
            "trigger_type": "on_jobs_ready",
            "action_type": "schedule_nodes",
            "action_config": config,
            "job_ids": [1],
        }
    ]
    document["resource_requirements"] = [
        {"id": 1, "name": "default", "num_cpus": 1, "memory": "1m", "runtime": "P0DT1M"},
        {"id": 2, "name": "big", "num_cpus": 4, "memory": "8g", "runtime": "PT2H"},
    ]
    document["jobs"][1]["resource_requirements_id"] = 2
    spec = imported(document)
    assert spec.settings.oom_exit_code == 9
    assert spec.options[spec.jobs[0].options].failure_handler == "h"
    assert [(one.name, one.limits) for one in spec.resources] == [("default", 0), ("big", 3)]
    assert spec.actions[0].nodes is not None
    assert (spec.actions[0].nodes.scheduler, spec.actions[0].jobs) == ("s", (0,))
    assert spec.settings.slurm_schedulers == ((("name", "s"), ("account", "a"), ("nodes", "2")),)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("export_version"), "there is no 'export_version'"),
        (lambda d: d.update(export_version="2.0"), "the version of this document is the text '2.0'"),
        (lambda d: d["workflow"].update(slurm_defaults={"nodes": 2}), "'nodes' cannot be in 'slurm_defaults'"),
        (lambda d: d["workflow"].update(resource_monitor_config="{"), "'resource_monitor_config' is text, but"),
        (lambda d: d["workflow"].update(resource_monitor_config={"jobs": 1}), "'jobs' in 'resource_monitor' must be"),
        (lambda d: d.update(workflow=[]), "'workflow' must be an object"),
        (lambda d: d.update(jobs={}), "'jobs' must be a list"),
        (lambda d: d["jobs"].append(3), "an entry of 'jobs' must be an object"),
        (lambda d: d["jobs"][0].pop("id"), "has no 'id' that is a whole number"),
        (lambda d: d["jobs"][1].update(id=1), "the id 1 is repeated in 'jobs'"),
        (lambda d: d["jobs"][1].pop("name"), "has no 'name' that is text"),
        (lambda d: d["jobs"][1].update(depends_on_job_ids=[99]), "no entry of 'jobs' has the id 99"),
        (lambda d: d["jobs"][1].update(depends_on_job_ids=[True]), "no entry of 'jobs' has the id"),
        (lambda d: d["jobs"][1].update(input_file_ids="1"), "'input_file_ids' must be a list of ids"),
        (lambda d: d["jobs"][1].update(resource_requirements_id=5), "no entry of 'resource_requirements' has the id 5"),
        (lambda d: d["jobs"][1].update(failure_handler_id=5), "no entry of 'failure_handlers' has the id 5"),
        (lambda d: d["jobs"][0].update(depends_on_job_ids=[2]), "dependency cycle"),
        (lambda d: d["jobs"][0].update(command=7), "'command' of job 'a' must be text"),
        (lambda d: d["jobs"][1].update(name="a"), "the name 'a' is taken"),
        (lambda d: d["failure_handlers"].append({"id": 1, "name": "h", "rules": "["}), "'rules' is text, but not JSON"),
        (lambda d: d["workflow"].update(execution_config={"stdio": {"mode": "x"}}), "unknown mode 'x' of 'stdio'"),
        (lambda d: d["workflow_actions"].append({"trigger_type": "on_start"}), "'action_config' must be an object"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_document_is_explained_at_its_place(document, change, message):
    change(document)
    with pytest.raises(SpecError) as caught:
        loads_export(json.dumps(document, indent=1).encode(), "x.json")
    problem = caught.value.problems[0]
    assert message in "\n".join(one.message for one in caught.value.problems)
    assert problem.file == "x.json"
    assert problem.line >= 1


def test_mistakes_are_placed_where_they_stand(document):
    document["jobs"][1]["depends_on_job_ids"] = [1, 99]
    text = json.dumps(document, indent=1)
    with pytest.raises(SpecError) as caught:
        loads_export(text.encode(), "x.json")
    (problem,) = caught.value.problems
    assert text.splitlines()[problem.line - 1].strip() == "99"
    document["jobs"][1]["depends_on_job_ids"] = [1]
    document["resource_requirements"].append({"id": 2, "name": "r", "memory": "much", "num_cpus": 1})
    text = json.dumps(document, indent=1)
    with pytest.raises(SpecError) as caught:
        loads_export(text.encode(), "x.json")
    (problem,) = caught.value.problems
    assert "much" in text.splitlines()[problem.line - 1]


def test_what_is_no_json_or_a_workflow_file_is_said_to_be_so():
    with pytest.raises(SpecError) as caught:
        loads_export(b"name: w", "x.yaml")
    assert caught.value.problems[0].line == 1
    with pytest.raises(SpecError) as caught:
        loads_export(b'{"name": "w", "jobs": []}', "x.json")
    assert "torc-local create" in (caught.value.problems[0].hint or "")


def test_a_book_of_numbers_is_refused(tmp_path):
    jobs = [
        {"name": "a{i}", "command": "x", "parameters": {"i": "1:5000"}},
        {"name": "b{i}", "command": "x", "parameters": {"i": "1:5000"}, "depends_on_regexes": ["^a"]},
    ]
    with pytest.raises(InputError, match="25,000,000 dependencies"):
        exported(loads(json.dumps({"name": "w", "jobs": jobs}).encode(), "w.json"), tmp_path)
