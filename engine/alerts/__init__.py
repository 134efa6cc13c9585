"""Series, and the alerts on them."""
