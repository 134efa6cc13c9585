"""What the user sees: results on stdout, everything else on stderr."""
