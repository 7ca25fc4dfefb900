"""Files and user data: what jobs read and write implies their order, is checked, and is exchanged while they run."""

import json
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.behaviour

#: How a job calls the program: by the interpreter that runs the tests.
PROGRAM = f"{sys.executable} -m torc_local"


def workflow(jobs, **top):
    return {"name": "w", **top, "jobs": jobs}


def test_a_chain_of_tokens_runs_in_its_order(place):
    place.write(
        workflow(
            [
                {"name": "last", "command": "cat ${files.input.b} > ${files.output.c}"},
                {"name": "middle", "command": "cat ${files.input.a} > ${files.output.b}; echo 2 >> ${files.output.b}"},
                {"name": "first", "command": "sleep 0.1; echo 1 > ${files.output.a}"},
            ],
            files=[{"name": name, "path": f"{name}.txt"} for name in "abc"],
        )
    )
    place.run()
    assert place.text("c.txt") == "1\n2\n"


def test_a_job_that_does_not_write_its_output_has_failed(place):
    place.write(
        workflow(
            [
                {"name": "a", "command": "true", "output_files": ["f", "g"]},
                {"name": "b", "command": "touch ran", "input_files": ["f"]},
            ],
            files=[{"name": "f", "path": "f.txt"}, {"name": "g", "path": "g.txt"}],
        )
    )
    (place.root / "g.txt").touch()
    place.run(code=1)
    assert place.states() == {"a": "failed", "b": "canceled"}
    (result,) = place.results()
    assert (result["return_code"], result["reason"]) == (1, "output file is missing: f.txt")
    assert not (place.root / "ran").exists()


def test_a_failed_job_is_told_by_its_own_code_and_its_files_do_not_matter(place):
    place.write(
        workflow([{"name": "a", "command": "exit 7", "output_files": ["f"]}], files=[{"name": "f", "path": "f"}])
    )
    place.run(code=1)
    assert [(r["return_code"], r["reason"]) for r in place.results()] == [(7, "exit 7")]


def test_a_reason_names_some_of_many_missing_files(place):
    names = {"i": "1:9"}
    place.write(
        workflow(
            [{"name": "a", "command": "true", "output_file_regexes": ["^f"]}],
            files=[{"name": "f{i}", "path": "f{i}", "parameters": names}],
        )
    )
    place.run(code=1)
    assert place.results()[0]["reason"] == "9 output files are missing: f1, f2, f3, f4, f5 and 4 more"


def test_a_directory_and_a_link_are_outputs_and_a_link_into_nowhere_is_none(place):
    place.write(
        workflow(
            [
                {"name": "a", "command": "mkdir d; ln -s d l", "output_files": ["d", "l"]},
                {"name": "b", "command": "ln -s nowhere n", "output_files": ["n"]},
            ],
            files=[{"name": name, "path": name} for name in "dln"],
        )
    )
    place.run(code=1)
    assert place.states() == {"a": "completed", "b": "failed"}


def test_missing_inputs_stop_a_run_before_it_begins(place):
    place.write(
        workflow(
            [{"name": "a", "command": "touch ran", "input_file_regexes": ["^f"]}],
            files=[{"name": "f{i}", "path": "data/{i}.csv", "parameters": {"i": "1:25"}}],
        )
    )
    (place.root / "data").mkdir()
    (place.root / "data" / "3.csv").touch()
    said = place.run(code=2).err
    assert "error: 24 input files are missing that no job writes" in said
    assert "  data/1.csv (f1)\n" in said
    assert "data/3.csv" not in said
    assert "  and 4 more\n" in said
    assert "--force" in said
    assert place.states() == {"a": "ready"}


def test_a_run_goes_on_without_its_inputs_when_it_is_told_so(place):
    place.write(
        workflow([{"name": "a", "command": "touch ran", "input_files": ["f"]}], files=[{"name": "f", "path": "f"}])
    )
    assert "an input file is missing" in place.run(code=2).err
    place.run("--force")
    assert (place.root / "ran").exists()


def test_inputs_of_completed_jobs_are_not_asked_for_again(place):
    place.write(
        workflow(
            [
                {"name": "a", "command": "rm ${files.input.f}"},
                {"name": "b", "command": "test -e ready", "depends_on": ["a"]},
            ],
            files=[{"name": "f", "path": "f"}],
        )
    )
    (place.root / "f").touch()
    place.run(code=1)
    (place.root / "ready").touch()
    place.run()
    assert place.states() == {"a": "completed", "b": "completed"}


def test_user_data_that_nobody_writes_is_missed_even_with_force(place):
    place.write(
        workflow(
            [{"name": "a", "command": "echo '${user_data.input.u}' > out"}], user_data=[{"name": "u"}, {"name": "v"}]
        )
    )
    said = place.run("--force", code=2).err
    assert "error: user data is missing that jobs read and no job writes\n  u\n" in said
    assert place.call("user-data", "list-missing").out == "u\n"
    assert place.call("user-data", "put", "u", '{"b": 2, "a": [1]}').code == 0
    place.run()
    assert place.text("out") == '{"a":[1],"b":2}\n'


def test_what_a_job_puts_is_what_the_next_one_gets(place):
    """Torc 0.12 fills in tokens when the workflow is created, and drops the dependency when there is no data yet."""
    place.write(
        workflow(
            [
                {"name": "c", "command": "echo '${user_data.input.v}' > out"},
                {"name": "a", "command": f"{PROGRAM} user-data put u 1", "output_user_data": ["u"]},
                {
                    "name": "b",
                    "command": f"""{PROGRAM} user-data put v '{{"was": ${{user_data.input.u}}, "é": null}}'""",
                    "output_user_data": ["v"],
                },
            ],
            user_data=[{"name": "u", "data": 0}, {"name": "v"}],
        )
    )
    place.run()
    assert place.text("out") == '{"was":1,"é":null}\n'
    listed = {item["name"]: item for item in place.call("user-data", "list", "-f", "json").json["items"]}
    assert (listed["u"]["data"], listed["u"]["written_by"]) == (1, "a")
    assert (listed["v"]["data"], listed["v"]["written_by"]) == ({"was": 1, "é": None}, "b")


def test_a_job_gets_user_data_by_the_command_and_by_the_library(place):
    script = (
        "import torc_local; u = torc_local.user_data.get('u');"
        " torc_local.user_data.put('v', {'twice': 2 * u, 'none': torc_local.user_data.get('v', 'none yet')})"
    )
    place.write(
        workflow(
            [
                {"name": "a", "command": f'{sys.executable} -c "{script}"', "output_user_data": ["v"]},
                {"name": "b", "command": f"{PROGRAM} user-data get v > out", "input_user_data": ["v"]},
            ],
            user_data=[{"name": "u", "data": 21}, {"name": "v"}],
        )
    )
    place.run()
    assert place.text("out") == '{"none":"none yet","twice":42}\n'


def test_a_token_of_user_data_that_was_never_written_is_null(place):
    place.write(
        workflow(
            [
                {"name": "a", "command": "true", "output_user_data": ["u"]},
                {"name": "b", "command": "echo '${user_data.input.u}' > out"},
            ],
            user_data=[{"name": "u"}],
        )
    )
    place.run()
    assert place.text("out") == "null\n"


def test_large_user_data_fits_into_a_command(place):
    """The kernel takes arguments of at most 128 KiB."""
    place.write(
        workflow(
            [{"name": "a", "command": "cat <<'END' | wc -c > out\n${user_data.input.u}\nEND"}],
            user_data=[{"name": "u", "data": "x" * 600_000}],
        )
    )
    place.run()
    assert place.text("out") == "600003\n"


def test_many_jobs_put_at_once_and_all_of_it_is_kept(place):
    place.write(
        workflow(
            [
                {
                    "name": "put{i}",
                    "command": PROGRAM + " user-data put u{i} {i}",
                    "parameters": {"i": "1:12"},
                    "output_user_data": ["u{i}"],
                },
                {
                    "name": "sum",
                    "command": "echo $((" + " + ".join(f"${{user_data.input.u{i}}}" for i in range(1, 13)) + ")) > out",
                },
            ],
            user_data=[{"name": "u{i}", "parameters": {"i": "1:12"}}],
        )
    )
    place.run()
    assert place.text("out") == "78\n"


def test_an_attempt_that_was_given_up_writes_nothing_any_more(place):
    """It finds that its successor has begun: the first attempt passes its surroundings on, and fails."""
    late = f"TORC_ATTEMPT_ID=1 {PROGRAM} user-data put u '\"late\"'"
    place.write(
        workflow(
            [
                {
                    "name": "a",
                    "command": f"if [ $TORC_ATTEMPT_ID = 1 ]; then {PROGRAM} user-data put u '\"first\"'; exit 1; fi; "
                    f"{late}; echo $? > code",
                    "output_user_data": ["u"],
                }
            ],
            user_data=[{"name": "u"}],
        )
    )
    place.run(code=1)
    place.run()
    assert place.text("code") == "4\n"
    assert place.call("user-data", "get", "u").out == '"first"\n'


def test_ephemeral_user_data_is_cleared_when_its_writer_runs_again(place):
    command = f"{PROGRAM} user-data get {{0}} >> seen; {PROGRAM} user-data put {{0}} 2; test -e ready"
    place.write(
        workflow(
            [
                {"name": "a", "command": command.format("u"), "output_user_data": ["u"]},
                {"name": "b", "command": command.format("v"), "output_user_data": ["v"], "depends_on": ["a"],
                 "cancel_on_blocking_job_failure": False},
            ],
            user_data=[{"name": "u", "data": 1, "is_ephemeral": True}, {"name": "v", "data": 10}],
        )
    )  # fmt: skip
    place.run(code=1)
    (place.root / "ready").touch()
    place.run()
    assert place.text("seen").split() == ["1", "10", "1", "2"]


def test_parameterised_files_join_two_families(place):
    numbers = {"parameters": {"i": "1:5"}}
    place.write(
        workflow(
            [
                {"name": "use_{i}", "command": "cat ${files.input.part_{i:02d}} >> all.txt", **numbers},
                {"name": "make_{i}", "command": "echo {i} > ${files.output.part_{i:02d}}", **numbers},
            ],
            files=[{"name": "part_{i:02d}", "path": "part {i}.txt".replace(" ", "-"), **numbers}],
        )
    )
    place.run()
    assert sorted(place.text("all.txt").split()) == ["1", "2", "3", "4", "5"]


def test_a_barrier_through_files_waits_for_all_of_them(place):
    place.write(
        workflow(
            [
                {
                    "name": "b{i}",
                    "command": "cat f.* | wc -l >> out",
                    "parameters": {"i": "1:3"},
                    "input_file_regexes": ["^f"],
                },
                {"name": "a{i}", "command": "echo > ${files.output.f{i}}", "parameters": {"i": "1:12"}},
            ],
            files=[{"name": "f{i}", "path": "f.{i}", "parameters": {"i": "1:12"}}],
        )
    )
    place.run()
    assert place.text("out").split() == ["12", "12", "12"]


def test_a_job_may_change_its_input_in_place(place):
    place.write(
        workflow(
            [{"name": "a", "command": "echo 2 >> ${files.output.f}", "input_files": ["f"]}],
            files=[{"name": "f", "path": "f"}],
        )
    )
    (place.root / "f").write_text("1\n")
    place.run()
    assert place.text("f") == "1\n2\n"


def test_who_reads_waits_for_all_that_write_it(place):
    place.write(
        workflow(
            [
                {"name": "read", "command": "sort log > sorted", "input_files": ["log"]},
                {"name": "w1", "command": "echo 1 >> log", "output_files": ["log"]},
                {"name": "w2", "command": "sleep 0.2; echo 2 >> log", "output_files": ["log"]},
            ],
            files=[{"name": "log", "path": "log"}],
        )
    )
    place.run()
    assert place.text("sorted") == "1\n2\n"


def test_a_cycle_through_a_file_is_refused_before_anything_is_stored(place):
    place.write(
        workflow(
            [
                {"name": "a", "command": "x ${files.input.f} > ${files.output.g}"},
                {"name": "b", "command": "x ${files.input.g} > ${files.output.f}"},
            ],
            files=[{"name": "f", "path": "f"}, {"name": "g", "path": "g"}],
        )
    )
    said = place.run(code=2).err
    assert "dependency cycle of 2 jobs: a -> b -> a (through file 'g', file 'f')" in said
    assert not (place.root / "torc_output").exists()


def test_an_unknown_token_says_what_was_meant(place):
    place.write(workflow([{"name": "a", "command": "cat ${files.input.grids}"}], files=[{"name": "grid", "path": "g"}]))
    said = place.run(code=2).err
    assert "the command of job 'a' names the file 'grids', which does not exist" in said
    assert "did you mean 'grid'?" in said


def test_files_are_listed_with_what_must_be_there(place):
    place.write(
        workflow(
            [
                {"name": "a", "command": "cp ${files.input.in} ${files.output.mid}"},
                {"name": "b", "command": "exit 1", "input_files": ["mid"], "output_files": ["out"]},
            ],
            files=[{"name": name, "path": f"{name}.txt"} for name in ("in", "mid", "out")],
        )
    )
    (place.root / "in.txt").touch()
    place.run(code=1)
    items = place.call("files", "list", "-f", "json").json["items"]
    assert [(i["name"], i["is_input"], i["is_output"], i["exists"]) for i in items] == [
        ("in", True, False, True),
        ("mid", True, True, True),
        ("out", False, True, False),
    ]
    assert place.call("files", "list-required-existing").out == "in.txt\nmid.txt\n"
    assert place.call("files", "list").out.splitlines()[3].split() == ["out", "output", "missing", "out.txt"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["put", "u", "{"], "user data 'u': this is not JSON"),
        (["put", "u", "NaN"], "NaN is no number in JSON"),
        (["put", "u", "word"], "hint: text needs quotes"),
        (["put", "uu", "1"], "did you mean 'u'?"),
        (["get", "uu"], "workflow 1 has no user data 'uu'"),
        (["get", "u"], "user data 'u' has no data yet"),
        (["get"], "missing argument"),
        (["put", "u", "-w", "7", "1"], "workflow 7 has no user data 'u'"),
    ],
)
def test_a_mistake_with_user_data_is_explained(place, words, message):
    place.write(workflow([], user_data=[{"name": "u"}]))
    assert place.call("create", "w.yaml").code == 0
    answer = place.call("user-data", *words)
    assert answer.code == 2
    assert message in answer.err


def test_user_data_from_standard_input_has_a_limit(place):
    place.write(workflow([], user_data=[{"name": "u"}]))
    place.call("create", "w.yaml")
    assert place.call("user-data", "put", "u", "-", input='[1,\n "ü"]').code == 0
    assert place.call("user-data", "get", "u", env={"LC_ALL": "C", "PYTHONPATH": ":".join(sys.path)}).out == '[1,"ü"]\n'
    assert place.call("user-data", "put", "u", "-5").code == 0
    assert place.call("user-data", "get", "u").out == "-5\n"
    answer = place.call("user-data", "put", "u", "-", input=json.dumps("x" * (1 << 20)))
    assert answer.code == 2
    assert "at most 1,048,576 are kept" in answer.err
    assert place.call("user-data", "get", "u").out == "-5\n"


def test_reading_and_writing_user_data_loads_little(place):
    place.write(workflow([], user_data=[{"name": "u", "data": 1}]))
    place.call("create", "w.yaml")
    program = (
        "import sys; from torc_local.cli.main import main; code = main();"
        " print(*sorted(sys.modules), file=sys.stderr); sys.exit(code)"
    )
    for words in (["get", "u"], ["put", "u", "2"]):
        loaded = place.call("user-data", *words, program=program).err.split()
        assert not {"typer", "click", "yaml", "psutil", "tqdm", "difflib", "importlib.resources", "subprocess"} & {
            *loaded
        }
        assert len([name for name in loaded if name.startswith("torc_local")]) <= 24, loaded
        assert len(loaded) <= 140


def test_paths_are_those_of_the_directory_in_which_run_was_called(place):
    place.write(
        workflow(
            [{"name": "a", "command": "cp ${files.input.f} ${files.output.g}"}],
            files=[{"name": "f", "path": "f"}, {"name": "g", "path": "g"}],
        )
    )
    elsewhere = place.root / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "f").write_text("here")
    answer = place.call("run", "../w.yaml", "-j", "1", "-o", "../out", "--progress", "none", cwd=elsewhere)
    assert answer.code == 0, answer.err
    assert Path(elsewhere / "g").read_text() == "here"


def test_what_was_seen_is_on_record_when_a_job_completed(place):
    """What change detection compares with: the times of its files, the version of the user data that it got."""
    place.write(
        workflow(
            [
                {"name": "a", "command": "echo > ${files.output.f}", "input_files": ["in"]},
                {"name": "b", "command": "exit 1", "input_files": ["in"], "input_user_data": ["u"]},
                {"name": "c", "command": "true", "input_user_data": ["u"]},
            ],
            files=[{"name": "in", "path": "in"}, {"name": "f", "path": "f"}],
            user_data=[{"name": "u", "data": 1}],
        )
    )
    (place.root / "in").touch()
    place.run(code=1)
    files = place.rows(
        "SELECT j.name, f.name, u.mtime_at FROM job_file u JOIN job j ON j.id = u.job_id"
        " JOIN file f ON f.id = u.file_id"
    )
    times = {name: (place.root / name).stat().st_mtime for name in ("in", "f")}
    assert sorted(files, key=str) == [("a", "f", times["f"]), ("a", "in", times["in"]), ("b", "in", None)]
    assert place.rows("SELECT job_id, version FROM job_user_data") == [(2, None), (3, 0)]
