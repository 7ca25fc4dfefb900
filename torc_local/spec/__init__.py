"""Text to frozen values: reads, checks and expands workflow files; knows nothing of SQLite."""
