"""What a run will do, as data and in words."""
