"""What a plan amounts to, as pictures and tables show it: for `docs` and `report`."""
