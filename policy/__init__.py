"""What the manifest says: text to positions, schema, typed values and diagnostics; pure."""
