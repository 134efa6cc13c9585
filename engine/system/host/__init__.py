"""This machine and others: files, processes, locks, mounts, signals."""
