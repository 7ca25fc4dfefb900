"""The fingerprint of a file's content, by which a second run recognises the workflow it has begun."""

import hashlib
import json
from typing import Any

_Value = Any  # anything that YAML or JSON can hold

_LONG = 64  # items; longer lists enter as their own digest, computed once however many jobs share the list


def digest(tree: dict[str, _Value]) -> str:
    """SHA-256 (hex) of the parsed content. Comments, layout, aliases and the order of keys do not change it.

    The order of parameters does, because it is the order of the jobs.
    """
    known: dict[int, str] = {}
    jobs = tree.get("jobs")
    content = {
        **tree,
        "parameters": _ordered(tree.get("parameters")),
        "jobs": [_job(job, known) for job in jobs] if isinstance(jobs, list) else jobs,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _job(job: _Value, known: dict[int, str]) -> _Value:
    changed = {
        key: _short(value, known) if value.__class__ is list else _ordered(value)
        for key, value in job.items()
        if value.__class__ is dict or (value.__class__ is list and len(value) > _LONG)
    }
    return {**job, **changed} if changed else job


def _ordered(value: _Value) -> _Value:
    return [[key, item] for key, item in value.items()] if isinstance(value, dict) else value


def _short(value: list[_Value], known: dict[int, str]) -> str:
    if id(value) not in known:
        known[id(value)] = hashlib.sha256(json.dumps(value, separators=(",", ":")).encode()).hexdigest()
    return known[id(value)]
