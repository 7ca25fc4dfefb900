"""Dependencies become interned sets; unknown names, idle regexes and cycles are errors."""

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torc_local.ground.errors import SpecError
from torc_local.spec.cycles import find_cycle
from torc_local.spec.load import loads
from torc_local.spec.patterns import check_pattern, match_all


def test_equal_sets_exist_once_however_they_are_written(read, jobs):
    spec = read(
        jobs(
            "name: a1",
            "name: a2",
            "name: b, depends_on: [a2, a1, a2]",
            "name: c, depends_on_regexes: ['^a']",
            "name: 'd{i}', parameters: {i: '1:3'}, depends_on: [a1, a2]",
        )
    )
    assert spec.sets == ((0, 1),)
    assert {job.waits_for for job in spec.jobs[2:]} == {(0,)}
    assert spec.dependency_count == 10


def test_all_to_all_is_one_set(read, jobs):
    spec = read(
        jobs(
            "name: 'a{i}', parameters: {i: '1:25000'}",
            "name: 'b{i}', parameters: {i: '1:25000'}, depends_on_regexes: ['^a']",
        )
    )
    assert [len(members) for members in spec.sets] == [25_000]
    assert spec.dependency_count == 625_000_000


def test_a_list_shared_by_an_alias_is_one_set(read):
    names = ", ".join(f"a{i}" for i in range(3000))
    rows = ["name: w\njobs:\n- {name: 'a{i}', command: x, parameters: {i: '0:2999'}}"]
    rows += [f"- {{name: b{i}, command: x, depends_on: {'*d' if i else f'&d [{names}]'}}}" for i in range(3000)]
    spec = read("\n".join(rows))
    assert len(spec.sets) == 1
    assert spec.dependency_count == 9_000_000


def test_a_job_waits_for_the_union_of_its_sets(read, jobs):
    spec = read(
        jobs("name: a1", "name: a2", "name: b", "name: c, depends_on: [a1, b], depends_on_regexes: ['^a', '2$']")
    )
    assert [spec.sets[w] for w in spec.jobs[3].waits_for] == [(0, 2), (0, 1), (1,)]
    assert spec.dependency_count == 3


def test_jobs_may_wait_for_later_ones(read, jobs):
    spec = read(jobs("name: a, depends_on: [b]", "name: b"))
    assert spec.sets == ((1,),)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("sim_1000", "the family sim_{i} has 1,000 jobs: sim_0 ... sim_999"),
        ("fitt", "did you mean 'fit'?"),
        ("zzz", None),
    ],
)
def test_an_unknown_dependency_suggests_what_was_meant(only, jobs, name, hint):
    problem = only(
        jobs(f"name: merge, depends_on: [fit, {name}]", "name: fit", "name: 'sim_{i}', parameters: {i: '0:999'}")
    )
    assert problem.message == f"job 'merge' depends on '{name}', which does not exist"
    assert problem.hint == hint
    assert (problem.line, problem.width) == (3, len(name))


def test_unknown_dependencies_of_a_large_file_are_reported_quickly(problems, jobs):
    text = jobs(
        *(f"name: job_number_{i}" for i in range(3000)),
        *(f"name: u{i}, depends_on: [job_numbr_{i}]" for i in range(300)),
    )
    began = time.perf_counter()
    assert len(problems(text)) == 100
    assert time.perf_counter() - began < 10


@pytest.mark.parametrize(
    ("regex", "message"),
    [
        ("(", "not valid: missing )"),
        ("zz", "matches no job"),
        ("a(?=b)", "look-around"),
        ("(?<!a)b", "look-around"),
        ("(a)\\1", "back-references"),
        ("a++", "possessive"),
        ("(?>a)", "atomic"),
        ("[[:alpha:]]", "POSIX"),
        ("a" * 1001, "at most 1,000"),
        ("(" * 500 + ")" * 500, "nested too deeply"),
    ],
)
def test_a_regex_that_torc_would_refuse_is_an_error_with_a_position(problems, jobs, regex, message):
    problem = problems(jobs("name: ab", f"name: c, depends_on_regexes: ['{regex}']"))[0]
    assert problem.line == 4
    assert message in problem.message


def test_rusts_spelling_of_a_named_group_and_of_the_end_is_read(read, jobs):
    spec = read(jobs("name: a1", "name: a2x", "name: b, depends_on_regexes: ['^a(?<n>[0-9])\\z']"))
    assert spec.sets == ((0,),)


def test_a_regex_that_backtracks_for_years_is_given_up(monkeypatch):
    monkeypatch.setattr("torc_local.spec.patterns.SLOWEST", 0.5)
    patterns = {text: check_pattern(text) for text in ["(b|c)+", "(a+)+$", "^a"]}
    found = match_all(patterns, ["a" * 40 + "b", "c"])
    assert found == {"(b|c)+": (0, 1), "(a+)+$": None, "^a": (0,)}


def test_anchored_regexes_of_many_instances_find_the_same_as_plain_search():
    names = [f"w_{i}_{k}" for i in range(30) for k in range(3)]
    patterns = {f"^w_{i}_": check_pattern(f"^w_{i}_") for i in range(30)}
    found = match_all(patterns, names)
    assert found == {f"^w_{i}_": (3 * i, 3 * i + 1, 3 * i + 2) for i in range(30)}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["name: a, depends_on: [a]"], "job 'a' depends on itself"),
        (["name: b", "name: a, depends_on_regexes: ['.']"], "job 'a' depends on itself"),
        (["name: a, depends_on: [b]", "name: b, depends_on: [a]"], "dependency cycle of 2 jobs: a -> b -> a"),
        (
            ["name: fit, depends_on: [select]", "name: score, depends_on: [fit]", "name: select, depends_on: [score]"],
            "dependency cycle of 3 jobs: fit -> score -> select -> fit",
        ),
    ],
)
def test_a_cycle_is_printed(only, jobs, rows, message):
    assert only(jobs(*rows)).message == message


def test_the_lines_of_a_cycle_are_named(only, jobs):
    assert only(jobs("name: a, depends_on: [b]", "name: x", "name: b, depends_on: [a]")).hint == "see lines 3, 5"


def test_a_cycle_of_families_is_found_without_counting_edges(only, jobs):
    problem = only(
        jobs(
            "name: 'a{i}', parameters: {i: '1:5000'}, depends_on_regexes: ['^b']",
            "name: 'b{i}', parameters: {i: '1:5000'}, depends_on_regexes: ['^a']",
        )
    )
    assert problem.message == "dependency cycle of 2 jobs: a1 -> b1 -> a1"


def test_a_long_chain_needs_no_recursion():
    size = 50_000
    waits = [(job,) for job in range(size - 1)] + [()]
    sets = [(job + 1,) for job in range(size - 1)]
    assert find_cycle(waits, sets) is None
    cycle = find_cycle([*waits[:-1], (size - 1,)], [*sets, (0,)])
    assert cycle is not None
    assert len(cycle) == size


edges = st.lists(st.tuples(st.integers(0, 14), st.integers(0, 14)), max_size=40)


def workflow(pairs):
    waits = {job: sorted({b for a, b in pairs if a == job}) for job in range(15)}
    rows = [f"- {{name: j{job}, command: x, depends_on: [{', '.join(f'j{b}' for b in waits[job])}]}}" for job in waits]
    return waits, ("name: w\njobs:\n" + "\n".join(rows)).encode()


@given(edges)
def test_a_graph_without_cycles_is_accepted_as_it_is(pairs):
    waits, text = workflow([(max(p), min(p)) for p in pairs if p[0] != p[1]])
    spec = loads(text, "w.yaml")
    assert [sorted(m for w in job.waits_for for m in spec.sets[w]) for job in spec.jobs] == list(waits.values())
    assert spec.dependency_count == sum(map(len, waits.values()))


@given(edges)
def test_a_reported_cycle_is_a_cycle(pairs):
    waits, text = workflow(pairs)
    try:
        loads(text, "w.yaml")
    except SpecError as error:
        message = error.problems[0].message
        if message.endswith("itself"):
            assert any(job in members for job, members in waits.items())
            return
        names = [int(word.strip()[1:]) for word in message.partition(": ")[2].split("->")]
        assert names[0] == names[-1]
        if "..." not in message:
            assert all(before in waits[after] for before, after in pairwise(names))
    else:
        done: set[int] = set()
        while len(done) < len(waits):
            ready = {job for job, members in waits.items() if job not in done and done.issuperset(members)}
            assert ready
            done |= ready
