"""The commands by the heading under which the help has them. Importing this adds all of them to the program."""

from torc_local.cli.commands import admin, building, changing, data, looking, plotting, running, screens, slurm

__all__ = ["admin", "building", "changing", "data", "looking", "plotting", "running", "screens", "slurm"]
