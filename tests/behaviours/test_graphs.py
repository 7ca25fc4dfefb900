"""``plan`` and ``graph``: what a person sees of a workflow before, while and after it runs."""

import pytest

from tests.support.dot import parse

pytestmark = pytest.mark.behaviour

FAN = {
    "name": "fan",
    "jobs": [
        {"name": "split", "command": "true"},
        {"name": "work_{i}", "command": "test {i} != 3", "parameters": {"i": "1:5"}, "depends_on": ["split"]},
        {"name": "merge", "command": "true", "depends_on_regexes": ["^work_"]},
    ],
}


def test_a_plan_needs_no_database_and_makes_none(place):
    place.write(FAN)
    answer = place.call("plan", "w.yaml")
    assert answer.code == 0
    lines = answer.out.splitlines()
    assert lines[0] == "fan   7 jobs in 3 waves"
    assert lines[1] == "longest chain: 3 jobs: split -> work_1 -> merge"
    assert [line.split()[-1] for line in lines[4:7]] == ["split", "(5)", "merge"]
    assert sorted(path.name for path in place.root.iterdir()) == ["w.yaml"]


def test_a_plan_of_a_database_says_what_is_done(place):
    place.write(FAN)
    place.run(code=1)
    lines = place.call("plan").out.splitlines()
    assert [line.split()[:3] for line in lines[3:7]] == [
        ["WAVE", "JOBS", "DONE"], ["1", "1", "1"], ["2", "5", "4"], ["3", "1", "0"],
    ]  # fmt: skip


def test_torcs_spelling_gives_torcs_shape(place):
    place.write(FAN)
    by_file = place.call("workflows", "execution-plan", "w.yaml", "-f", "json").json
    place.call("create", "w.yaml")
    by_id = place.call("-f", "json", "workflows", "execution-plan", "1").json
    assert (by_file["source"], by_id["source"], by_id["workflow_id"]) == ("spec", "database", 1)
    assert by_file["events"] == by_id["events"]
    assert [event["id"] for event in by_id["events"]] == ["start", "after_split", "after_work_jobs"]
    assert by_id["leaf_events"] == ["after_work_jobs"]


def test_files_that_jobs_exchange_are_part_of_the_plan(place):
    place.write(
        {
            "name": "w",
            "files": [{"name": "f", "path": "f.txt"}],
            "jobs": [
                {"name": "reads", "command": "cat ${files.input.f}"},
                {"name": "writes", "command": "date > ${files.output.f}"},
            ],
        }
    )
    assert "longest chain: 2 jobs: writes -> reads" in place.call("plan", "w.yaml").out


def test_a_graph_is_drawn_with_families_and_states(place):
    place.write(FAN)
    before = parse(place.call("graph", "w.yaml").out)
    assert [node["label"] for node in before.nodes.values()] == ["split", "work_*\n5 jobs", "merge"]
    place.run(code=1)
    after = parse(place.call("graph").out)
    assert after.nodes["n1"]["label"] == "work_*\n5 jobs\n4 completed\n1 failed"
    assert len({node["fillcolor"] for node in after.nodes.values()}) == 3
    assert len(parse(place.call("graph", "--expand").out).nodes) == 7
    assert place.call("graph", "-f", "mermaid").out.startswith("flowchart LR\n")
    document = place.call("graph", "1", "-f", "json").json
    assert document["nodes"][1]["jobs_by_status"] == {"completed": 4, "failed": 1}
    assert document["edges"] == [{"from": "n0", "to": "n1"}, {"from": "n1", "to": "n2"}]
    assert place.call("-f", "json", "graph").json == document


def test_names_that_look_like_the_language_are_names(place):
    name = 'a "quoted" \\N & <b> #35; end'
    place.write({"name": 'w"; }', "jobs": [{"name": name, "command": "true"}]})
    read = parse(place.call("graph", "w.yaml").out)
    assert (read.name, read.nodes["n0"]["label"]) == ('w"; }', name)
    assert '"' not in place.call("graph", "w.yaml", "-f", "mermaid").out.splitlines()[1][6:-2]


@pytest.mark.parametrize("command", ["plan", "graph"])
def test_a_wrong_target_is_explained(place, command):
    place.write("name: w\njobs:\n  - {name: a, command: x, depends_on: [b]}\n")
    answer = place.call(command, "w.yaml")
    assert (answer.code, answer.out) == (2, "")
    assert "w.yaml:3:" in answer.err
    assert place.call(command, "nothing.yaml").code == 2
    assert place.call(command, "7").code == 4
    assert place.call("graph", "w.yaml", "-f", "svg").code == 2


def test_a_plan_of_a_hundred_thousand_jobs_is_one_screen_in_a_few_seconds(place):
    jobs = [
        {"name": "a_{i}", "command": "true", "parameters": {"i": "1:50000"}},
        {"name": "b_{i}", "command": "true", "parameters": {"i": "1:50000"}, "depends_on_regexes": ["^a_"]},
    ]
    place.write({"name": "large", "jobs": jobs})
    answer = place.call("plan", "w.yaml", timeout=30)
    assert answer.code == 0
    assert len(answer.out.splitlines()) < 12
    assert len(place.call("graph", "w.yaml", timeout=30).out.splitlines()) < 12
