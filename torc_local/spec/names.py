"""Which names jobs and resource requirements may have.

A job's name is typed into shells, shown in tables and used by the author's own scripts as a file name, so it holds
letters, digits, marks and ASCII punctuation, and nothing that a file system or a terminal treats specially.
"""

import re
import unicodedata
from collections.abc import Sequence

from torc_local.spec.wording import quote

LONGEST_NAME = 255  # characters

_PLAIN = r"[A-Za-z0-9_][A-Za-z0-9_.:,=+@%-]{0,254}"
_ALL_PLAIN = re.compile(rf"(?:{_PLAIN}\n)*{_PLAIN}", re.ASCII)


def check_job_names(names: Sequence[str]) -> tuple[str, str, str] | None:
    """The first bad name with what is wrong and a hint, or None; 25,000 ordinary names take milliseconds."""
    joined = "\n".join(names)
    if _ALL_PLAIN.fullmatch(joined) and joined.count("\n") == len(names) - 1:
        return None
    for name in names:
        if (wrong := _job_name(name)) is not None:
            return (name, *wrong)
    return None


def check_other_name(name: str) -> tuple[str, str] | None:
    """What is wrong with the name of something that is not a job, with a hint, or None."""
    if not name.strip():
        return "is empty", "give it a name"
    if len(name) > LONGEST_NAME:
        return f"has {len(name):,} characters", f"at most {LONGEST_NAME} are allowed"
    for char in name:
        if unicodedata.category(char) in {"Cc", "Cs"}:
            return f"contains the control character {char!a}", "remove it"
    return None


def _job_name(name: str) -> tuple[str, str] | None:
    """What is wrong ("contains '/'") and what to do."""
    if not name.strip():
        return "is empty", "give the job a name"
    if len(name) > LONGEST_NAME:
        return f"has {len(name):,} characters", f"at most {LONGEST_NAME} are allowed"
    if name in {".", ".."}:
        return f"is {quote(name)}, which means a directory", "use letters or digits"
    if name.startswith("-"):
        return "begins with '-'", "a shell would read it as an option; begin with a letter or digit"
    if name != name.strip(" "):
        return "begins or ends with a space", "remove the space"
    for char in name:
        if (wrong := _character(char)) is not None:
            return wrong
    return None


def _character(char: str) -> tuple[str, str] | None:
    if char == "/":
        return "contains '/'", "job names become file names; write '-' or '_' instead"
    if char == " " or (char.isascii() and char.isprintable()):
        return None
    category = unicodedata.category(char)
    if category == "Cc":
        return f"contains the control character {char!a}", "use letters, digits, '_', '-' and '.'"
    if category[0] in "LMN":
        return None
    what = unicodedata.name(char, "a character without a name").lower()
    return f"contains {char!a} ({what})", "use letters, digits, spaces and ASCII punctuation"
