"""Graphs and plans: what is written can be read back, and is as small as the workflow file."""

import html
import json
import re

from hypothesis import given
from hypothesis import strategies as st

from tests.support.dot import parse
from torc_local.engine import admit, graph
from torc_local.ground import clock
from torc_local.report import drawing, plan
from torc_local.report.families import families
from torc_local.spec.load import loads
from torc_local.store import opening, workflows


def spec(*jobs, **top):
    listed = [{"command": "x", **job} for job in jobs]
    return loads(json.dumps({"name": "w", "jobs": listed, **top}).encode(), "w.json")


def of(*jobs, **top):
    return graph.from_spec(spec(*jobs, **top))


DIAMOND = (
    {"name": "top"},
    {"name": "left_{i}", "parameters": {"i": "1:3"}, "depends_on": ["top"]},
    {"name": "right_{i}", "parameters": {"i": "1:3"}, "depends_on": ["left_{i}"]},
    {"name": "tip_{i}", "parameters": {"i": "1:2"}, "depends_on_regexes": ["^(left|right)"]},
)


def test_numbers_make_a_family_and_a_job_of_that_name_is_not_mixed_up():
    found = families(["a_1", "a_2", "x0.5_1", "a_*", "b"])
    assert found == {"a_*": [0, 1, 3], "x0.5_1": [2], "b": [4]}
    assert families(["s_1", "s_*", "s_2.5"]) == {"s_*": [0, 1, 2]}


def test_waves_and_the_longest_chain():
    found = of(*DIAMOND)
    waves = graph.order(found)
    assert [[found.names[job] for job in wave] for wave in waves.waves] == [
        ["top"], ["left_1", "left_2", "left_3"], ["right_1", "right_2", "right_3"], ["tip_1", "tip_2"],
    ]  # fmt: skip
    assert [found.names[job] for job in waves.chain(found)] == ["top", "left_1", "right_1", "tip_1"]


def test_a_file_and_the_database_made_from_it_have_the_same_graph(tmp_path):
    checked = spec(*DIAMOND)
    path = tmp_path / "torc.db"
    with opening.open_or_create(path) as db:
        admit.admit(db, checked, admit.Origin("me", None, clock.monotonic()))
        workflow = workflows.get(db, 1)
        assert workflow is not None
        stored = graph.from_database(db, workflow)
    found = graph.from_spec(checked)

    def pairs(one):
        return {
            (one.names[before], one.names[job])
            for job, sets in enumerate(one.waits)
            for number in sets
            for before in one.sets[number]
        }

    assert pairs(stored) == pairs(found)
    assert stored.names == found.names
    shape = plan.document(found)
    assert plan.document(stored) == {**shape, "source": "database", "workflow_id": 1}


def test_a_plan_has_the_shape_of_torcs():
    document = plan.document(of(*DIAMOND))
    assert (document["status"], document["source"], document["workflow_name"]) == ("success", "spec", "w")
    assert (document["total_events"], document["total_jobs"]) == (6, 9)
    events = {event["id"]: event for event in document["events"]}
    assert document["root_events"] == ["start"]
    assert events["start"]["trigger"] == {"type": "WorkflowStart"}
    assert events["start"]["jobs_becoming_ready"] == ["top"]
    after = events["after_top"]
    assert after["trigger"] == {"type": "JobsComplete", "data": {"jobs": ["top"]}}
    assert after["trigger_description"] == "When job 'top' completes"
    assert after["depends_on_events"] == ["start"]
    assert after["unlocks_events"][:3] == ["after_left_1", "after_left_2", "after_left_3"]
    (leaf,) = document["leaf_events"]
    assert events[leaf]["jobs_becoming_ready"] == ["tip_1", "tip_2"]
    assert events[leaf]["trigger_description"] == "When 6 jobs complete ('left_1', 'left_2'...)"
    assert set(events[leaf]["depends_on_events"]) == {"after_top", "after_left_1", "after_left_2", "after_left_3"}


def test_events_with_one_name_in_torc_are_told_apart():
    """Torc calls both "after_sim_jobs", and one is lost."""
    jobs = [{"name": f"sim_{i}"} for i in range(4)]
    document = plan.document(
        of(*jobs, {"name": "x", "depends_on": ["sim_0", "sim_1"]}, {"name": "y", "depends_on": ["sim_2", "sim_3"]})
    )
    assert [event["id"] for event in document["events"]] == ["start", "after_sim_jobs", "after_sim_jobs_2"]


def test_a_long_chain_has_a_plan_of_one_screen():
    jobs = [{"name": "j0"}, *({"name": f"j{i}", "depends_on": [f"j{i - 1}"]} for i in range(1, 300))]
    lines = plan.screen(of(*jobs))
    assert len(lines) < 30
    assert "... 280 more waves" in lines
    assert "longest chain: 300 jobs: j0 -> j1 -> j2 -> ... -> j299" in lines
    assert plan.screen(of()) == ["w   0 jobs in 0 waves"]


def test_families_are_one_node_and_shared_sets_one_point():
    found = of(*DIAMOND)
    drawn = drawing.draw(found, expand=False)
    named = {node.id: node.name for node in drawn.nodes}
    assert [(named[a], named[b]) for a, b in drawn.edges] == [
        ("top", "left_*"), ("left_*", "right_*"), ("left_*", "tip_*"), ("right_*", "tip_*"),
    ]  # fmt: skip
    expanded = drawing.draw(found, expand=True)
    assert len([node for node in expanded.nodes if node.jobs]) == 9
    # Six through a point to two, not twelve between them.
    assert len(expanded.edges) == 3 + 3 + 6 + 2
    assert len(parse("\n".join(drawing.dot(found, expanded))).edges) == 14


def test_colours_say_what_a_person_wants_to_see_first():
    found = of({"name": "j{i}", "parameters": {"i": "1:3"}}, {"name": "k"})
    states = found._replace(statuses=["completed", "failed", "running", "completed"])
    read = parse("\n".join(drawing.dot(states, drawing.draw(states, expand=False))))
    assert read.nodes["n0"]["label"] == "j*\n3 jobs\n1 completed\n1 failed\n1 running"
    assert read.nodes["n0"]["fillcolor"] == "#f4b6b6"
    assert read.nodes["n1"]["fillcolor"] == "#bfe5bf"
    lines = list(drawing.mermaid(drawing.draw(states, expand=False)))
    assert lines[1].endswith(":::failed")
    assert any(line.startswith("  classDef failed fill:#f4b6b6") for line in lines)


NAMES = st.text(st.characters(min_codepoint=32, exclude_categories=("Cs", "Cc")), min_size=1, max_size=20)


@given(st.lists(NAMES, min_size=1, max_size=4, unique=True))
def test_every_name_can_be_read_back_from_both_languages(names):
    found = of({"name": "a"})._replace(name=names[0], names=names, resources=[0] * len(names), waits=[()] * len(names))
    drawn = drawing.draw(found, expand=True)
    read = parse("\n".join(drawing.dot(found, drawn)))
    assert read.name == names[0]
    assert [node["label"] for node in read.nodes.values()] == names
    for line, name in zip(list(drawing.mermaid(drawn))[1:], names, strict=True):
        label = re.fullmatch(r'  n[0-9]+\["((?:[^\x00-\x7f]|[A-Za-z0-9 ,]|#[0-9]+;)*)"\]', line)
        assert label is not None, line
        assert html.unescape(re.sub(r"#([0-9]+);", r"&#\1;", label[1].replace("&", "&amp;"))) == name
