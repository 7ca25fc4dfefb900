"""Run very many jobs with dependencies on one machine or one cluster, without a server."""

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """``torc_local.user_data`` and ``torc_local.Orchestrator``, loaded when they are used first."""
    if name in {"user_data", "Orchestrator"}:
        from importlib import import_module  # noqa: PLC0415

        if name == "user_data":
            return import_module("torc_local.user_data")
        return import_module("torc_local.orchestrator").Orchestrator
    raise AttributeError(f"module 'torc_local' has no attribute {name!r}")
