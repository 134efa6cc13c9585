"""A first manifest, drafted from what a machine looks like."""
