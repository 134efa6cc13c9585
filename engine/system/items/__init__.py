"""Volumes and subvolumes found, snapshots taken and opened."""
