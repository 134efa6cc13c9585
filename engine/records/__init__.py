"""What runs and the tracker tell, as data."""
