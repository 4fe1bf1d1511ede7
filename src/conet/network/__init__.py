"""The model: a graph of concepts, a policy over its edges, and the questions asked of it."""
