"""Legs and checks that run in a cluster: what their jobs need, and when cron has them run."""
