"""The keys, for the last line of the screen and for the help."""

from torc_local.tui.paint import Styled

#: Key, what it does, and whether Torc's TUI has it.
KEYS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    (
        "move",
        (
            ("j k, arrows", "one row down or up"),
            ("PgDn PgUp", "one screen"),
            ("g G", "first and last row"),
            ("1 ... 6, Tab, Shift-Tab", "another list"),
        ),
    ),
    (
        "choose",
        (
            ("/ or f", "filter: part of a name, a pattern (sim_*), states (failed canceled); Esc clears it"),
            ("s", "sort jobs: in the order of the file, by name, the slowest first, the largest first"),
        ),
    ),
    (
        "look",
        (
            ("Enter", "all details of a job; the jobs of a group"),
            ("l", "what the job wrote"),
            ("e", "why it does not run, why it failed, why it would run again"),
            ("r", "look now; after trouble with the database: open it again"),
            ("A", "stop looking, go on looking"),
        ),
    ),
    (
        "change (each asks first)",
        (
            ("y", "retry: the job runs again, and everything after it"),
            ("c", "cancel the job"),
            ("t", "terminate the job, if it is running"),
            ("C", "cancel the workflow"),
        ),
    ),
    (
        "in what a job wrote",
        (
            ("Tab, o, e", "the other stream, output, errors"),
            ("f", "follow it while it grows"),
            ("g G PgUp PgDn", "first and last line, 20 lines"),
            ("/ n N", "search, next, previous"),
            ("y", "where it is"),
        ),
    ),
    ("leave", (("q", "back, or end"), ("?", "this help"))),
)

_FOOTERS = {
    "jobs": "Enter all  l log  e why  y retry  c cancel  / filter  s sort  ? help  q quit",
    "events": "Enter all  l log  e why  / filter  r refresh  1-6 lists  ? help  q quit",
}
_FOOTER = "Enter more  / filter  r refresh  1-6 lists  ? help  q quit"


def footer(tab: str) -> str:
    """The last line of the screen."""
    return _FOOTERS.get(tab, _FOOTER)


def lines() -> list[Styled]:
    """The help."""
    found: list[Styled] = []
    for head, listed in KEYS:
        found += [*([Styled("")] if found else []), Styled(head, "bold")]
        found += [Styled(f"  {key:<24}  {what}") for key, what in listed]
    return found
