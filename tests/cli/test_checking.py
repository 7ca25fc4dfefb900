"""`check` and `create`: what is wrong, where, and what to do."""

GOOD = "name: w\njobs:\n  - {name: a, command: echo a}\n  - {name: b, command: echo b, depends_on: [a]}\n"
BAD = """\
name: w
jobs:
  - name: a
    comand: echo a
  - name: b
    command: echo b
    depends_on: [aa]
"""


def test_a_good_file_is_summed_up(call, here):
    (here / "w.yaml").write_text(GOOD)
    assert call("check", "w.yaml") == (0, "w.yaml is valid: workflow 'w', 2 jobs, 1 dependency\n", "")


def test_the_summary_has_the_promised_keys(call, here):
    (here / "w.yaml").write_text(GOOD)
    assert call("check", "w.yaml", "-f", "json").json == {
        "schema_version": 1,
        "valid": True,
        "errors": [],
        "warnings": [],
        "summary": {
            "workflow_name": "w",
            "workflow_description": None,
            "job_count": 2,
            "job_count_before_expansion": 2,
            "dependency_count": 1,
            "file_count": 0,
            "file_count_before_expansion": 0,
            "user_data_count": 0,
            "resource_requirements_count": 0,
            "slurm_scheduler_count": 0,
            "action_count": 0,
            "has_schedule_nodes_action": False,
            "job_names": ["a", "b"],
            "scheduler_names": [],
        },
    }


def test_mistakes_are_shown_in_their_lines(call, here):
    (here / "w.yaml").write_text(BAD)
    answer = call("check", "w.yaml")
    assert (answer.code, answer.out) == (2, "")
    first = answer.err.split("\n\n")[0]
    assert first == (
        "w.yaml:4:5: error: unknown key 'comand' in job 'a'\n"
        "  |\n"
        "4 |     comand: echo a\n"
        "  |     ^^^^^^ did you mean 'command'?"
    )


def test_mistakes_as_json_have_positions_and_hints(call, here):
    (here / "w.yaml").write_text(BAD)
    answer = call("validate", "w.yaml", "-f", "json")
    assert (answer.code, answer.err) == (2, "")
    document = answer.json
    assert (document["valid"], document["summary"]) == (False, None)
    assert document["errors"][0] == {
        "file": "w.yaml",
        "line": 4,
        "column": 5,
        "message": "unknown key 'comand' in job 'a'",
        "hint": "did you mean 'command'?",
    }


def test_after_twenty_mistakes_the_rest_is_counted(call, here):
    (here / "w.yaml").write_text("name: w\njobs:\n" + "".join(f"  - {{name: a{i}, comand: x}}\n" for i in range(23)))
    answer = call("check", "w.yaml")
    assert answer.err.count(": error: ") == 20
    assert "and " in answer.err.splitlines()[-1]
    assert answer.err.splitlines()[-1].endswith(" more")


def test_a_missing_file_is_bad_input(call):
    answer = call("check", "nope.yaml")
    assert (answer.code, answer.out, answer.err) == (2, "", "nope.yaml: error: there is no such file\n")


def test_create_prints_the_id_and_nothing_else(call, here):
    (here / "w.yaml").write_text(GOOD)
    first = call("create", "w.yaml")
    assert (first.code, first.out) == (0, "1\n")
    assert "torc-local run 1" in first.err
    second = call("workflows", "create", "w.yaml", "-f", "json")
    assert (second.json, second.err) == ({"schema_version": 1, "workflow_id": 2}, "")
    assert call("status", "2", "-f", "json").json["jobs_by_status"]["ready"] == 1


def test_a_dry_run_of_create_only_checks(call, here):
    (here / "w.yaml").write_text(GOOD)
    assert call("create", "w.yaml", "--dry-run").code == 0
    assert not (here / "torc_output").exists()


def test_create_of_a_bad_file_makes_no_database(call, here):
    (here / "w.yaml").write_text(BAD)
    assert call("create", "w.yaml").code == 2
    assert not (here / "torc_output").exists()


def test_a_database_path_that_is_a_directory_is_state_trouble(call, here):
    (here / "w.yaml").write_text(GOOD)
    answer = call("create", "w.yaml", "--db", str(here))
    assert answer.code == 4
    assert "the database is a directory" in answer.err


def test_an_output_directory_that_is_a_file_is_state_trouble(call, here):
    (here / "w.yaml").write_text(GOOD)
    answer = call("create", "w.yaml", "-o", "w.yaml")
    assert answer.code == 4
    assert "not a directory" in answer.err
