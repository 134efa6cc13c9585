"""What is told of runs: facts, series, drift."""
