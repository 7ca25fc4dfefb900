"""What a workflow file sets for the whole workflow, beyond its jobs; stored as JSON in ``workflow.settings``."""

import json
from typing import NamedTuple


class Settings(NamedTuple):
    """Settings of a workflow; the defaults are what a file that says nothing gets."""

    project: str | None = None
    metadata: str | None = None


def dumps(settings: Settings) -> str:
    """As JSON; what is at its default is left out."""
    default = Settings()._asdict()
    return json.dumps({name: value for name, value in settings._asdict().items() if value != default[name]})


def loads(text: str) -> Settings:
    """From the JSON that ``dumps`` makes."""
    return Settings(**json.loads(text))
