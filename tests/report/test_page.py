"""The page of a report: whole, closed to what others wrote, and packed so that it can be read again."""

import base64
import json
import random
import re
import string
import zlib
from html.parser import HTMLParser
from math import isnan, nan

import pytest

from tests.report.small import Worked, job, spec, store
from torc_local.report import content
from torc_local.report.page import data, making, packing
from torc_local.store import opening, workflows

HOSTILE = "</script><img src=x onerror=alert(1)>"


def page_of(db):
    workflow = workflows.get(db, 1)
    assert workflow is not None
    return "".join(making.pieces(content.gather(db, workflow, command="torc-local")))


class Elements(HTMLParser):
    """Every element with its attributes; void and unclosed ones are checked."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        assert self._open == [], "every element is closed"

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in ("meta", "br", "input"):
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open[-1:] not in (["script"], ["style"]):
            self.text += data


def unpacked(page):
    (text,) = re.findall(r'<script type="text/plain" id=packed>([A-Za-z0-9+/=]*)</script>', page)
    return zlib.decompress(base64.b64decode(text))


def test_the_page_has_all_parts_and_every_failure_without_a_script(db):
    read = Elements(page_of(db))
    ids = [attributes["id"] for tag, attributes in read.found if tag == "section"]
    assert ids == ["verdict", "failures", "advice", "timeline", "nodes", "groups", "outliers", "graph", "jobs",
                   "provenance", "method"]  # fmt: skip
    assert "small finished with failures in " in read.text
    assert "bash -c 'echo oops >&2; exit 3'" in read.text


def test_the_page_asks_for_nothing(db):
    page = page_of(db)
    for tag, attributes in Elements(page).found:
        assert tag not in ("link", "iframe", "object", "embed", "base", "form", "img")
        for name, value in attributes.items():
            assert name not in ("src", "srcset", "action", "ping")
            assert not name.startswith("on")
            assert name != "href" or value.startswith("#")
    assert "default-src 'none'" in page
    assert not re.search(r"url\(|@import|https?://", page.partition("</main>")[0])


@pytest.fixture
def hostile(tmp_path):
    with opening.open_or_create(tmp_path / "torc.db") as db:
        name = f"bad{HOSTILE}"
        made = spec(f"w{HOSTILE}", [job(name, command=f"echo '{HOSTILE}'; exit 3"), job(f"after{HOSTILE}", 0)], [(0,)])
        worked = Worked(db, store(db, made))
        (claim,) = worked.claim()
        segment = tmp_path / "stdio"
        segment.mkdir()
        (segment / "node01.000.err").write_bytes(b"x" * 100 + f"{HOSTILE}\x1b[31m\n".encode())
        worked.claim(
            worked.result(claim)._replace(
                status="failed", return_code=3, reason=f"exit 3: {HOSTILE}\n{HOSTILE}", stderr_bytes=80
            )
        )
        yield db


def test_nothing_that_others_wrote_is_an_element(hostile):
    page = page_of(hostile)
    read = Elements(page)
    assert not any(tag == "img" for tag, _ in read.found)
    assert page.count("</script>") == 2, "the packed jobs and ours"
    assert HOSTILE not in page
    assert read.text.count(HOSTILE) >= 6, "name, reason, line, command: told as text"
    assert "\x1b" not in page


def test_what_is_packed_is_what_was_there(hostile):
    content_bytes = unpacked(page_of(hostile))
    length = int.from_bytes(content_bytes[:4], "little")
    head = json.loads(content_bytes[4 : 4 + length])
    assert head["jobs"] == 2
    assert head["workflow"]["name"] == f"w{HOSTILE}"
    at, columns = 4 + length, {}
    for column in head["columns"]:
        columns[column["name"]] = content_bytes[at : at + column["bytes"]]
        at += column["bytes"]
    assert at == len(content_bytes)
    assert columns["name"].decode().split("\0") == [f"bad{HOSTILE}", f"after{HOSTILE}"]
    assert list(columns["tries"]) == [1, 0]
    assert head["reasons"][head["reason"]["0"]].startswith("exit 3: </script>")


@pytest.mark.parametrize(
    ("value", "read"),
    [(nan, None), (0.0, 0.0), (1e-13, 0.0), (1.0, 1.0), (0.012345, 0.0123), (999.6, 1000.0), (1e-12, 1e-12),
     (123456789.0, 123e6), (0.1, 0.1), (9.996, 10.0), (5e15, 5e15)],
)  # fmt: skip
def test_three_digits_are_kept(value, read):
    code = packing.three_digits(value)
    assert 0 <= code < 1 << 16
    if code == packing.NOTHING:
        assert read is None
        assert isnan(value)
    elif code == packing.ZERO:
        assert read == 0
    else:
        digits, exponent = (code - 2) % 900 + 100, (code - 2) // 900 - 14
        assert float(f"{digits}e{exponent}") == pytest.approx(read, rel=1e-9)


def test_names_that_count_on_are_a_letter_each():
    assert packing.names(["a_09", "a_10", "a_11", "a_13", "x", "x", "b_9", "b_10"]) == (
        "a_09\0\1\0\1\0a_13\0x\0x\0b_9\0\1"
    )


def test_commands_that_repeat_but_for_their_number_are_a_letter_each():
    listed = ["run --seed 1 -o out_001", "run --seed 2 -o out_002", "other"]
    assert packing.commands(listed, ["j_001", "j_002", "k"], 100) == "run --seed \3 -o out_\4\0\2\0other"


def test_commands_are_cut_when_they_would_take_too_much(monkeypatch):
    monkeypatch.setattr(packing, "COMMANDS_BYTES", 60)
    listed = ["".join(random.Random(j).choices(string.ascii_letters, k=300)) for j in range(3)]
    text, width = packing.fitting_commands(listed, ["a", "b", "c"])
    assert (text, width) == ("", 0)
    monkeypatch.setattr(packing, "COMMANDS_BYTES", 200)
    text, width = packing.fitting_commands(listed, ["a", "b", "c"])
    assert width == 40
    assert all(len(one) == 40 for one in text.split("\0"))


def test_a_reason_beyond_the_most_is_one_of_many():
    kept, place_of = packing.numbered(["a", "b", "a", "c"], 2, "(more)")
    assert kept == ["a", "b", "(more)"]
    assert [place_of(one) for one in "abc"] == [0, 1, 2]


def test_a_page_of_nothing_is_a_page(tmp_path):
    with opening.open_or_create(tmp_path / "torc.db") as db:
        store(db, spec("nothing", []))
        read = Elements(page_of(db))
    assert "nothing has no jobs" in read.text
    assert "Nothing has run." in read.text


def test_the_small_workflow_is_packed_with_its_waits(db):
    workflow = workflows.get(db, 1)
    assert workflow is not None
    found = content.gather(db, workflow, command="torc-local")
    waits = data._waits(found)
    assert waits[0] >= 0
    assert isnan(waits[6]), "what never ran did not wait for a runner"
