"""Annealed-RLVR on language models: problems, verifiers, training on TRL, evaluation (extra ``[llm]``)."""
