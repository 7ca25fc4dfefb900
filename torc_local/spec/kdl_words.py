"""The nodes of a workflow in KDL: which keys of the other formats they stand for.

Torc writes lists as repeated nodes with one argument; its own examples also use plural names and several arguments.
Both mean the same here. What Torc's KDL has no node for is written with the key of the other formats.
"""

from typing import NamedTuple

from torc_local.spec.actions import ACTION_KEYS
from torc_local.spec.declared import FILES, USER_DATA
from torc_local.spec.fields import FILE_KEYS, JOB_KEYS, RESOURCE_KEYS, USER_DATA_KEYS, WORKFLOW_KEYS
from torc_local.spec.handlers import HANDLER_KEYS, RULE_KEYS
from torc_local.spec.slurm import SCHEDULER_KEYS


class Level(NamedTuple):
    """The nodes that may stand at one level."""

    keys: frozenset[str]  # as in the other formats
    where: str  # for messages: "in the workflow"
    lists: dict[str, tuple[str, ...]]  # key of a list -> its nodes; the first is the one that is written
    entries: "dict[str, tuple[str, Level]]"  # key of a list of mappings -> the node that is one of them
    named: bool = True  # the argument of such a node is its name
    json: frozenset[str] = frozenset()  # keys whose value is text with JSON in it
    open: bool = False  # other keys may stand there too

    def nodes(self) -> frozenset[str]:
        """Every word that may begin a node."""
        return self.keys.union(*self.lists.values(), (node for node, _ in self.entries.values()))

    def usual(self) -> frozenset[str]:
        """Those that a person means: one ``job`` after the other, and not ``jobs``."""
        return self.nodes() - {key for key, (node, _) in self.entries.items() if node != key}


#: Lists that Torc reads from several arguments of one node.
ONE_NODE = frozenset({"use_parameters", "exit_codes"})


_EXPANDED: dict[str, tuple[str, ...]] = {"use_parameters": ("use_parameters",)}
_JOB_LISTS = {
    "depends_on": ("depends_on", "depends_on_job"),
    "depends_on_regexes": ("depends_on_regexes", "depends_on_regex"),
    **{key: (key.removesuffix("s"), key) for key in FILES.keys[:2]},
    **{key: (key,) for key in USER_DATA.keys[:2]},
    **{key: (key.removesuffix("es"), key) for key in (*FILES.keys[2:], *USER_DATA.keys[2:])},
    **_EXPANDED,
}

JOB = Level(JOB_KEYS, "in a job", _JOB_LISTS, {})
FILE = Level(FILE_KEYS, "in a file", _EXPANDED, {})
DATA = Level(USER_DATA_KEYS, "in user data", _EXPANDED, {}, json=frozenset({"data"}))
RESOURCES = Level(RESOURCE_KEYS, "in resource requirements", {}, {})
RULE = Level(RULE_KEYS, "in a rule", {"exit_codes": ("exit_codes", "exit_code")}, {}, named=False)
HANDLER = Level(HANDLER_KEYS, "in a failure handler", {}, {"rules": ("rule", RULE)})
SCHEDULER = Level(SCHEDULER_KEYS, "in a Slurm scheduler", {}, {}, open=True)
ACTION = Level(
    ACTION_KEYS,
    "in an action",
    {"jobs": ("job", "jobs"), "commands": ("command", "commands"), "job_name_regexes": ("job_name_regexes",)},
    {},
    named=False,
)
WORKFLOW = Level(
    WORKFLOW_KEYS,
    "in the workflow",
    {},
    {
        "jobs": ("job", JOB),
        "files": ("file", FILE),
        "user_data": ("user_data", DATA),
        "resource_requirements": ("resource_requirements", RESOURCES),
        "failure_handlers": ("failure_handler", HANDLER),
        "slurm_schedulers": ("slurm_scheduler", SCHEDULER),
        "actions": ("action", ACTION),
    },
)
