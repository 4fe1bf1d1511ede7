"""Views of a comparison of runs or logs: one file each."""
