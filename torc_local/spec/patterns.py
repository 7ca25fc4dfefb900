"""Regular expressions over all job names, in the dialect that Torc's (Rust's) and Python's share.

Rust's matcher is linear and has no look-around and no back-references; Python's backtracks. So what Rust would
refuse is refused here, and an expression that could backtrack for years is tried in a child process with a limit.
"""

import bisect
import json
import re
import re._parser as sre  # type: ignore[import-not-found]  # private, but the only description of what an expression does
import subprocess
import sys
import warnings
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from torc_local.spec.wording import printable

LONGEST_PATTERN = 1000  # characters
SLOWEST = 5.0  # seconds for all expressions that may backtrack, together
_MOST_TRIES = 50_000_000  # searches of one name with one expression

_Tree = Any  # what the parser of re makes: a sequence of (operation, argument)

_UNBOUNDED = 20  # repeats beyond this many count as endless
_FOREIGN = {
    "ASSERT": "look-around",
    "ASSERT_NOT": "look-around",
    "GROUPREF": "back-references",
    "GROUPREF_EXISTS": "conditional groups",
    "ATOMIC_GROUP": "atomic groups",
    "POSSESSIVE_REPEAT": "possessive repeats",
}
_CHILD = """
import json, re, sys, warnings
warnings.simplefilter("ignore")
patterns, names = json.load(sys.stdin)
for pattern in patterns:
    search = re.compile(pattern).search
    print(json.dumps([i for i, name in enumerate(names) if search(name)]), flush=True)
"""


class Pattern(NamedTuple):
    """A checked expression, the text that every match begins with, and whether it may backtrack for long."""

    compiled: re.Pattern[str]
    prefix: str  # of the name; empty when the expression is not anchored
    risky: bool


def check_pattern(pattern: str) -> Pattern:
    """Check one expression. Raises ValueError with a sentence for what Torc would refuse as well."""
    if len(pattern) > LONGEST_PATTERN:
        raise ValueError(f"this regex has {len(pattern):,} characters; at most {LONGEST_PATTERN:,} are read")
    if re.search(r"\[\[:\^?\w+:\]", pattern):
        raise ValueError("this regex uses a POSIX class such as [[:alpha:]]; write [a-zA-Z]")
    python = re.sub(r"\(\?<(?=[A-Za-z_])", "(?P<", pattern)
    python = re.sub(r"(?<!\\)((?:\\\\)*)\\z", r"\1\\Z", python)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = sre.parse(python)
            compiled = re.compile(python)
    except re.error as error:
        where = f" at character {error.pos + 1}" if error.pos is not None else ""
        raise ValueError(f"this regex is not valid: {error.msg}{where}") from None
    except (RecursionError, OverflowError):
        raise ValueError("this regex is nested too deeply") from None
    operations = list(_operations(tree, 0))
    for name, _ in operations:
        if name in _FOREIGN:
            raise ValueError(f"this regex uses {_FOREIGN[name]}, which Torc does not have")
    loops = [depth for name, depth in operations if name == "LOOP"]
    branching = any(name == "BRANCH" and depth for name, depth in operations)
    # Two endless repeats side by side cost the square of a name's length at worst: still microseconds.
    risky = len(loops) > 2 or any(loops) or branching  # noqa: PLR2004
    return Pattern(compiled, _prefix(tree), risky)


def match_all(patterns: dict[str, Pattern], names: Sequence[str]) -> dict[str, tuple[int, ...] | None]:
    """For every expression the ascending indexes of the names it is found in; None when it took too long."""
    found: dict[str, tuple[int, ...] | None] = {}
    calm = {text: pattern for text, pattern in patterns.items() if not pattern.risky}
    # Thousands of expressions are usually one per instance and anchored: a sorted index finds their few candidates.
    order = sorted(range(len(names)), key=names.__getitem__) if len(calm) > 8 else None  # noqa: PLR2004
    ordered = [names[i] for i in order] if order is not None else []
    tries = 0
    for text, pattern in calm.items():
        candidates: Iterable[int] = range(len(names))
        count = len(names)
        if order is not None and pattern.prefix:
            low = bisect.bisect_left(ordered, pattern.prefix)
            high = bisect.bisect_left(ordered, pattern.prefix + chr(sys.maxunicode), low)
            candidates = sorted(order[low:high])
            count = high - low
        tries += count
        if tries > _MOST_TRIES:
            found[text] = None
            continue
        search = pattern.compiled.search
        found[text] = tuple([i for i in candidates if search(names[i])])
    risky = [text for text, pattern in patterns.items() if pattern.risky]
    if risky:
        answers = _in_child([patterns[text].compiled.pattern for text in risky], names)
        found.update((text, answers[i] if i < len(answers) else None) for i, text in enumerate(risky))
    return found


def _in_child(patterns: list[str], names: Sequence[str]) -> list[tuple[int, ...]]:
    """Matches of the expressions that were done in time, from a process that can be ended."""
    sent = json.dumps([patterns, list(names)])
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _CHILD],
            input=sent,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            check=False,
            timeout=SLOWEST,
        )
        output = done.stdout
    except subprocess.TimeoutExpired as error:
        # What was read so far comes as bytes even in text mode.
        partial: bytes | None = error.stdout
        output = (partial or b"").decode()
    return [tuple(json.loads(line)) for line in output.splitlines(keepends=True) if line.endswith("\n")]


def _operations(tree: _Tree, depth: int) -> Iterable[tuple[str, int]]:
    """Every operation with the number of endless repeats around it; the parser has bounded the nesting already."""
    for operation, argument in tree:
        name = str(operation)
        if name in {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}:
            endless = argument[1] > _UNBOUNDED
            if endless:
                yield "LOOP", depth
            yield name, depth
            yield from _operations(argument[2], depth + endless)
            continue
        yield name, depth
        if name == "SUBPATTERN":
            yield from _operations(argument[3], depth)
        elif name == "BRANCH":
            for branch in argument[1]:
                yield from _operations(branch, depth)
        elif name == "ATOMIC_GROUP":
            yield from _operations(argument, depth)


def _prefix(tree: _Tree) -> str:
    """The text that every matching name begins with, for ``^sim_...``; empty when there is none."""
    operations = list(tree)
    if (
        not operations
        or str(operations[0][0]) != "AT"
        or str(operations[0][1]) != "AT_BEGINNING"
        or tree.state.flags & re.IGNORECASE
    ):
        return ""
    text = ""
    for operation, argument in operations[1:]:
        if str(operation) != "LITERAL":
            break
        text += chr(argument)
    return text


def shown(pattern: str) -> str:
    """An expression for a message: between slashes and cut to a readable length."""
    return f"/{printable(pattern[:80])}/"
