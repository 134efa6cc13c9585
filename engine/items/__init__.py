"""What a source has several of: volumes of a thin pool, subvolumes, and their snapshots."""
