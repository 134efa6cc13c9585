"""Generations: their names, which stay, and why."""
