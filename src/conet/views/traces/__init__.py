"""Views of the concept web of traces."""
