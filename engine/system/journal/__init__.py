"""The change journal."""
