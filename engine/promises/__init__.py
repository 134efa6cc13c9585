"""What the chains of a plan promise, against what was asked of them."""
