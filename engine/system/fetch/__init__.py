"""What devices say, kept as files and read to the end."""
