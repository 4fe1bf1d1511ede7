"""What every room may use: errors, files, names of the user's own, intervals, progress."""
