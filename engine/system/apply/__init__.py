"""Carrying out a change set."""
