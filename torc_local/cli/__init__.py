"""Words the user types, what comes back on the screen, and exit codes."""
