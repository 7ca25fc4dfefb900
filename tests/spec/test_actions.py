"""Actions of a workflow file: what is read, what they select, and what is wrong with them."""

import pytest
import yaml

from torc_local.ground.errors import SpecError
from torc_local.spec.actions import TRIGGERS, Nodes
from torc_local.spec.load import load


@pytest.fixture
def read(tmp_path):
    """Read a workflow with these actions and five jobs; or the messages of what is wrong with it."""

    def with_actions(*actions, jobs=None, **more):
        jobs = jobs or [
            {"name": "prep_{i}", "command": "true", "parameters": {"i": "1:3"}},
            {"name": "train", "command": "true"},
            {"name": "report", "command": "true"},
        ]
        path = tmp_path / "w.yaml"
        path.write_text(yaml.safe_dump({"name": "w", "jobs": jobs, "actions": list(actions), **more}))
        try:
            return load(path)
        except SpecError as error:
            return [f"{problem.message}; {problem.hint}" for problem in error.problems]

    return with_actions


def run(trigger, **more):
    return {"trigger_type": trigger, "action_type": "run_commands", "commands": ["echo"], **more}


def asks(**more):
    return {"trigger_type": "on_worker_start", "action_type": "schedule_nodes", **more}


SLURM = {"slurm_schedulers": [{"name": "small", "account": "a"}]}


def test_jobs_and_regexes_are_united_after_expansion(read):
    (one,) = read(run("on_jobs_complete", jobs=["train", "prep_2"], job_name_regexes=["p_1$", "^prep_2"])).actions
    assert one.jobs == (0, 1, 3)
    assert one.commands == ("echo",)


def test_a_regex_is_searched_for_anywhere_in_a_name(read):
    (one,) = read(run("on_jobs_ready", job_name_regexes=["r"])).actions
    assert one.jobs == (0, 1, 2, 3, 4)


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_every_trigger_is_known(read, trigger):
    jobs = {"jobs": ["train"]} if "jobs" in trigger else {}
    (one,) = read(run(trigger, **jobs)).actions
    assert (one.trigger_type, len(one.jobs)) == (trigger, len(jobs))


def test_nodes_are_read_with_their_defaults(read):
    asked = {"trigger_type": "on_workflow_start", "action_type": "schedule_nodes", "scheduler": "small"}
    more = {"num_allocations": 3, "start_one_worker_per_node": True, "max_parallel_jobs": 8, "scheduler_type": "slurm"}
    spec = read(asked, {**asked, **more}, **SLURM)
    assert [one.nodes for one in spec.actions] == [Nodes("small"), Nodes("small", "slurm", 3, True, 8)]


@pytest.mark.parametrize(
    ("action", "said"),
    [
        (run("on_jobs_complete", jobs=["train"], persistent=True), "'persistent' has no effect on on_jobs_complete"),
        (run("on_workflow_start", jobs=["train"]), "'jobs' has no effect on on_workflow_start"),
        (run("on_worker_start", job_name_regexes=["a"]), "'job_name_regexes' has no effect on on_worker_start"),
        (run("on_worker_start", num_allocations=2), "'num_allocations' has no effect on run_commands"),
    ],
)
def test_what_has_no_effect_is_noted(read, action, said):
    spec = read(action)
    assert any(said in warning.message for warning in spec.warnings)


def test_persistent_worker_actions_are_not_noted(read):
    spec = read(run("on_worker_start", persistent=True))
    assert spec.actions[0].persistent
    assert spec.warnings == ()


@pytest.mark.parametrize(
    ("action", "said"),
    [
        (run("on_jobs_completed", jobs=["train"]), "unknown trigger_type 'on_jobs_completed'; did you mean 'on_jobs"),
        (run("on_jobs_complete", action_type="run_command"), "unknown action_type 'run_command'; did you mean 'run_c"),
        (run(None), "action 1 has no 'trigger_type'; write one of on_workflow_start"),
        ({"trigger_type": "on_worker_start"}, "action 1 has no 'action_type'"),
        (run("on_jobs_complete"), "an action with on_jobs_complete needs jobs"),
        (run("on_jobs_ready", jobs=[], job_name_regexes=[]), "an action with on_jobs_ready needs jobs"),
        (run("on_jobs_ready", jobs=["tran"]), "there is no job 'tran' for this action; did you mean 'train'?"),
        (run("on_jobs_ready", jobs=["prep_{i}"]), "there is no job 'prep_{i}' for this action; the family prep_{i}"),
        (run("on_workflow_start", jobs=["nobody"]), "there is no job 'nobody'"),
        (run("on_jobs_ready", job_name_regexes=["^x"]), "the regex /^x/ matches no job"),
        (run("on_jobs_ready", job_name_regexes=["("]), "this regex is not valid"),
        (run("on_jobs_ready", job_name_regexes=["(?=a)"]), "this regex uses look-around, which Torc does not have"),
        (run("on_jobs_ready", jobs="train"), "'jobs' must be a list, not text"),
        (run("on_worker_start", commands=[]), "this action has no commands"),
        (run("on_worker_start", commands=None), "this action has no commands"),
        (run("on_worker_start", commands=["a", " "]), "a command of this action is empty"),
        (run("on_worker_start", commands="ls"), "'commands' must be a list, not text"),
        (run("on_worker_start", commands=["a\0b"]), "contains a NUL character"),
        (run("on_worker_start", commands=["x" * 131_072]), "this command has more than 131,071 bytes"),
        (run("on_worker_start", commands=["cat ${files.input.a}"]), "are filled in only in jobs"),
        (run("on_worker_start", persistent="yes"), "'persistent' must be true or false"),
        (run("on_worker_start", comands=["x"]), "unknown key 'comands' in action 1; did you mean 'commands'?"),
        ("ls", "an action must be a mapping, not the text 'ls'"),
        (asks(), "needs a scheduler"),
        (asks(scheduler="smal"), "there is no scheduler 'smal'"),
        (
            asks(scheduler="small", scheduler_type="slrum"),
            "unknown scheduler_type 'slrum'; did you mean 'slurm'?",
        ),
        (
            asks(scheduler="small", num_allocations=0),
            "'num_allocations' must be 1 or more, not 0",
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_explained(read, action, said):
    messages = read(action, **SLURM)
    assert isinstance(messages, list)
    assert any(said in message for message in messages), messages


def test_all_mistakes_are_reported_at_once(read):
    messages = read(run("on_jobs_ready"), run("on_worker_start", commands=[]), run("on_jobs_ready", jobs=["x"]))
    assert len(messages) == 3


def test_actions_must_be_a_list(tmp_path):
    path = tmp_path / "w.yaml"
    path.write_text("name: w\njobs: []\nactions: {a: b}\n")
    with pytest.raises(SpecError) as caught:
        load(path)
    assert caught.value.problems[0].message == "'actions' must be a list, not a mapping"
