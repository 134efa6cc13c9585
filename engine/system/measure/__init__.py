"""Trees walked, copies and generations looked for."""
