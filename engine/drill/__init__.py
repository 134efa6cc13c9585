"""Rehearsed restores: which files come back from where, and what that shows."""
