"""SQLite databases found, opened, copied and verified."""
