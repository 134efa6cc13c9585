"""Rolling a volume back."""
