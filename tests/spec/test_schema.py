"""The schema that editors use and the check of the program have the same opinion about the form of a file."""

import copy
import itertools
import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from torc_local.ground.errors import SpecError
from torc_local.spec.load import loads
from torc_local.spec.schema import workflow_schema

VALIDATOR = jsonschema.Draft7Validator(workflow_schema())
WORKFLOWS = sorted((Path(__file__).parents[2] / "workflows").rglob("*.yaml"))

#: Has every key that is acted on.
WHOLE = yaml.safe_load(r"""
name: w
description: d
user: u
project: p
metadata: m
parameters: {i: "1:2", n: [1, 2]}
jobs_sort_method: none
env: {A: "1"}
submission_directory: d
use_pending_failed: true
dynamic_jobs: {max_iterations: 3}
slurm_schedulers: [{name: s, account: a, nodes: 2, walltime: "01:00:00", qos: q, other: x}]
slurm_defaults: {constraint: c, exclusive: true, ntasks: 5}
resource_monitor:
  enabled: true
  granularity: TimeSeries
  sample_interval_seconds: 2
  sample_interval: 0.5
  flush_interval: 10
  generate_plots: false
  jobs: {enabled: true, granularity: summary}
  compute_node: {enabled: true, cpu: true, memory: false, granularity: time_series}
execution_config:
  mode: direct
  limit_resources: true
  oom_exit_code: 1
  timeout_exit_code: 2
  termination_signal: SIGINT
  sigterm_lead_seconds: 1
  sigkill_headroom_seconds: 1
  stdio: {mode: combined, delete_on_success: true}
files:
  - {name: "f_{i}", path: "f/{i}", use_parameters: [i]}
  - {name: g, path: g}
user_data:
  - {name: "u_{i}", data: {a: [1, "{i}"]}, is_ephemeral: true, parameters: {i: "1:2"}, parameter_mode: zip}
  - {name: v}
resource_requirements:
  - {name: r, num_cpus: 1, num_gpus: 1, num_nodes: 1, memory: 1g, runtime: PT1H}
failure_handlers:
  - {name: h, rules: [{exit_codes: [1, -9], recovery_script: x, max_retries: 2}, {match_all_exit_codes: true}]}
actions:
  - {trigger_type: on_jobs_ready, action_type: run_commands, commands: [x], jobs: [b], job_name_regexes: [b]}
  - {trigger_type: on_worker_start, action_type: run_commands, commands: [x], persistent: true}
jobs:
  - name: a_{i}
    command: x
    description: d
    parameters: {i: "1:2", lr: [0.5, 1]}
    parameter_mode: zip
    resource_requirements: r
    priority: 1
    cancel_on_blocking_job_failure: false
    input_files: [g]
    output_files: ["f_{i}"]
    input_user_data: ["u_{i}"]
    output_file_regexes: ["^f_{i}"]
    invocation_script: nice
    env: {A: "1"}
    supports_termination: true
    failure_handler: h
    stdio: {mode: none, delete_on_success: false}
    scheduler: s
  - name: b
    command: x
    depends_on: [a_1]
    depends_on_regexes: [^a_]
    use_parameters: []
    input_file_regexes: [f_1]
    output_user_data: [v]
    input_user_data_regexes: [u_2]
    output_user_data_regexes: [^v]
""")

OTHER_VALUES = [None, True, 5, 0, -1, 1.5, "x", "", [], ["x"], [5], [None], {}, {"x": 1}, {"x": "1"}]

#: Problems of form: what a schema can see.
OF_FORM = re.compile(
    r"must be (text|a list|a mapping|true or false|a whole number|\d+ or more|an exit status|a size|a duration)"
    r"|must be (more than|one value|a number of seconds|from 0\.1 to|summary or)"
    r"|unknown (key|mode|parameter_mode|jobs_sort_method|trigger_type|action_type)"
    r"|has no ('|name|command)|needs (a scheduler|jobs)|is empty|there are no rules|matches nothing"
    r"|cannot be (the name|in 'slurm_defaults')|a value must be|has not failed|can end with exit"
)


def places(value, path=()):
    """The path of everything in a document."""
    yield path
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*path, key))


def changed(path, change):
    """A copy of the whole workflow with one place changed."""
    document = copy.deepcopy(WHOLE)
    holder = document
    for key in path[:-1]:
        holder = holder[key]
    change(holder, path[-1])
    return document


def mistakes():
    """Documents with one change each, and what it is."""
    for key in ("Partition", "TIME", "job-name"):
        yield key, changed(("slurm_defaults",), lambda holder, where, key=key: holder.__setitem__(where, {key: "x"}))
    for path in places(WHOLE):
        if not path or "data" in path:
            continue
        yield f"without {path}", changed(path, lambda holder, key: holder.pop(key))
        for value in OTHER_VALUES:
            yield f"{path} = {value!r}", changed(path, lambda holder, key, value=value: holder.__setitem__(key, value))
        if isinstance(path[-1], str):
            yield f"{path} misspelt", changed(path, lambda holder, key: holder.__setitem__(f"{key}x", holder.pop(key)))


def problems_of(document):
    try:
        loads(json.dumps(document).encode(), "w.json")
    except SpecError as error:
        return [problem.message for problem in error.problems]
    return []


def test_the_schema_is_one():
    jsonschema.Draft7Validator.check_schema(workflow_schema())
    assert json.loads(json.dumps(workflow_schema())) == workflow_schema()


def test_a_workflow_with_every_key_is_good_for_both():
    assert [error.message for error in VALIDATOR.iter_errors(WHOLE)] == []
    assert problems_of(WHOLE) == []
    said = {*WHOLE, *(key for job in WHOLE["jobs"] for key in job)}
    properties = workflow_schema()["properties"].keys() | workflow_schema()["definitions"]["job"]["properties"].keys()
    ignored = {key for key in properties - said if "without effect" in str(_description(key))}
    assert properties - said - ignored == set()


def _description(key):
    schema = workflow_schema()
    return (schema["properties"] | schema["definitions"]["job"]["properties"])[key].get("description")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_that_come_with_the_program_are_valid(path):
    assert [error.message for error in VALIDATOR.iter_errors(yaml.safe_load(path.read_text()))] == []


@pytest.mark.parametrize(
    "step", [13, pytest.param(1, marks=pytest.mark.behaviour)], ids=["some documents", "all documents"]
)
def test_both_find_the_same_mistakes_of_form(step):
    count, differences = 0, []
    for what, document in itertools.islice(mistakes(), 0, None, step):
        by_schema = VALIDATOR.is_valid(document)
        messages = problems_of(document)
        count += not by_schema
        if not by_schema and not messages:
            differences.append(f"only the schema refuses: {what}")
        of_form = [message for message in messages if OF_FORM.search(message)]
        if by_schema and of_form:
            differences.append(f"only check refuses: {what}: {of_form}")
    assert differences == []
    assert count * step > 1000


def test_every_key_has_a_description():
    def look(schema):
        for key, inner in schema.get("properties", {}).items():
            if "type" in schema:
                assert inner.get("description"), key
            look(inner)
        for inner in schema.values():
            if isinstance(inner, dict):
                look(inner)

    look(workflow_schema())
