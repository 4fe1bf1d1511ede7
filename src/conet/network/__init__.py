"""The model: a graph of concepts, a policy over its edges, and the questions asked of it."""

from conet.network import builders as builders  # enters its kinds of graphs into the registry
