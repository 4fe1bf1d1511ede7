"""The concept web of traces: from the texts of rollouts to steps, embeddings, concepts and a web.

:func:`conet.traces.concept_web.concept_web` does all of it, for ``conet web``. The way of embedding that it
takes by default, a small language model, is in the extra ``[traces]``; everything else needs no more than
CoNet itself.
"""
