"""SQLite: schema, connection, statements, rows, views and invariants. A store function is a statement."""
