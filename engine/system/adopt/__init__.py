"""Taking over what lay at a destination before a leg."""
