"""The engine: compiled walks and gradients, their readable twin, and the exact solution."""
