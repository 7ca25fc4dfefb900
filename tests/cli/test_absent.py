"""Words of Torc's command line that have no meaning without a server."""

import pytest

from torc_local.cli import absent
from torc_local.cli.words import ALIASES, VERBS


@pytest.mark.parametrize("word", sorted(absent.COMMANDS))
def test_a_command_of_torc_that_is_absent_says_why_and_what_to_do(process, word):
    answer = process(word)
    why, instead = absent.COMMANDS[word]
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == f"error: torc-local has no '{word}': {why}\n  hint: {instead}\n"


def test_the_same_holds_for_verbs(process):
    answer = process("workflows", "sync-status", "1")
    assert (answer.code, "has no 'workflows sync-status': what dead processes held" in answer.err) == (2, True)


@pytest.mark.parametrize("words", sorted(absent.VERBS))
def test_a_verb_of_torc_that_is_absent_says_why_and_what_to_do(call, words):
    answer = call(*words, "1")
    why, instead = absent.VERBS[words]
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == f"error: torc-local has no '{' '.join(words)}': {why}\n  hint: {instead}\n"


def test_nothing_is_absent_and_there_at_once():
    assert not set(absent.VERBS) & set(ALIASES)
    assert not set(absent.COMMANDS) & set(VERBS)


@pytest.mark.parametrize("word", sorted(VERBS))
def test_verbs_of_torc_without_a_noun_mean_ours(call, word):
    assert call(word, "--help").out == call(*VERBS[word], "--help").out
    assert "Options" in call(word, "--help").out


@pytest.mark.parametrize(
    "words", [["--url", "http://x", "status"], ["status", "--url", "http://x"], ["--password", "list"]]
)
def test_options_that_name_a_server_are_refused_with_the_reason(process, words):
    answer = process(*words)
    assert (answer.code, "there is no server here" in answer.err) == (2, True)


def test_the_other_spellings_of_torc_are_accepted(process, here):
    (here / "w.yaml").write_text("name: w\njobs:\n  - {name: a, command: echo a}\n")
    words = [
        "-s",
        "--no-prompts",
        "--log-level",
        "debug",
        "run",
        "w.yaml",
        "--max-parallel-jobs",
        "1",
        "--poll-interval",
        "0.5",
        "--skip-checks",
        "--progress",
        "none",
    ]
    assert process(*words).code == 0
    assert process("workflows", "status", "1").code == 0
    assert process("create", "w.yaml", "--skip-checks").code == 0
    assert "default" in process("jobs", "list-resource-requirements", "1").out
