"""The same examples at every run: what hypothesis finds must not depend on the day."""

from hypothesis import settings

settings.register_profile("fixed", derandomize=True, deadline=None)
settings.load_profile("fixed")
