"""What lines of output are known to mean: the patterns of ``logs --analyze``, in the order in which they are tried.

Torc's, with those added that need their own cure. A line counts for the first one that it matches.
"""

import re
from typing import NamedTuple


class Pattern(NamedTuple):
    """A kind of line; ``cure`` is what to do about it."""

    name: str
    severity: str  # error or warning
    regex: str
    cure: str


PATTERNS = (
    Pattern(
        "Missing Output Files",
        "error",
        r"missing (?:declared )?outputs?\b|did not write|output files? (?:is|are|was|were) missing",
        "see that the job writes what the workflow file says, in the directory where run is called",
    ),
    Pattern(
        "CUDA Out Of Memory",
        "error",
        r"CUDA(?: error)?: out of memory|CUDA out of memory|torch\.(?:cuda\.)?OutOfMemoryError"
        r"|CUDA_ERROR_OUT_OF_MEMORY|cudaErrorMemoryAllocation|HIP out of memory",
        "ask for more GPUs, or let the job use less memory of each (smaller batches)",
    ),
    Pattern(
        "OOM Killed",
        "error",
        r"oom: more than|out of memory|oom[-_ ]?kill|perhaps for want of memory|killed for want of memory"
        r"|MemoryError|std::bad_alloc|cannot allocate memory|OutOfMemory",
        "ask for more memory: torc-local recover raises it, torc-local recommend says how much was used",
    ),
    Pattern(
        "Timeout",
        "error",
        r"timeout: it ran for longer|DUE TO TIME LIMIT|CPU time limit exceeded|TimeoutError|TimeoutExpired"
        r"|deadline exceeded|timed out",
        "ask for more run time: torc-local recover raises it; or see what the job waits for",
    ),
    Pattern(
        "Segmentation Fault",
        "error",
        r"segmentation fault|SIGSEGV|SIGBUS|bus error|core dumped|SIGABRT|\bAborted\b",
        "a bug in the program, or in a library that does not fit it: look at a core file",
    ),
    Pattern(
        "Disk Full",
        "error",
        r"no space left on device|disk quota exceeded|ENOSPC|EDQUOT|file system (?:is )?full|disk full",
        "make room (df -h, quota), then torc-local retry",
    ),
    Pattern(
        "Permission Denied",
        "error",
        r"permission denied|operation not permitted|EACCES|PermissionError|not executable",
        "see who owns the file and how it may be used (ls -l), chmod +x for programs",
    ),
    Pattern(
        "Command Not Found",
        "error",
        r"command not found|: not found$|exec(?:vp|ve)?: .*no such file",
        "see that the program is installed, and in PATH on the node",
    ),
    Pattern(
        "File Not Found",
        "error",
        r"no such file or directory|FileNotFoundError|cannot open (?:shared object )?file|file not found|ENOENT",
        "see that the file is there, from the directory where run is called",
    ),
    Pattern(
        "Connection Error",
        "error",
        r"connection (?:refused|reset|timed out|aborted|error)|ConnectionError|could not resolve host"
        r"|name or service not known|network is unreachable|no route to host|temporary failure in name resolution",
        "see that the node reaches the other end; a failure_handler can try again",
    ),
    Pattern(
        "Rust Panic", "error", r"thread '.*' (?:\(\d+\) )?panicked at", "a bug in the program: report what it says"
    ),
    Pattern(
        "Python Exception",
        "error",
        r"Traceback \(most recent call last\)|^(?:[A-Za-z_][\w.]*\.)?[A-Z]\w*(?:Error|Exception)(?::|$)",
        "see the lines after it: torc-local logs JOB --stderr",
    ),
    Pattern(
        "Slurm Error",
        "error",
        r"slurmstepd: error|srun: error|sbatch: error|slurm_load_|CANCELLED AT",
        "see what Slurm says: torc-local slurm status, sacct",
    ),
    Pattern(
        "Generic Error",
        "warning",
        r"^\s*(?:\[?\d{4}-\d\d-\d\d\S*\]?\s+)?(?:fatal|error|critical)\b[: \]]|\bERROR\b|\bFATAL\b",
        "see what it wrote: torc-local logs JOB --stderr",
    ),
)

#: What has letters of one case in it above says nothing by their case but in names of classes and constants; so each is
#: compiled for itself, and only those that are words of sentences ignore it.
_CASE_MATTERS = frozenset({"Rust Panic", "Python Exception", "Generic Error"})


def compiled() -> list[tuple[Pattern, "re.Pattern[bytes]"]]:
    """The patterns over bytes, line by line."""
    return [
        (one, re.compile(one.regex.encode(), re.MULTILINE | (0 if one.name in _CASE_MATTERS else re.IGNORECASE)))
        for one in PATTERNS
    ]
