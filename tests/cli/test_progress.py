"""What ``run`` shows while it works, told by hand."""

import io
import json
import re
import threading
from pathlib import Path

import pytest

from torc_local.cli import progress
from torc_local.engine.fit import EVERYTHING
from torc_local.ground import clock
from torc_local.ground.errors import ExitCode
from torc_local.process.watching import Outcome, Progress, RunInfo
from torc_local.store.events import Event

INFO = RunInfo(
    workflow_id=1, workflow_name="w", run_id=2, how="resuming", total=100, finished=10, again=0, changed=0,
    runners=2, slots=4, hostname="node01", db_path=Path("out/torc.db"),
    cpus=8, memory_bytes=16 << 30, gpus=1, by_resources=True,
    budget=EVERYTHING,
)  # fmt: skip


class Terminal(io.StringIO):
    def isatty(self):
        return True


def failed(number):
    return Event(number, 0.0, "job_failed", number, f"job_{number}", "exit 1")


def at(seconds, **counts):
    return Progress(counts, 100, clock.monotonic() + seconds)


def end(code=ExitCode.FAILED, explanations=(), **counts):
    return Outcome(code, counts, 100, 129.0, tuple(explanations))


def told(style, *, stream=None):
    stream = stream or io.StringIO()
    return progress.watcher(style, stream), stream


def test_lines_have_a_first_a_last_and_one_each_half_minute_in_which_something_changed():
    watcher, stream = told("lines")
    watcher.started(INFO)
    watcher.progressed(at(1, completed=20, running=4))
    watcher.progressed(at(31, completed=40, running=4, failed=2))
    watcher.progressed(at(62, completed=40, running=4, failed=2))
    watcher.progressed(at(93, completed=41, running=4, failed=2))
    watcher.ended(end(completed=97, failed=2, canceled=1))
    lines = stream.getvalue().splitlines()
    assert len(lines) == 4
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d ", line) for line in lines)
    assert "start w how=resuming workflow=1 run=2 jobs=100 done=10 db=out/torc.db" in lines[0]
    assert "42/100 42.0% running=4 failed=2 rate=0.7/s eta=" in lines[1]
    assert "w finished with failures in 2m09s: 97 of 100 jobs completed, 2 failed, 1 could not run" in lines[3]


def test_the_lines_of_a_log(golden):
    """Moments are of whoever runs this, so they are left out."""
    watcher, stream = told("lines")
    watcher.started(INFO._replace(died=1, lost=2, claimed=3))
    watcher.event(failed(1))
    watcher.progressed(at(31, completed=60, running=4, failed=1, ready=35))
    watcher.event(failed(2)._replace(type="runner_lost", job_name=None, message="runner 3 on node02 was killed"))
    watcher.stopping("stopping: no new jobs")
    watcher.ended(end(ExitCode.INTERRUPTED, ["the time limit of 1h is over"], completed=62, failed=1, ready=37))
    golden.check("log", [re.sub(r"^\S+", "MOMENT", line) for line in stream.getvalue().splitlines()])


def test_a_bar_that_is_stopped_tells_no_more_when_the_rest_is_done(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    watcher, stream = told("bar", stream=Terminal())
    watcher.started(INFO)
    watcher.progressed(at(1, completed=50, running=50))
    watcher.stopping("stopping: no new jobs")
    watcher.progressed(at(2, completed=70, running=30))
    watcher.ended(end(ExitCode.INTERRUPTED, completed=70, ready=30))
    after = stream.getvalue().partition("stopping: no new jobs\n")[2]
    assert "70/100  stopping" in after
    assert "about" not in after.partition("70/100")[2]
    assert after.endswith("w stopped after 2m09s: 70 of 100 jobs completed, 30 left\n")


@pytest.mark.parametrize("style", ["lines", "bar"])
def test_twenty_failures_are_shown_and_the_rest_is_counted(style):
    watcher, stream = told(style)
    watcher.started(INFO)
    for number in range(1, 28):
        watcher.event(failed(number))
    watcher.ended(end(failed=27))
    text = stream.getvalue()
    assert "job_20" in text
    assert "job_22" not in text
    assert "... and 7 more failures:" in text
    assert "  job_*   exit 1   x 7 (first: job_21)" in text


def test_the_bar_reaches_the_end_when_the_rest_can_never_run(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    watcher, stream = told("bar", stream=Terminal())
    watcher.started(INFO)
    watcher.progressed(at(1, completed=50, running=3, ready=47))
    watcher.progressed(at(2, completed=50, failed=1, canceled=49))
    watcher.ended(end(completed=50, failed=1, canceled=49))
    text = stream.getvalue()
    assert "50.0%" in text
    assert "running 3  ready 47" in text
    assert "100.0%" in text
    assert "running 0  failed 1  could not run 49" in text


def test_the_bar_has_no_thread():
    watcher, _ = told("bar", stream=Terminal())
    watcher.started(INFO)
    assert threading.active_count() == 1
    watcher.ended(end())


def test_json_is_one_object_per_line():
    watcher, stream = told("json")
    watcher.started(INFO)
    watcher.progressed(at(2, completed=50))
    watcher.event(failed(3))
    watcher.stopping("stopping")
    watcher.ended(end(ExitCode.INTERRUPTED, ["why"], completed=50))
    objects = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [one["event"] for one in objects] == ["started", "progress", "job_failed", "stopping", "ended"]
    assert objects[0]["schema_version"] == 1
    assert objects[-1]["exit_code"] == 130
    assert objects[-1]["explanations"] == ["why"]


def test_none_says_only_what_could_not_be_done():
    watcher, stream = told("none")
    watcher.started(INFO)
    watcher.event(failed(1))
    watcher.ended(end(explanations=["job 'x' needs 8 gpus"]))
    assert stream.getvalue() == "error: job 'x' needs 8 gpus\n"


def test_nothing_to_do_is_one_sentence():
    watcher, stream = told("bar")
    watcher.started(INFO._replace(how="nothing to do"))
    watcher.ended(end(ExitCode.OK, completed=100))
    assert stream.getvalue() == "w: nothing to do, all 100 jobs completed before\n"


def test_auto_is_a_bar_on_a_terminal_and_lines_elsewhere(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    watcher, terminal = told("auto", stream=Terminal())
    watcher.started(INFO)
    watcher.ended(end())
    assert "|" in terminal.getvalue()
    monkeypatch.setenv("TERM", "dumb")
    for stream in (Terminal(), io.StringIO()):
        watcher, _ = told("auto", stream=stream)
        watcher.started(INFO)
        assert " start w " in stream.getvalue()


def test_a_screen_that_is_gone_does_not_disturb_the_run():
    class Gone(io.StringIO):
        def write(self, _):
            raise BrokenPipeError

    for style in ("bar", "lines", "json"):
        watcher, _ = told(style, stream=Gone())
        watcher.started(INFO)
        watcher.progressed(at(40, completed=3))
        watcher.ended(end())


def test_the_rate_is_that_of_the_last_seconds():
    rate = progress.Rate()
    assert rate.per_second() is None
    for second in range(20):
        rate.add(float(second), 0 if second < 10 else (second - 9) * 100)
    assert rate.per_second() == pytest.approx(100, rel=0.15)
    assert rate.remaining_s(1000) == pytest.approx(10, rel=0.15)


def test_how_long_the_rest_takes_is_told_once_ten_jobs_are_done():
    """Also of jobs that take minutes, of which the last seconds say nothing."""
    rate = progress.Rate()
    for done in range(12):
        rate.add(done * 60.0, done)
        rate.add(done * 60.0 + 59.0, done)
        assert (rate.remaining_s(10) is not None) == (done >= 10)
    assert rate.remaining_s(10) == pytest.approx(600, rel=0.1)
    assert len(rate._seen) < 40


def test_nothing_is_painted_more_often_than_four_times_a_second():
    class Counting(Terminal):
        paints = 0

        def write(self, text):
            self.paints += "/100" in text
            return super().write(text)

    stream = Counting()
    watcher, _ = told("bar", stream=stream)
    watcher.started(INFO)
    before = stream.paints
    for step in range(100):
        watcher.progressed(at(step / 100, completed=step))
    assert stream.paints - before <= 5
    watcher.ended(end(completed=99))
    assert "99/100" in stream.getvalue()


def test_a_look_that_fails_disturbs_nobody():
    def broken():
        raise RuntimeError

    for style in ("bar", "lines"):
        watcher, stream = told(style, stream=Terminal())
        watcher.started(INFO)
        watcher.event(failed(1))
        watcher.progressed(at(2, completed=1, running=1)._replace(db=broken))
        assert "job_1" in stream.getvalue()


def test_control_characters_of_job_names_are_escaped():
    watcher, stream = told("lines")
    watcher.started(INFO)
    watcher.event(failed(1)._replace(job_name="a\x1b[2J"))
    watcher.progressed(at(1, failed=1))
    assert "a\\x1b[2J" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()
