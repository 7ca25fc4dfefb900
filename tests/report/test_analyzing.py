"""Which lines mean what, and that each is found once, whatever surrounds it."""

import pytest

from torc_local.report import analyzing
from torc_local.report.patterns import PATTERNS
from torc_local.store.outputs import AttemptOutput


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("did not write: out/a.txt", "Missing Output Files"),
        ("RuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB", "CUDA Out Of Memory"),
        ("torch.OutOfMemoryError: HIP out of memory", "CUDA Out Of Memory"),
        ("numpy.core._exceptions._ArrayMemoryError: Unable to allocate", "OOM Killed"),
        ("terminate called after throwing an instance of 'std::bad_alloc'", "OOM Killed"),
        ("slurmstepd: error: Detected 1 oom_kill event in StepId=3.0", "OOM Killed"),
        ("slurmstepd: error: *** JOB 7 ON n1 CANCELLED AT 2026-01-01 DUE TO TIME LIMIT ***", "Timeout"),
        ("bash: line 1: 4242 Segmentation fault      (core dumped) ./a.out", "Segmentation Fault"),
        ("killed by SIGSEGV", "Segmentation Fault"),
        ("OSError: [Errno 28] No space left on device: '/scratch/x'", "Disk Full"),
        ("cp: error writing 'x': Disk quota exceeded", "Disk Full"),
        ("bash: ./run.sh: Permission denied", "Permission Denied"),
        ("bash: line 1: gdalwarp: command not found", "Command Not Found"),
        ("/bin/sh: 1: gdalwarp: not found", "Command Not Found"),
        ("cat: in.txt: No such file or directory", "File Not Found"),
        ("curl: (6) Could not resolve host: example.org", "Connection Error"),
        ("thread 'main' panicked at src/main.rs:4:5:", "Rust Panic"),
        ("thread 'main' (12) panicked at src/main.rs:4:5:", "Rust Panic"),
        ("Traceback (most recent call last):", "Python Exception"),
        ("ValueError: bad", "Python Exception"),
        ("pkg.errors.BadError", "Python Exception"),
        ("srun: error: n1: task 0: Exited with exit code 1", "Slurm Error"),
        ("ERROR: it did not work", "Generic Error"),
        ("fatal: not a git repository", "Generic Error"),
        ("all is well, 0 errors", None),
        ("the terror of it", None),
        ("timeout=30 retries=3", None),
        ("loss 0.31 accuracy 0.92", None),
    ],
)
def test_a_line_means_the_first_pattern_that_it_matches(tmp_path, line, name):
    found = look(tmp_path, f"nothing\n{line}\nnothing\n".encode()).found
    assert [one.pattern.name for one in found] == ([] if name is None else [name])
    assert [(one.lines, one.examples[0].line_number) for one in found] == ([] if name is None else [(1, 2)])


def look(directory, stderr, *, before=b"ERROR of another\n", status="failed", reason=None, chosen=None):
    """Analyze what one attempt wrote behind ``before``, in a file that goes on with another's output."""
    (directory / "s.err").write_bytes(before + stderr + b"ERROR of the next\n")
    (directory / "s.out").write_bytes(b"")
    attempt = AttemptOutput(1, "j", 1, 1, status, reason, "s", 0, 0, len(before), len(stderr))
    return analyzing.analyze([attempt], directory, chosen)


def test_blocks_lines_without_end_and_bytes_that_are_no_text(tmp_path, monkeypatch):
    """Whatever the size of the blocks, each line is found once, with its number."""
    text = b"\xff\xfe\nERROR 1\n" + b"x" * 50 + b"\nfine\nERROR 2 Traceback (most recent call last)\n\nERROR 3"
    for size in (1, 7, 64, 1 << 20):
        monkeypatch.setattr(analyzing, "_BLOCK", size)
        found = look(tmp_path, text)
        by_name = {one.pattern.name: one for one in found.found}
        assert {name: one.lines for name, one in by_name.items()} == {"Python Exception": 1, "Generic Error": 2}
        assert [e.line_number for e in by_name["Python Exception"].examples] == [5]
        assert [e.line_number for e in by_name["Generic Error"].examples] == [2], "one line of each job"
        assert found.bytes == len(text)


def test_a_line_that_never_ends_takes_no_memory_for_all_of_it(tmp_path, monkeypatch):
    monkeypatch.setattr(analyzing, "_BLOCK", 1000)
    monkeypatch.setattr(analyzing, "_LONGEST_LINE", 5000)
    found = look(tmp_path, b"x" * 100_000 + b" Permission denied " + b"y" * 100_000)
    assert [(one.pattern.name, one.lines) for one in found.found] == [("Permission Denied", 1)]
    assert [len(e.line) for one in found.found for e in one.examples] == [analyzing.WIDTH]
    files = analyzing._Files()
    pieces = [len(piece) for piece in files.blocks(analyzing.Source(tmp_path / "s.err", 0, None))]
    files.close()
    assert (max(pieces), sum(pieces)) == (6000, (tmp_path / "s.err").stat().st_size)


def test_the_reason_on_record_counts_and_so_does_the_rest_of_a_lost_attempt(tmp_path):
    found = look(tmp_path, b"", reason="oom: more than the 1 GiB of memory that it asks for\nmore")
    assert [(one.pattern.name, one.examples[0].stream) for one in found.found] == [("OOM Killed", "reason")]
    found = look(tmp_path, b"Permission denied\n", status="lost")
    assert [one.pattern.name for one in found.found] == ["Permission Denied", "Generic Error"]


def test_only_chosen_jobs_are_looked_at_and_files_that_are_gone_are_named(tmp_path):
    assert look(tmp_path, b"ERROR\n", chosen={2}).attempts == 0
    attempt = AttemptOutput(1, "j", 1, 1, "failed", None, "gone", 0, 5, 0, 0)
    found = analyzing.analyze([attempt], tmp_path, None)
    assert found.gone == [str(tmp_path / "gone.out")]
    assert analyzing.screen(found)[0].startswith("nothing of known meaning found")


def test_every_pattern_has_a_cure_and_says_how_bad_it_is():
    assert all(one.cure and one.severity in ("error", "warning") for one in PATTERNS)
    assert len({one.name for one in PATTERNS}) == len(PATTERNS)


def test_very_many_files_are_not_open_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(analyzing, "_MOST_OPEN", 2)
    attempts = []
    for number in range(1, 6):
        (tmp_path / f"s{number}.err").write_bytes(b"ERROR\n")
        attempts.append(AttemptOutput(number, f"j{number}", 1, 1, "failed", None, f"s{number}", 0, 0, 0, 6))
    (found,) = analyzing.analyze(attempts, tmp_path, None).found
    assert (found.lines, found.jobs, len(found.examples)) == (5, 5, 3)
