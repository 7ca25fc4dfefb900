"""Curves for terminals, pages and programs, from samples that are known."""

import html.parser

import pytest

from torc_local.report import curve_page, curves
from torc_local.report.curves import binned, largest, mean, screen, spark, stretched, together
from torc_local.store.samples import JobSample, NodeSample, Series

MB = 1 << 20


def series():
    """Two jobs, the second of which begins when the first is half over, on a node that was looked at."""
    jobs = [JobSample(1, 100 + at, 10.0 * at, at * MB, 1, 1) for at in range(10)]
    jobs += [JobSample(2, 105 + at, 50.0, 100 * MB, 3, 2) for at in range(10)]
    nodes = [NodeSample(100 + at, 25.0, None, 1) for at in range(5)]
    return Series({1: "small", 2: "<large & 'old'>"}, sorted(jobs, key=lambda one: one.timestamp), nodes)


def found():
    return curves.curves(series(), node="n1", run_id=3)


def test_a_file_becomes_a_curve_of_its_node_and_of_each_job():
    node, small, large = found()
    assert (node.kind, node.name, node.memory_bytes) == ("node", "n1", [None] * 5)
    assert (small.name, small.times[0], small.lasted_s, small.peak_memory_bytes) == ("small", 100, 9, 9 * MB)
    assert (large.attempts, large.counts) == ([2] * 10, [3] * 10)


def test_what_is_older_than_the_workflow_is_of_another():
    assert [one.job_id for one in curves.curves(series(), node="n", run_id=1, since=110)] == [2]


def test_a_job_without_a_name_goes_by_its_id():
    (one,) = curves.curves(Series({}, [JobSample(7, 1, 0.0, 1, 1)], []), node="n", run_id=1)
    assert one.name == "job 7"


def test_the_largest_jobs_come_first_and_nodes_before_them():
    assert [one.name for one in largest(found(), 1)] == ["n1", "<large & 'old'>"]
    assert len(largest(found(), None)) == 3


def test_rows_have_what_is_promised_for_every_sample():
    rows = list(curves.items(found()))
    assert len(rows) == 25
    assert {tuple(row) for row in rows} == {curves.COLUMNS}
    assert (rows[0]["num_jobs"], rows[0]["job_name"], rows[-1]["num_processes"]) == (1, None, 3)
    assert rows[-1]["time"] == "1970-01-01T00:01:54.000000Z"


@pytest.mark.parametrize("width", [40, 80, 160])
def test_no_line_is_wider_than_the_screen(width):
    assert max(map(len, screen(found(), width=width))) <= width


def test_a_screen_says_peaks_and_means():
    lines = screen(found(), width=80)
    assert lines[0] == "node n1   run 3   5 samples in 4.00s"
    assert lines[1].endswith("peak 25%  mean 25%")
    assert lines[3] == "small (1)   on n1   10 samples in 9.00s"
    assert lines[5].startswith("  memory  ▁▁▁▁▁▁▂▂▂▃▃▃▄▄▄▅▅▅▆▆▆▇▇▇██████    ")
    assert lines[5].endswith("peak 9.0 MiB  mean 5.0 MiB")
    assert lines[7] == "<large & 'old'> (2)   on n1   attempt 2   10 samples in 9.00s"


def test_where_there_is_only_ascii_curves_are_ascii():
    assert "\n".join(screen(found(), width=80, plain=True)).isascii()


def test_names_cannot_act_on_a_terminal():
    (one,) = curves.curves(Series({1: "a\x1b[2J"}, [JobSample(1, 1, 0.0, 1, 1)], []), node="n", run_id=1)
    assert screen([one], width=80)[0].startswith("a\\x1b[2J (1)")


def test_a_peak_is_never_lost_and_gaps_are_filled():
    times, values = list(range(1000)), [1.0] * 1000
    values[617] = 9.0
    assert max(binned(times, values, 20)) == 9.0
    assert binned([0, 9], [1.0, 2.0], 10) == [1.0] * 9 + [2.0]
    assert binned([0, 1], [None, None], 2) == [0.0, 0.0]
    assert stretched([1.0, 2.0], 7) == [1.0] * 3 + [2.0] * 3


def test_a_curve_reaches_from_nothing_to_the_largest():
    assert spark([0, 4, 8], plain=False) == "▁▅█"
    assert spark([0, 0], plain=False) == "▁▁"


def test_a_mean_counts_time():
    assert mean([0, 1, 10], [0.0, 10.0, 20.0]) == pytest.approx(19)
    assert mean([5], [3.0]) == 3


def test_jobs_of_a_node_together():
    whole = together(found())
    assert whole is not None
    at = whole.times.index(107)
    assert (whole.memory_bytes[at], whole.counts[at], whole.cpu_percent[at]) == (107 * MB, 2, 120.0)
    assert (whole.memory_bytes[-1], whole.counts[-1]) == (0, 0)
    assert together(found()[:2]) is None


class Checked(html.parser.HTMLParser):
    """Every tag is closed, and nothing is fetched."""

    def __init__(self):
        super().__init__()
        self.open, self.text, self.pictures = [], "", 0

    def handle_starttag(self, tag, attributes):
        assert not {"src", "href"} & {name for name, _ in attributes}
        assert tag not in ("script", "link", "iframe")
        self.pictures += tag == "svg"
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_a_page_stands_alone_and_is_whole():
    checked = Checked()
    checked.feed(curve_page.page("a <b>", found(), ["how"]))
    assert checked.open == []
    assert checked.pictures == 5, "no memory of the node was measured"
    assert "<large & 'old'> (2), on n1, attempt 2, 10 samples" in checked.text
    assert "memory: peak 9.0 MiB, mean 5.0 MiB, over 9.00s" in checked.text


def test_a_page_with_very_many_samples_stays_small_and_keeps_the_peak():
    jobs = [JobSample(1, at, 500.0 if at == 40_000 else 1.0, MB, 1) for at in range(100_000)]
    text = curve_page.page("x", curves.curves(Series({}, jobs, []), node="n", run_id=1), [])
    assert len(text) < 20_000
    assert ",0 " in text.partition("<polyline")[2]
