"""What a run sees before it touches anything, and how that is judged."""
