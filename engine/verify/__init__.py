"""Comparing copies with what they were made of: which files, how, and what the answer means."""
