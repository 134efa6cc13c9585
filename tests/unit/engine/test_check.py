"""The golden output of `check`; one manifest per diagnostic code (in progress)."""
