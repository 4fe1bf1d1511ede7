"""From a view to a matplotlib figure: one function a kind of panel."""
