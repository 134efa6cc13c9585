"""Looking at a machine for its first manifest."""
