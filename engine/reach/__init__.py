"""Directories on this machine and others, and the commands that reach them."""
