"""The transformer policy: a small causal language model whose tokens are nodes (extra ``[neural]``)."""
