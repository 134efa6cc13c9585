"""Copies that no leg carries any more, and copies that have yet to come."""
