"""Starting one job as a child, and what the kernel says of it afterwards."""

import errno
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from torc_local.ground.errors import StateError
from torc_local.process.command import LONGEST_ARGUMENT, Argv, Interpreter
from torc_local.process.segments import Segment
from torc_local.store.jobs import Claim

#: In each child's environment: which try at which job of which database it belongs to, and which runner started it.
#: Leftovers of a lost attempt are found by it, whatever session or group they moved to.
TOKEN_VARIABLE = "TORC_LOCAL_TOKEN"  # noqa: S105 - not a secret
RUNNER_VARIABLE = "TORC_LOCAL_RUNNER"

# exec refuses these files, and bash knows what to do or what to say: a script without its first line, for example.
_BASH_KNOWS = frozenset({errno.ENOENT, errno.EACCES, errno.ENOEXEC, errno.ENOTDIR, errno.ELOOP, errno.EISDIR})


class Exit(NamedTuple):
    """How a child ended: exit status, or minus the signal that ended it; CPU seconds; peak resident bytes."""

    return_code: int
    cpu_s: float
    peak_memory_bytes: int


class Spawner:
    """Starts the jobs of one runner. The environment is encoded once; four entries change per job.

    ``to_default`` are the signals that this process ignores and jobs must not.
    """

    def __init__(
        self,
        *,
        workflow_id: int,
        run_id: int,
        runner_id: int,
        db_path: Path,
        token: str,
        output_dir: Path,
        to_default: Sequence[signal.Signals],
    ) -> None:
        environment = dict(os.environ)
        self._interpreter = Interpreter(environment)
        self._token = f"{token}.{workflow_id}"
        self._scripts = output_dir / "scripts"
        self._environment = {
            **os.environb,
            b"TORC_WORKFLOW_ID": b"%d" % workflow_id,
            b"TORC_RUN_ID": b"%d" % run_id,
            b"TORC_OUTPUT_DIR": os.fsencode(output_dir),
            b"TORC_LOCAL_DB": os.fsencode(db_path),
            RUNNER_VARIABLE.encode(): f"{token}.{runner_id}".encode(),
        }
        self._to_default = to_default
        self._null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)

    def spawn(self, claim: Claim, segment: Segment) -> int:
        """Start a job in its own process group, output appended to the segment; its pid.

        Raises StateError when this machine cannot start processes now; a command that cannot be executed is not an
        error here: bash says so, and its exit status (126, 127) is the job's.
        """
        environment = self._environment
        environment[b"TORC_JOB_ID"] = b"%d" % claim.id
        environment[b"TORC_JOB_NAME"] = claim.name.encode()
        environment[b"TORC_ATTEMPT_ID"] = b"%d" % claim.attempt_id
        environment[b"TORC_LOCAL_TOKEN"] = f"{self._token}.{claim.id}.{claim.attempt_id}".encode()
        if len(claim.command) > LONGEST_ARGUMENT // 4 and len(claim.command.encode()) > LONGEST_ARGUMENT:
            return self._start(self._interpreter.script(self._write_script(claim)), segment)
        argv = self._interpreter.argv(claim.command)
        try:
            return self._start(argv, segment)
        except OSError as error:
            if error.errno not in _BASH_KNOWS:
                raise _cannot_start(error) from error
        try:
            return self._start(self._interpreter.shell(claim.command), segment)
        except OSError as error:
            raise _cannot_start(error) from error

    def _start(self, argv: Argv, segment: Segment) -> int:
        return os.posix_spawn(
            argv.path,
            argv.words,
            self._environment,
            file_actions=(
                (os.POSIX_SPAWN_DUP2, self._null, 0),
                (os.POSIX_SPAWN_DUP2, segment.stdout, 1),
                (os.POSIX_SPAWN_DUP2, segment.stderr, 2),
            ),
            setpgroup=0,
            setsigmask=(),
            setsigdef=self._to_default,
        )

    def _write_script(self, claim: Claim) -> Path:
        path = self._scripts / f"job{claim.id}-{claim.attempt_id}-{os.getpid()}.sh"
        try:
            self._scripts.mkdir(mode=0o700, parents=True, exist_ok=True)
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with os.fdopen(fd, "wb") as file:
                file.write(claim.command.encode() + b"\n")
        except OSError as error:
            message = (
                f"cannot write the command of job {claim.name!r} to {path}: {os.strerror(error.errno or 0).lower()}"
            )
            raise StateError(message) from error
        return path

    def forget(self, claim: Claim) -> None:
        """Remove what was written for a job that has ended."""
        if len(claim.command) > LONGEST_ARGUMENT // 4:
            for path in self._scripts.glob(f"job{claim.id}-{claim.attempt_id}-{os.getpid()}.sh"):
                path.unlink(missing_ok=True)


def _cannot_start(error: OSError) -> StateError:
    why = os.strerror(error.errno or 0).lower()
    hint = {
        errno.EAGAIN: "too many processes: see the limits of this account (ulimit -u)",
        errno.ENOMEM: "no memory left on this machine: run fewer jobs at once (-j)",
        errno.E2BIG: "the environment is too large for the kernel: unset what jobs do not need",
    }.get(error.errno or 0)
    return StateError(f"this machine cannot start jobs: {why}", hint=hint)


def reap(pid: int) -> Exit | None:
    """What became of a child, or None while it runs."""
    found, status, usage = os.wait4(pid, os.WNOHANG)
    if found == 0:
        return None
    # Linux counts ru_maxrss in KiB. It never reads below this runner's own size: before exec the child was its copy.
    return Exit(os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def signal_group(pid: int, kind: signal.Signals) -> bool:
    """Signal a child's process group; False when nobody is left in it."""
    try:
        os.killpg(pid, kind)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def group_lives(pid: int) -> bool:
    """Whether a child that was reaped has left others behind in its process group."""
    try:
        os.killpg(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
