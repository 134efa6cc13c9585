"""Getting a path back: looking at copies, fetching one, checking it, putting it in its place."""
