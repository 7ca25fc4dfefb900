"""What was seen of an attempt, told more than once."""

import pytest

from tests.support.workflows import Stage, spec_of
from torc_local.store import usage


@pytest.mark.parametrize(("first", "second"), [(None, 5), (5, None), (5, 3), (3, 5), (None, None)])
def test_what_was_seen_never_goes_down(db, first, second):
    stage = Stage(db, spec_of({"a": []}))
    stage.begin()
    stage.run_all()
    one = usage.Usage(1, 1, 1, 10, 9, 1.0, 1.0, 1.0, 1, 0, 0, 1, "tree", first)
    with db.write("test"):
        usage.keep(db, [one])
        usage.keep(db, [one._replace(peak_memory_bytes=7, samples=2, source="process", peak_gpu_memory_bytes=second)])
    query = "SELECT peak_memory_bytes, source, samples, peak_gpu_memory_bytes FROM v_attempt_usage"
    (row,) = db.connection.execute(query).fetchall()
    assert row == (10, "tree", 2, max(first or 0, second or 0) or None)
