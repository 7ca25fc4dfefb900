"""JSON that was read back, as the tuples that it was written from."""

from collections.abc import Mapping
from typing import Any


def frozen(values: Mapping[str, object]) -> dict[str, Any]:
    """The values with tuples in place of lists, at any depth; mappings stay mappings."""
    return {name: _frozen(value) for name, value in values.items()}


def _frozen(value: object) -> object:
    if isinstance(value, list):
        return tuple(map(_frozen, value))
    return frozen(value) if isinstance(value, dict) else value
