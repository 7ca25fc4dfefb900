"""Starting one job as a child: prepared with its batch, spawned with one system call."""

import errno
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from torc_local.engine.failing import Recovery
from torc_local.engine.options import (
    COMBINED,
    NO_STDERR,
    NO_STDOUT,
    NONE,
    NOTHING,
    SEPARATE,
    Options,
    Settings,
    Stdio,
    stdio_of,
)
from torc_local.ground import private
from torc_local.ground.errors import StateError
from torc_local.ground.io import RECOVERY
from torc_local.process.command import LONGEST_ARGUMENT, Argv, Interpreter, changes_meaning
from torc_local.process.error_file import VARIABLE as ERROR_FILE_VARIABLE
from torc_local.process.error_file import ErrorFiles
from torc_local.process.room import NO_ROOM, NoRoom
from torc_local.process.segments import Segment
from torc_local.store.jobs import Claim

#: In each child's environment: which try at which job of which database it belongs to, and which runner started it.
#: Leftovers of a lost attempt are found by it, whatever session or group they moved to.
TOKEN_VARIABLE = "TORC_LOCAL_TOKEN"  # noqa: S105 - not a secret
RUNNER_VARIABLE = "TORC_LOCAL_RUNNER"
_TOKEN = TOKEN_VARIABLE.encode()
_ERROR_FILE = ERROR_FILE_VARIABLE.encode()

# All else is about the file, and bash knows what to do or what to say about it: a script without its first line, a
# program that is just being written, more words than the kernel takes.
_NO_ROOM = NO_ROOM - {errno.ENOSPC, errno.EDQUOT}


class Task(NamedTuple):
    """A claimed job, ready to be spawned."""

    claim: Claim
    options: Options
    command: str  # the whole line for bash
    argv: Argv
    environment: dict[bytes, bytes]  # what differs from job to job
    script: Path | None  # the file that holds its command, to be removed after it
    stdio: Stdio  # what becomes of its output
    is_peculiar: bool  # whether its environment has variables that others do not have

    @property
    def is_recovery(self) -> bool:
        """Whether it is a recovery script and not the job's command."""
        return bool(self.claim.io & RECOVERY)

    @property
    def error_file(self) -> bytes:
        """Where it may write why it fails."""
        return self.environment[_ERROR_FILE]

    @property
    def token(self) -> bytes:
        """The entry in its environment that no other attempt has."""
        return b"%s=%s" % (_TOKEN, self.environment[_TOKEN])


class Spawner:
    """Starts the jobs of one runner. The environment is encoded once; a few entries change per job.

    Takes over this process's standard input, output and error: from now on they are those of the jobs.
    ``to_default`` are the signals that this process ignores and jobs must not. ``gpu_variables`` tell a job which GPUs
    are its own; ``gives_gpus`` when the workflow has jobs that ask for any. ``options_of`` looks up what a job says.
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
        error_files: ErrorFiles,
        settings: Settings,
        options_of: Callable[[int], Options],
        to_default: Sequence[signal.Signals],
        gpu_variables: Sequence[str] = (),
        gives_gpus: bool = False,
    ) -> None:
        self._gpu_variables = [name.encode() for name in gpu_variables]
        self._gives_gpus = gives_gpus
        self._interpreter = Interpreter({**os.environ, **dict(settings.env)})
        self._options_of = options_of
        self._settings = settings
        self._stdio = stdio_of(settings, NONE)
        self._error_files = error_files
        self._token = f"{token}.{workflow_id}"
        self._scripts = output_dir / "scripts"
        self._environment = surroundings(
            workflow_id=workflow_id,
            run_id=run_id,
            runner_id=runner_id,
            db_path=db_path,
            token=token,
            output_dir=output_dir,
            settings=settings,
        )
        self._to_default = [int(kind) for kind in to_default]
        self._connected: Segment | None = None  # where our standard output and error lead, and in which way
        self._way = SEPARATE
        self._null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        os.dup2(self._null, 0)

    def prepare(self, claim: Claim, gpus: Sequence[str] = (), recovery: Recovery | None = None) -> Task:
        """Work out what to execute for a job; writes a file when its command is too long for an argument.

        Once ``gpus`` were given to any job, those that get none are told so: they would take those of others.
        ``recovery`` is executed instead of the command, by bash.
        """
        environment = {
            b"TORC_JOB_ID": b"%d" % claim.id,
            b"TORC_JOB_NAME": claim.name.encode(),
            b"TORC_ATTEMPT_ID": b"%d" % claim.attempt_id,
            _ERROR_FILE: self._error_files.path(claim.id, claim.attempt_id),
            _TOKEN: f"{self._token}.{claim.id}.{claim.attempt_id}".encode(),
        }
        if gpus:
            self._gives_gpus = True
        if self._gives_gpus:
            environment |= dict.fromkeys(self._gpu_variables, ",".join(gpus).encode())
        options, stdio, only_bash = NONE, self._stdio, False
        command = claim.command
        if claim.options_id is not None:
            options = self._options_of(claim.options_id)
            stdio = stdio_of(self._settings, options)
            environment |= _encoded(options.env)
            only_bash = changes_meaning(dict(options.env))
            if options.invocation_script is not None:
                command = f"{options.invocation_script} {command}"
        if recovery is not None:
            command, only_bash = recovery.script, True
            environment[b"TORC_RETURN_CODE"] = b"%d" % recovery.return_code
        is_peculiar = recovery is not None or bool(options.env)
        if len(command) > LONGEST_ARGUMENT // 4 and len(command.encode()) > LONGEST_ARGUMENT:
            script = self._write_script(claim, command)
            return Task(
                claim, options, command, self._interpreter.script(script), environment, script, stdio, is_peculiar
            )
        argv = self._interpreter.argv(command, only_bash=only_bash)
        return Task(claim, options, command, argv, environment, None, stdio, is_peculiar)

    def spawn(self, task: Task, files: Segment) -> int:
        """Start a job in its own process group, output appended to ``files``; its pid.

        Raises NoRoom when this machine cannot start processes now; a command that cannot be executed is not an
        error here: bash says so, and its exit status (126, 127) is the job's.
        """
        environment = self._environment
        if task.is_peculiar:
            environment = environment.copy()  # the next job must not get them, too
        environment.update(task.environment)
        try:
            return self._start(task.argv, environment, files, task.stdio.mode)
        except OSError as error:
            if error.errno in _NO_ROOM or task.script is not None:
                raise _cannot_start(error) from error
        try:
            return self._start(self._interpreter.shell(task.command), environment, files, task.stdio.mode)
        except OSError as error:
            raise _cannot_start(error) from error

    def _start(self, argv: Argv, environment: dict[bytes, bytes], files: Segment, way: str) -> int:
        if files is not self._connected or way != self._way:
            # Our own standard output and error become the job's. Asking posix_spawn for it costs nine system calls
            # a job (each redirection looks up the limit of descriptors, twice); this costs two when the files change.
            os.dup2(self._null if way in (NO_STDOUT, NOTHING) else files.stdout, 1)
            kept = files.stdout if way == COMBINED else files.stderr
            os.dup2(self._null if way in (NO_STDERR, NOTHING) else kept, 2)
            self._connected, self._way = files, way
        return os.posix_spawn(
            argv.path,
            argv.words,
            environment,
            setpgroup=0,
            setsigmask=(),
            setsigdef=self._to_default,
        )

    def _write_script(self, claim: Claim, command: str) -> Path:
        path = self._scripts / f"job{claim.id}-{claim.attempt_id}-{os.getpid()}.sh"
        try:
            private.make_own_directory(self._scripts)
            # Left over when the claim was given back and came to us again.
            path.unlink(missing_ok=True)
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with os.fdopen(fd, "wb") as file:
                file.write(command.encode() + b"\n")
        except OSError as error:
            why = os.strerror(error.errno or 0).lower()
            raise StateError(f"cannot write the command of job {claim.name!r} to {path}: {why}") from error
        return path


def path_to_us(path: str) -> str:
    """PATH for jobs: where no ``torc-local`` is on it, the directory of ours comes last.

    Jobs call it, also where nobody activated the virtual environment that it is in.
    """
    ours = Path(sys.executable).parent
    if shutil.which("torc-local", path=path) is not None or not (ours / "torc-local").exists():
        return path
    return f"{path}{os.pathsep}{ours}"


def surroundings(
    *,
    workflow_id: int,
    run_id: int,
    runner_id: int,
    db_path: Path,
    token: str,
    output_dir: Path,
    settings: Settings,
) -> dict[bytes, bytes]:
    """The environment that everything of a workflow gets from this runner, its jobs and its actions."""
    environment = {
        **os.environb,
        **_encoded(settings.env),
        b"TORC_WORKFLOW_ID": b"%d" % workflow_id,
        b"TORC_RUN_ID": b"%d" % run_id,
        # Absolute, for jobs that change their directory.
        b"TORC_OUTPUT_DIR": os.fsencode(output_dir.absolute()),
        b"TORC_LOCAL_DB": os.fsencode(db_path.absolute()),
        # Torc's is the address of its server. Here it is that of the database, which no client of Torc mistakes for
        # one, and a script that prints it finds it set.
        b"TORC_API_URL": db_path.absolute().as_uri().encode(),
        RUNNER_VARIABLE.encode(): f"{token}.{runner_id}".encode(),
    }
    if settings.submission_directory is not None:
        environment[b"TORC_WORKFLOW_SUBMISSION_DIR"] = settings.submission_directory.encode(errors="surrogateescape")
    return environment


def _encoded(variables: Iterable[tuple[str, str]]) -> dict[bytes, bytes]:
    return {name.encode(): value.encode() for name, value in variables}


def _cannot_start(error: OSError) -> StateError:
    kind = NoRoom if error.errno in _NO_ROOM else StateError
    why = os.strerror(error.errno or 0).lower()
    hint = {
        errno.EAGAIN: "too many processes: see the limits of this account (ulimit -u)",
        errno.ENOMEM: "no memory left on this machine: run fewer jobs at once (-j)",
        errno.E2BIG: "the environment is too large for the kernel: unset what jobs do not need",
    }.get(error.errno or 0)
    return kind(f"this machine cannot start jobs: {why}", hint=hint)


def signal_group(pid: int, kind: int) -> bool:
    """Signal a child's process group (0 only asks); False when nobody is left in it."""
    try:
        os.killpg(pid, kind)
    except (ProcessLookupError, PermissionError):
        return False
    return True
