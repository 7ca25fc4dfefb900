"""Run very many jobs with dependencies on one machine or one cluster, without a server."""

__version__ = "0.1.0"
