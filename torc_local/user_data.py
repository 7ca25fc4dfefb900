"""User data from Python, inside a job: ``torc_local.user_data.get("name")`` and ``.put("name", value)``.

The same as ``torc-local user-data get`` and ``put``, without starting a program.
"""

import json
from typing import Any

from torc_local.cli import inside
from torc_local.ground.io import compact

_NO_DEFAULT = object()


def get(name: str, default: Any = _NO_DEFAULT) -> Any:  # noqa: ANN401 - whatever JSON can hold
    """The value; ``default`` when there is none yet, else KeyError. Raises InputError for unknown names."""
    data = inside.read(None, None, name)
    if data is not None:
        return json.loads(data)
    if default is _NO_DEFAULT:
        raise KeyError(name)
    return default


def put(name: str, value: Any) -> None:  # noqa: ANN401 - whatever JSON can hold
    """Replace the value. Raises ValueError when it is no JSON or too large, InputError for unknown names."""
    inside.write(None, None, name, compact(value))
