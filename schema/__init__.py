"""The JSON Schema of the manifest, as data."""
