"""Files with time series: ours, Torc's, and what is none."""

import apsw
import pytest

from torc_local.store import samples, series
from torc_local.store.samples import JobSample, NodeSample, NoSeriesError


def test_what_was_appended_is_read_again(tmp_path):
    path = tmp_path / "x.db"
    job, node = JobSample(1, 10, 50.0, 100, 2, 1, 0.5, 3, 4), NodeSample(10, None, 7, 1)
    samples.append(path, [(1, "a")], [job], [node])
    samples.append(path, [(2, "b")], [job._replace(job_id=2, timestamp=9)], [])
    found = samples.read(path)
    assert found.names == {1: "a", 2: "b"}
    assert found.jobs == [job._replace(job_id=2, timestamp=9), job], "in the order of time"
    assert found.nodes == [node]


def of_torc(path, columns="job_id, timestamp, cpu_percent, memory_bytes, num_processes"):
    connection = apsw.Connection(str(path))
    connection.execute(f"CREATE TABLE job_resource_samples ({columns})")
    connection.execute("CREATE TABLE job_metadata (job_id, job_name); INSERT INTO job_metadata VALUES (5, 'a')")
    connection.execute("INSERT INTO job_resource_samples VALUES (5, 1, 'x', 2.5, NULL)")
    connection.close()


def test_a_file_of_torc_is_read_and_values_are_numbers(tmp_path):
    of_torc(tmp_path / "x.db")
    found = samples.read(tmp_path / "x.db")
    assert (found.names, found.nodes) == ({5: "a"}, [])
    assert found.jobs == [JobSample(5, 1, 0.0, 2, 0, None, None, None, None)]


def test_what_is_no_time_series_says_why(tmp_path):
    of_torc(tmp_path / "x.db", "job_id, timestamp, cpu_percent, num_processes, more")
    (tmp_path / "text.db").write_text("no database at all, but some text" * 100)
    apsw.Connection(str(tmp_path / "empty.db")).execute("CREATE TABLE t (x)")
    why = {"x": "column memory_bytes", "text": "not a database", "empty": "no table", "absent": "unable to open"}
    for name, words in why.items():
        with pytest.raises(NoSeriesError, match=words):
            samples.read(tmp_path / f"{name}.db")
    assert not (tmp_path / "absent.db").exists()


def test_a_curve_is_of_what_was_seen_since_a_moment(tmp_path):
    """What an earlier attempt did is left out, and the points are spread over what is left."""
    path = tmp_path / "x.db"
    job = JobSample(1, 10, 50.0, 100, 2, 1, 0.5, 3, 4)
    rows = [job._replace(timestamp=at, cpu_percent=at) for at in (10, 20, 1000, 1001, 1002)]
    samples.append(path, [(1, "a")], [*rows, job._replace(job_id=2)], [])
    found = series.of_jobs(path, {1: 1000.7, 2: 11.0, 3: 0.0}, 3)
    assert found == {1: [(1000, 1000.0, 100), (1001, 1001.0, 100), (1002, 1002.0, 100)]}
