"""A parsed workflow as text in any format; what is read back is the same tree."""

from collections.abc import Callable
from typing import Any

from torc_local.spec.formats import Format
from torc_local.spec.json_text import to_json, to_json5
from torc_local.spec.kdl_text import to_kdl
from torc_local.spec.source import Unwritable
from torc_local.spec.yaml_text import to_yaml
from torc_local.spec.yaml_tree import MOST_NODES

_WRITERS: dict[Format, Callable[[Any], str]] = {
    Format.JSON: to_json,
    Format.JSON5: to_json5,
    Format.YAML: to_yaml,
    Format.KDL: to_kdl,
}


def to_text(tree: dict[str, Any], kind: Format) -> str:
    """The text of a workflow file. Raises Unwritable when the format cannot hold the tree."""
    if kind is not Format.YAML and _count(tree, {}) > MOST_NODES:
        raise Unwritable(f"aliases expand to more than {MOST_NODES:,} values; only YAML can hold them")
    return _WRITERS[kind](tree)


def _count(value: object, known: dict[int, int]) -> int:
    """Values when every alias is written out; each shared one is looked at once."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in known:
        known[id(value)] = 1 + sum(_count(v, known) for v in (value.values() if isinstance(value, dict) else value))
    return known[id(value)]
