"""A restore rehearsed: fetched into scratch space, checked, measured, removed."""
