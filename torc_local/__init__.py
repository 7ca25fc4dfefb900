"""Run very many jobs with dependencies on one machine or one cluster, without a server."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torc_local import user_data as user_data
    from torc_local.functions import map_function_to_jobs as map_function_to_jobs
    from torc_local.orchestrator import Orchestrator as Orchestrator

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """``user_data``, ``Orchestrator`` and ``map_function_to_jobs``, loaded when they are used first."""
    places = {"user_data": "user_data", "Orchestrator": "orchestrator", "map_function_to_jobs": "functions"}
    if name in places:
        from importlib import import_module  # noqa: PLC0415

        found = import_module(f"torc_local.{places[name]}")
        return found if name == places[name] else getattr(found, name)
    raise AttributeError(f"module 'torc_local' has no attribute {name!r}")
