"""What a change of the policy means for the data."""
