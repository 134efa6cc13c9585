"""Dumping servers and programs: asking them, keeping what they say, reading it back."""
