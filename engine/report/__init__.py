"""What the report page shows, as data: what is safe, what needs whom, what ran, what is kept."""
