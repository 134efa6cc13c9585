"""The command line through a process of its own (in progress)."""
