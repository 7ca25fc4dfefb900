"""Reports in a real browser: no network, nothing on the console, 100,000 jobs scroll, sort and filter."""

import csv
import json

import pytest

from tests.browser import chromium
from tests.report.small import Worked, job, small_database, spec, store
from tests.support.waiting import wait_for
from torc_local.report import content
from torc_local.report.page import making
from torc_local.store import opening, workflows

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium.missing() is not None, reason=f"no browser: {chromium.missing()}"),
]

JOBS = 100_000
HOSTILE = "</script><img src=x onerror=document.title='stung'>"
READY = "document.documentElement.dataset.ready === 'yes'"
ROWS = "document.querySelectorAll('.jobs .row.data')"


@pytest.fixture(scope="module")
def browser():
    with chromium.Browser() as opened:
        yield opened


def write(db, path):
    workflow = workflows.get(db, 1)
    assert workflow is not None
    path.write_text("".join(making.pieces(content.gather(db, workflow, command="torc-local"))), "utf-8")
    return path


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Seven jobs, one of which failed, two of which wrote something."""
    root = tmp_path_factory.mktemp("small")
    with opening.open_read_only(small_database(root / "torc.db")) as db:
        return write(db, root / "small.html")


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """So many jobs, as if they had run on two slots; every thousandth failed."""
    root = tmp_path_factory.mktemp("large")
    with opening.open_or_create(root / "torc.db") as db:
        listed = [job(f"sim_{number:06d}", command=f"simulate --seed {number}") for number in range(1, JOBS + 1)]
        Worked(db, store(db, spec("large", listed)))
        db.connection.execute(
            "INSERT INTO attempt SELECT id, 1, 1, 1, iif(id % 1000, 'completed', 'failed'),"
            " iif(id % 1000, NULL, 'exit 3'), iif(id % 1000, 0, 3), 1700000000.0 + id * 0.01,"
            " 1700000000.01 + id * 0.01 + (id % 7) * 0.001, (id % 7) * 0.001, 1048576 * (id % 50), NULL, 0, 0, 0, 0"
            " FROM job"
        )
        db.connection.execute("DROP TRIGGER job_move")  # from ready to their ends in one step
        db.connection.execute("UPDATE job SET status = iif(id % 1000, 'completed', 'failed')")
        db.connection.execute(
            "UPDATE job_count SET jobs = (SELECT count(*) FROM job j WHERE j.status = job_count.status)"
        )
        return write(db, root / "large.html")


def opened(browser, path, **how):
    browser.open(path, **how)
    browser.until(READY)
    return browser


def is_quiet(browser, path):
    assert browser.complaints == []
    assert browser.requests == [path.absolute().as_uri()]


def text_of(browser, part):
    return browser.run(f"document.getElementById('{part}').innerText")


def search_for(browser, words, found):
    browser.run(
        f"(() => {{ const search = document.querySelector('input[type=search]'); search.value = {json.dumps(words)};"
        " search.dispatchEvent(new Event('input')); })()"
    )
    browser.until(f"document.querySelector('#jobs output').value === {json.dumps(found)}")


@pytest.mark.parametrize("dark", [False, True])
def test_a_page_is_drawn_without_complaint_and_asks_for_nothing(browser, small, dark):
    opened(browser, small, dark=dark)
    is_quiet(browser, small)
    paper = browser.run("getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(255, 255, 255)") is not dark
    blank = browser.run(
        "[...document.querySelectorAll('canvas')].filter((one) => !one.getContext('2d').getImageData(0, 0, one.width,"
        " one.height).data.some((value) => value)).length"
    )
    assert browser.run("document.querySelectorAll('canvas').length") == 5
    assert blank == 0


def test_without_a_script_the_verdict_and_what_failed_are_there(browser, small):
    browser.open(small, script=False)
    is_quiet(browser, small)
    # Asked of the layout, because nothing can be evaluated in such a page.
    said = json.dumps(browser.ask("DOMSnapshot.captureSnapshot", computedStyles=[])["strings"])
    for words in ("small finished with failures in ", "5 completed", "exit code 3", "bash -c 'echo oops >&2; exit 3'",
                  "to do", "This table needs JavaScript."):  # fmt: skip
        assert words.lower() in said.lower()


@pytest.mark.parametrize("width", [480, 1280])
def test_a_page_is_never_wider_than_the_window(browser, small, width):
    opened(browser, small, width=width)
    assert browser.run("document.documentElement.scrollWidth") == width


def test_the_stretch_in_sight_follows_keys_and_buttons(browser, small):
    opened(browser, small)
    said = "document.querySelector('[data-zoom] output').value"
    seen = [browser.run(said)]

    def sees(*, again=None):
        """Another stretch than before; with ``again`` that one of those before."""
        other = f"{said} !== {json.dumps(seen[-1])}" if again is None else f"{said} === {json.dumps(seen[again])}"
        browser.until(other)
        seen.append(browser.run(said))

    browser.run("document.querySelector('canvas').focus()")
    for key in ("+", "ArrowRight"):
        browser.press(key)
        sees()
    assert len(set(seen)) == 3
    browser.press("ArrowLeft")
    sees(again=1)
    browser.press("0")
    sees(again=0)
    for part in ("in", "right"):
        browser.run(f"document.querySelector('[data-do={part}]').click()")
        sees()
    browser.run("document.querySelector('[data-do=left]').click()")
    sees(again=1)
    browser.run("document.querySelector('[data-do=all]').click()")
    sees(again=0)


def test_names_that_would_be_elements_stay_text_also_in_what_is_opened(browser, tmp_path):
    with opening.open_or_create(tmp_path / "torc.db") as db:
        made = spec(f"w{HOSTILE}", [job(f"bad{HOSTILE}", command=f"echo '{HOSTILE}'; exit 3"), job("b", 0)], [(0,)])
        worked = Worked(db, store(db, made))
        (claim,) = worked.claim()
        worked.claim(worked.result(claim)._replace(status="failed", return_code=3, reason=f"exit 3: {HOSTILE}"))
        page = write(db, tmp_path / "hostile.html")
    opened(browser, page)
    browser.run(f"{ROWS}[0].click()")
    browser.until("document.querySelector('.job-details h3') !== null")
    assert browser.run("document.querySelector('.job-details h3').textContent") == f"bad{HOSTILE}"
    assert browser.run("document.querySelectorAll('img, iframe, [onerror]').length") == 0
    assert "stung" not in browser.run("document.title").replace(HOSTILE, "")
    is_quiet(browser, page)


def test_a_hundred_thousand_jobs_scroll_sort_and_filter(browser, large):
    assert large.stat().st_size < 1_500_000
    opened(browser, large)
    is_quiet(browser, large)
    assert browser.run(f"{ROWS}.length") < 60, "only rows in sight exist"

    grid = "document.querySelector('.jobs')"
    browser.run(f"{grid}.scrollTop = {grid}.scrollHeight")
    browser.until(f"[...{ROWS}].at(-1).innerText.includes('sim_{JOBS:06d}')")
    usual = browser.run(
        "(async () => { const grid = document.querySelector('.jobs'); const taken = [];"
        " for (let step = 0; step < 40; step++) { grid.scrollTop = step * 60_000;"
        " const began = performance.now(); document.jobs.draw();"
        " taken.push(performance.now() - began);"
        " } return taken.sort((one, other) => one - other)[20]; })()"
    )
    assert usual < 100, "milliseconds for what is in sight, on a busy machine"

    search_for(browser, "--seed 4242", "11 of 100,000 jobs")
    assert browser.run(f"{ROWS}[0].innerText.includes('sim_004242')")
    browser.run(
        "(() => { document.querySelector('input[type=search]').value = '';"
        " const state = document.querySelector('#jobs select');"
        " state.value = [...state.options].find((one) => one.text.startsWith('failed')).value;"
        " state.dispatchEvent(new Event('input')); })()"
    )
    browser.until("document.querySelector('#jobs output').value === '100 of 100,000 jobs'")
    browser.run("document.querySelectorAll('.jobs .heads button')[0].click()")
    assert browser.run(f"{ROWS}[0].innerText.includes('sim_100000')"), "the largest id first"


def test_a_row_opens_by_key_and_tells_what_is_on_record(browser, large):
    opened(browser, large)
    browser.run("document.querySelector('.jobs').focus()")
    for key in ("ArrowDown", "ArrowDown", "Enter"):
        browser.press(key)
    said = browser.until("document.querySelector('.job-details').innerText")
    for words in ("sim_000003", "simulate --seed 3", "completed, code 0, after 0.01s", "3.0 MiB", "on node01"):
        assert words in said


def test_what_is_unpacked_is_what_was_packed(browser, large):
    opened(browser, large)
    columns = "document.jobs.report.columns"
    assert browser.run(f"{columns}.name.every((name, i) => name === `sim_${{String(i + 1).padStart(6, '0')}}`)")
    assert browser.run(f"{columns}.command.every((one, i) => one === `simulate --seed ${{i + 1}}`)")
    assert browser.run(f"{columns}.id.every((id, i) => id === i + 1)")
    assert browser.run(f"{columns}.duration.every((took, i) => Math.abs(took - 0.01 - ((i + 1) % 7) * 0.001) < 0.0001)")
    assert browser.run(f"{columns}.memory[48]") == pytest.approx(49 << 20, rel=0.005)
    assert browser.run(f"Math.abs({columns}.start[99_999] * document.jobs.report.step - 999.99) < 0.01")


def test_what_is_filtered_can_be_saved(browser, small):
    opened(browser, small)
    place = browser.downloads()

    def saved():
        """What both buttons save: rows of CSV, and items."""
        for number, name in ((0, "jobs.csv"), (1, "jobs.json")):
            browser.run(f"document.querySelectorAll('#jobs .controls button')[{number}].click()")
            wait_for((place / name).exists)
        rows, items = (place / "jobs.csv").read_text(), (place / "jobs.json").read_text()
        for path in place.iterdir():
            path.unlink()
        return list(csv.DictReader(rows.splitlines())), json.loads(items)

    rows, items = saved()
    assert [row["name"] for row in rows] == ["one_1", "one_2", "barrier", "two_1", "two_2", "bad", "after_bad"]
    assert [row["reason"] for row in rows][5:] == ["exit 3", ""]
    assert [item["run_s"] for item in items] == [1, 1, 1, 1, 1, 1, None]

    search_for(browser, "bad", "2 of 7 jobs")
    rows, items = saved()
    assert [row["name"] for row in rows] == [item["name"] for item in items] == ["bad", "after_bad"]
