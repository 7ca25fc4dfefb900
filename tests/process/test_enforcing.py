"""What is ended for its limits, by an enforcer that is driven by hand."""

import os
import signal
import subprocess
import time

import pytest

from torc_local.engine.limits import Allowance, Rules
from torc_local.ground import clock
from torc_local.process import enforcing, kernel, trees
from torc_local.process.enforcing import Enforcer, Watched
from torc_local.process.trees import Job

RULES = Rules(
    memory=True, runtime=True, oom_exit_code=137, timeout_exit_code=152, termination_signal=signal.SIGTERM,
    lead_s=5, headroom_s=60,
)  # fmt: skip


@pytest.fixture
def child():
    started = subprocess.Popen(["sleep", "60"], process_group=0)
    yield started
    started.kill()
    started.wait()


def watched(child, *, began, requirements=1):
    return Watched(Job(child.pid, b"TORC_LOCAL_TOKEN=nobody"), requirements, began)


def enforcer(**allowed):
    given = {1: Allowance(allowed.get("memory"), allowed.get("runtime"))}
    return Enforcer(RULES, lambda: given)


def test_a_deadline_is_met_to_the_moment_and_not_before(child):
    now = clock.monotonic()
    one = watched(child, began=now - 10)
    enforced = enforcer(runtime=10.4)
    enforced.look(now, lambda: [one])
    assert enforced.breaches == {}
    assert enforced.next_due == pytest.approx(now + 0.4)
    enforced.look(now + 0.3, lambda: pytest.fail("it is not due"))
    enforced.look(now + 0.41, lambda: [one])
    assert enforced.breaches[child.pid] == (
        152,
        "timeout: it ran for longer than the 10.4s that it asks for",
        now + 5.41,
        "failed",
    )
    assert child.wait(20) == -signal.SIGTERM


def test_who_has_ended_by_itself_is_not_ended_for_its_time():
    child = subprocess.Popen(["true"], process_group=0)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    enforced = enforcer(runtime=1)
    now = clock.monotonic()
    enforced.look(now, lambda: [watched(child, began=now - 10)])
    assert enforced.breaches == {}
    assert child.wait() == 0


def test_a_suspended_machine_runs_no_job(child, monkeypatch):
    now = clock.monotonic()
    monkeypatch.setattr(enforcing, "asleep_s", lambda: 100.0)
    enforced = enforcer(runtime=10)
    monkeypatch.setattr(enforcing, "asleep_s", lambda: 3700.0)
    one = watched(child, began=now - 3605)
    enforced.look(now, lambda: [one])
    assert enforced.breaches == {}
    enforced.look(now + 6, lambda: [one])
    assert list(enforced.breaches) == [child.pid]


def test_requirements_that_came_later_are_asked_for_once_and_not_while_the_database_is_locked(child):
    asked = []
    known: dict[int, Allowance] = {}

    def read():
        asked.append(len(known))
        return dict(known)

    enforced = Enforcer(RULES, read)
    known[1] = Allowance(None, 1.0)
    now = clock.monotonic()
    one, other = watched(child, began=now - 10), watched(child, began=now - 10, requirements=2)
    enforced.look(now, lambda: [other, one], may_read=False)
    assert (asked, enforced.breaches) == ([0], {})
    enforced.look(now + 1, lambda: [other, one])
    enforced.look(now + 2, lambda: [other, one])
    assert asked == [0, 1], "when it began, and once for both"
    assert list(enforced.breaches) == [child.pid]


def burns():
    until = time.process_time() + 0.05
    while time.process_time() < until:
        pass


@pytest.mark.parametrize(
    ("costs", "looks"),
    [(burns, range(1, 3)), (lambda: time.sleep(0.05), range(5, 8))],
    ids=["processor time", "waiting for a processor"],
)
def test_sampling_that_costs_much_is_done_less_often(child, monkeypatch, costs, looks):
    """On a node with very many processes; a hundredth of a processor is the most that it takes."""
    looked = []

    def slow():
        looked.append(time.monotonic())
        costs()
        return {}

    monkeypatch.setattr(trees, "table", slow)
    enforced = enforcer(memory=1 << 40)
    now = clock.monotonic()
    one = watched(child, began=now - 10)
    for step in range(12):  # six seconds, every half
        enforced.look(now + 0.51 * step, lambda: [one])
    assert len(looked) in looks
    assert enforced.breaches == {}


def test_a_kill_by_others_is_explained_where_anything_explains_it(monkeypatch):
    monkeypatch.setattr(kernel, "oom_kills", lambda: 3)
    enforced = enforcer(memory=1 << 30)
    assert enforced.suspicion(1, 1 << 20) == ""
    assert enforced.suspicion(2, 1 << 40) == ""
    assert "near the 1 GiB" in enforced.suspicion(1, 1000 << 20)
    monkeypatch.setattr(kernel, "oom_kills", lambda: 4)
    assert "the kernel killed" in enforced.suspicion(2, 5)
