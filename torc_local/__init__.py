"""Run very many jobs with dependencies on one machine or one cluster, without a server."""

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """``torc_local.user_data``, loaded when it is used first."""
    if name == "user_data":
        from importlib import import_module  # noqa: PLC0415

        return import_module("torc_local.user_data")
    raise AttributeError(f"module 'torc_local' has no attribute {name!r}")
