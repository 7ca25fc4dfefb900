"""From a job's command to what is executed: ``bash -c``, as in Torc, unless bash would change nothing.

A plain list of words whose first is a program is spawned directly: same result, a third cheaper. Whenever in doubt,
bash runs it.
"""

import os
import re
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

#: Longest command that fits in one argument (Linux: MAX_ARG_STRLEN is 128 KiB with the final NUL).
LONGEST_ARGUMENT = 128 * 1024 - 1

# Words that mean the same to bash and to us: no expansion, no operator, no comment, no history, nothing escaped.
_WORD = r"""(?:[A-Za-z0-9_@%+:,./-][A-Za-z0-9_@%+:,./=-]*|'[^'\n\0]*'|"[^"$`\\!\n\0]*")"""
_PLAIN = re.compile(rf"[ \t]*{_WORD}(?:[ \t]+{_WORD})*[ \t]*")
_WORDS = re.compile(_WORD)
_BARE = re.compile(r"[A-Za-z0-9_@%+:,./-]+")

# Builtins of bash (help -d) and its reserved words: what is outside of bash under these names may differ. Left out are
# true and false, which are the same everywhere, and echo, which _direct judges.
_BUILTINS = frozenset(
    """. : [ alias bg bind break builtin caller cd command compgen complete compopt continue declare dirs disown
    enable eval exec exit export fc fg getopts hash help history jobs kill let local logout mapfile popd printf
    pushd pwd read readarray readonly return set shift shopt source suspend test times trap type typeset ulimit
    umask unalias unset wait if then else elif fi case esac for select while until do done in function time coproc
    ! { } [[ ]]""".split()  # noqa: SIM905 - a list of seventy quoted words would be read by nobody
)


# Commands are UTF-8, whatever the locale (Python would encode them by it, and fail at letters that it lacks).
_SPEAKS_UTF8 = sys.getfilesystemencoding() == "utf-8"


class Argv(NamedTuple):
    """A program's path and its words, of which the first is the name it is called by."""

    path: str
    words: list[str] | list[bytes]


def changes_meaning(names: Iterable[str]) -> bool:
    """Whether variables with these names change what bash makes of a command: then only bash knows what it means."""
    return any(name in ("PATH", "SHELLOPTS") or name.startswith("BASH") for name in names)


class Interpreter:
    """Turns commands into argument lists; remembers where programs are."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._path = environment.get("PATH", os.defpath)
        self._found: dict[str, str | None] = {}
        self._bash = shutil.which("bash", path=self._path) or "/bin/bash"
        # These change what bash does before the first word.
        self._only_bash = "BASH_ENV" in environment or any(name.startswith("BASH_FUNC_") for name in environment)

    def argv(self, command: str, *, only_bash: bool = False) -> Argv:
        """What to execute for a command of at most LONGEST_ARGUMENT bytes; ``only_bash`` when bash must run it."""
        return (None if self._only_bash or only_bash else self._direct(command)) or self.shell(command)

    def shell(self, command: str) -> Argv:
        """The command through bash."""
        return Argv(self._bash, _encoded(["bash", "-c", command]))

    def script(self, file: Path) -> Argv:
        """A command that was written to a file because it is too long for an argument."""
        return Argv(self._bash, ["bash", str(file)])

    def _direct(self, command: str) -> Argv | None:
        if not _PLAIN.fullmatch(command):
            return None
        quoted = "'" in command or '"' in command
        words = _WORDS.findall(command) if quoted else command.split()
        path = self._where(words[0])
        # bash's echo and /bin/echo differ only in options (the pattern lets no backslash through).
        if path is None or (words[0] == "echo" and "-" in command):
            return None
        return Argv(path, _encoded([w[1:-1] if w[0] in "'\"" else w for w in words] if quoted else words))

    def _where(self, program: str) -> str | None:
        """The program's path; None when there is none, or when bash would not run it under this name."""
        # A relative path depends on the directory, which is the same for all jobs of a run.
        if program not in self._found:
            for_bash = not _BARE.fullmatch(program) or program in _BUILTINS
            self._found[program] = None if for_bash else shutil.which(program, path=self._path)
        return self._found[program]


def _encoded(words: list[str]) -> list[str] | list[bytes]:
    return words if _SPEAKS_UTF8 else [word.encode() for word in words]
