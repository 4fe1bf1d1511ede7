"""Cells: units of work that are cached and computed in parallel, and sweeps of them."""
