"""Which leg carries which path, who owns which place, and what that amounts to."""
