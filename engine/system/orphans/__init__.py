"""Orphans looked at, moved and removed."""
