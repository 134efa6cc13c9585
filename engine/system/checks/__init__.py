"""Checks of what others make or run, carried out."""
