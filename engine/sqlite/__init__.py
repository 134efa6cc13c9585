"""SQLite databases: told by their header, copied, verified."""
