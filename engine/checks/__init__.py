"""Checks of what others make or run: what is looked at, and what that shows. Pure."""
