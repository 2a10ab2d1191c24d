"""What became of pushes, on disk, in the log and in numbers."""
