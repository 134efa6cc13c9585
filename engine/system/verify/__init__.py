"""Copies compared with what they were made of."""
