"""Loops: supervisor, coordinator, runner; and what they need of the operating system. A process is a loop."""
