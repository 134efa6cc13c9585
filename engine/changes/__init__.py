"""What was applied, what is on disk, what should be; and what makes that so."""
