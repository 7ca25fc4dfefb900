"""Experiments on SQLite under write contention; see ``__main__.py``."""
