"""Writing JSON and JSON5."""

import json
import re
from typing import Any

from torc_local.spec.source import Unwritable

_Tree = Any  # whatever a reader makes

# Text in JSON has no line ends: what stands at the beginning of a line is a key.
_KEY = re.compile(r"^( *)\"([A-Za-z_$][A-Za-z0-9_$]*)\": ", re.MULTILINE)


def to_json(tree: _Tree) -> str:
    """The text of a document. Raises Unwritable for numbers that JSON does not have."""
    try:
        return _dump(tree, allow_nan=False)
    except ValueError:
        raise Unwritable("JSON has no number for infinity, and none for what is no number") from None


def to_json5(tree: _Tree) -> str:
    """The text of a document, with keys that need no quotes."""
    return _KEY.sub(r"\1\2: ", _dump(tree, allow_nan=True))


def _dump(tree: _Tree, *, allow_nan: bool) -> str:
    made = json.dumps(tree, indent=2, ensure_ascii=False, allow_nan=allow_nan)
    try:
        made.encode()
    except UnicodeEncodeError:  # half of a character, which only an escape can hold
        made = json.dumps(tree, indent=2, allow_nan=allow_nan)
    return made + "\n"
