"""How much of what was recorded may be lost when the machine loses power. A killed process never loses anything."""

import enum


class Durability(enum.StrEnum):
    """What `run --durability` promises about the records of that run."""

    NORMAL = "normal"  # the last seconds may be lost, and their jobs run again
    FULL = "full"  # nothing that was recorded is lost
