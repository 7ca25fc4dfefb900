"""Finding what jobs wrote."""

import pytest

from tests.report.small import SMALL, Worked, store
from torc_local.ground.errors import InputError
from torc_local.report import output
from torc_local.store import jobs, opening
from torc_local.store.jobs import Mark


def write(path, suffix, content):
    place = path.parent / "stdio"
    place.mkdir(exist_ok=True)
    (place / f"node01.000{suffix}").write_bytes(content)


def test_output_is_exactly_the_recorded_bytes(db, path):
    write(path, ".out", b"." * 30 + b"a\0b\xff\n" + b"." * 50)
    found = output.find(db, 3, stderr=False, attempt=None)
    assert found is not None
    assert b"".join(output.pieces(found)) == b"a\0b\xff\n"


def test_standard_error_is_the_other_file(db, path):
    write(path, ".err", b"." * 600 + b"failed\n")
    found = output.find(db, 6, stderr=True, attempt=1)
    assert found is not None
    assert b"".join(output.pieces(found)) == b"failed\n"
    assert found.other_bytes == 5


def test_a_file_that_is_gone_is_a_sentence(db):
    found = output.find(db, 3, stderr=False, attempt=None)
    assert found is not None
    with pytest.raises(InputError, match="the output file is gone"):
        list(output.pieces(found))


def test_an_unknown_attempt_names_those_there_are(db):
    with pytest.raises(InputError, match="no attempt 2") as caught:
        output.find(db, 3, stderr=False, attempt=2)
    assert caught.value.hint == "attempts: 1"


def test_a_job_that_never_ran_has_no_output(db):
    assert output.find(db, 7, stderr=False, attempt=None) is None


def test_a_running_job_is_read_from_its_start_to_the_end_of_the_file(tmp_path):
    path = tmp_path / "t.db"
    write(path, ".out", b"....begin\n")
    with opening.open_or_create(path) as db:
        worked = Worked(db, store(db, SMALL))
        (claim,) = worked.claim()
        with db.write("test"):
            jobs.mark_running(
                db, worked.runner_id, [Mark(claim.id, claim.attempt_id, 1, worked.now, worked.segment, 4, 0)]
            )
        found = output.find(db, claim.id, stderr=False, attempt=None)
        assert found is not None
        assert found.live
        assert b"".join(output.pieces(found)) == b"begin\n"


@pytest.mark.parametrize("text", [b"", b"\n", b"a", b"a\n", b"a\nb", b"a\nb\n", b"\n\n\n", b"a\n\nb\n\n"])
@pytest.mark.parametrize("lines", [0, 1, 2, 3, 9])
@pytest.mark.parametrize("chunk", [1, 2, 1000])
def test_the_last_lines_are_the_last_lines_wherever_they_are_in_a_file(tmp_path, monkeypatch, text, lines, chunk):
    monkeypatch.setattr(output, "_CHUNK", chunk)
    path = tmp_path / "x.out"
    path.write_bytes(b"before\n" + text + b"after\n")
    place = output.Place(1, path, len(b"before\n"), len(text), 0)
    kept = text.splitlines(keepends=True)
    wanted = kept[max(0, len(kept) - lines) :] if lines else []
    assert b"".join(output.pieces(output.last(place, lines))) == b"".join(wanted)
    assert output.last_lines(place, lines) == [line.decode().rstrip("\n") for line in wanted]
    assert list(output.text_lines(place)) == [line.decode().rstrip("\n") for line in kept]
