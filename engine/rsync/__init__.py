"""rsync: its rules as it reads them, its command line, its output."""
