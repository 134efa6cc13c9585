"""The proof that a filter takes what its selection says."""
