"""Bringing a volume back to a snapshot of it."""
