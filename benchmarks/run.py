"""What must be fast, measured as a table (in progress)."""
