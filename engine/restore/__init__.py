"""Getting a path back: what holds it, which of that is taken and why, and the steps to it."""
