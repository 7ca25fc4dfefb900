"""``failure_handlers``: what is done when a job fails with a certain return code (Torc).

A rule that names the code wins over one that matches all codes, wherever they stand. ``max_retries`` is the number of
attempts altogether: Torc compares it with the number of the attempt.
"""

from typing import NamedTuple

from torc_local.spec.environment import check_value
from torc_local.spec.fields import check_keys, text, truth, whole
from torc_local.spec.names import check_other_name
from torc_local.spec.places import Path
from torc_local.spec.problems import LINE, Problems
from torc_local.spec.wording import describe, quote

HANDLER_KEYS = frozenset({"name", "rules"})
RULE_KEYS = frozenset({"exit_codes", "match_all_exit_codes", "recovery_script", "max_retries"})

#: Attempts altogether where a rule does not say.
MOST_ATTEMPTS = 3

LARGEST_CODE = 255  # an exit status is one byte
SMALLEST_CODE = -64  # minus the last signal
_SIGNALED = -1  # Torc's return code for any signal
_SHELL = 128  # a shell's exit status for a child that was killed: 128 and the signal


class Rule(NamedTuple):
    """One rule of a handler."""

    exit_codes: tuple[int, ...] = ()
    match_all_exit_codes: bool = False
    recovery_script: str | None = None
    max_retries: int = MOST_ATTEMPTS  # attempts altogether

    def names(self, return_code: int) -> bool:
        """Whether it names this return code. A signal has three names: minus its number, what a shell says, and -1."""
        if return_code in self.exit_codes:
            return True
        return return_code < 0 and (_SIGNALED in self.exit_codes or _SHELL - return_code in self.exit_codes)


class Handler(NamedTuple):
    """A named list of rules."""

    name: str
    rules: tuple[Rule, ...]

    def rule_for(self, return_code: int) -> Rule | None:
        """The rule for this return code, or None."""
        named = (rule for rule in self.rules if rule.names(return_code))
        return next(named, None) or next((rule for rule in self.rules if rule.match_all_exit_codes), None)


def thawed(rows: tuple[tuple[str, tuple[tuple[object, ...], ...]], ...]) -> tuple[Handler, ...]:
    """Handlers from the plain tuples that JSON makes of them."""
    return tuple(Handler(name, tuple(Rule(*rule) for rule in rules)) for name, rules in rows)  # type: ignore[arg-type]


def read_handlers(value: object, problems: Problems) -> tuple[list[Handler], set[str]]:
    """Handlers in the order of the file, and the names of all, those with mistakes included."""
    path: Path = ("failure_handlers",)
    if value is None:
        return [], set()
    if not isinstance(value, list):
        problems.add(path, f"'failure_handlers' must be a list, not {describe(value)}", "begin each with '- name:'")
        return [], set()
    found: dict[str, Handler] = {}
    lines: dict[str, int] = {}
    for index, entry in enumerate(value):
        here = (*path, index)
        if not isinstance(entry, dict):
            problems.add(here, f"a failure handler must be a mapping, not {describe(entry)}", "begin it with '- name:'")
            continue
        name = _name(entry, here, problems)
        label = "in this failure handler" if name is None else f"in failure handler {quote(name)}"
        check_keys(entry, HANDLER_KEYS, {}, here, label, problems)
        rules = _rules(entry, here, label, problems)
        if name is None:
            continue
        if name in found:
            message = f"the name {quote(name)} is taken by the failure handler in line {LINE}"
            hint = "every failure handler needs its own name"
            problems.add((*here, "name"), message, hint, lines=[(*path, lines[name], "name")])
            continue
        lines[name] = index
        found[name] = Handler(name, tuple(rules))
    return list(found.values()), set(found)


def _name(entry: dict[str, object], here: Path, problems: Problems) -> str | None:
    name = text(entry.get("name"), "name", (*here, "name"), problems)
    if name is None:
        if entry.get("name") is None:
            problems.add(here, "this failure handler has no name", "jobs name it:  failure_handler: NAME")
        return None
    if (wrong := check_other_name(name)) is not None:
        problems.add((*here, "name"), f"the name of this failure handler {wrong[0]}", wrong[1])
    return name


def _rules(entry: dict[str, object], here: Path, label: str, problems: Problems) -> list[Rule]:
    rules, path = entry.get("rules"), (*here, "rules")
    if rules is None or rules == []:
        problems.add(path if "rules" in entry else here, f"there are no rules {label}", "add a list:  rules:")
        return []
    if not isinstance(rules, list):
        problems.add(path, f"'rules' must be a list, not {describe(rules)}", "begin each with '- exit_codes:'")
        return []
    return [_rule(rule, (*path, index), label, problems) for index, rule in enumerate(rules)]


def _rule(entry: object, here: Path, label: str, problems: Problems) -> Rule:
    if not isinstance(entry, dict):
        problems.add(here, f"a rule must be a mapping, not {describe(entry)}", "begin it with '- exit_codes:'")
        return Rule()
    check_keys(entry, RULE_KEYS, {}, here, f"in a rule {label}", problems)
    every = truth(
        entry.get("match_all_exit_codes"),
        "match_all_exit_codes",
        (*here, "match_all_exit_codes"),
        problems,
        default=False,
    )
    codes = _codes(entry.get("exit_codes"), (*here, "exit_codes"), problems)
    if not codes and not every and entry.get("exit_codes") in (None, []):
        problems.add(here, f"a rule {label} matches nothing", "name exit_codes, or say  match_all_exit_codes: true")
    most = whole(entry.get("max_retries"), "max_retries", (*here, "max_retries"), problems, default=MOST_ATTEMPTS)
    return Rule(tuple(codes), every, _script(entry, here, problems), most)


def _script(entry: dict[str, object], here: Path, problems: Problems) -> str | None:
    path = (*here, "recovery_script")
    script = text(entry.get("recovery_script"), "recovery_script", path, problems)
    if script is None:
        return None
    if not script or script.isspace():
        problems.add(path, "the recovery_script is empty", "leave the key out", at_key=True)
    elif (wrong := check_value("recovery_script", script)) is not None:
        problems.add(path, wrong)
    return script


def _codes(value: object, path: Path, problems: Problems) -> list[int]:
    if value is None:
        return []
    if not isinstance(value, list):
        hint = f"write it as a list: [{value}]" if isinstance(value, int) and not isinstance(value, bool) else None
        problems.add(path, f"'exit_codes' must be a list of whole numbers, not {describe(value)}", hint)
        return []
    found = []
    for index, code in enumerate(value):
        here = (*path, index)
        if isinstance(code, bool) or not isinstance(code, int):
            hint = f"write {code} without quotes" if isinstance(code, str) and code.isdecimal() else None
            problems.add(here, f"an exit code must be a whole number, not {describe(code)}", hint)
        elif code == 0:
            problems.add(here, "a job with exit code 0 has not failed", "leave it out")
        elif not SMALLEST_CODE <= code <= LARGEST_CODE:
            hint = f"from 1 to {LARGEST_CODE}; minus its number for a signal, -1 for any"
            problems.add(here, f"no job can end with exit code {code}", hint)
        else:
            found.append(code)
    return found
