"""The findings of a diagnosis, one file each. A new one is one file here and one line below."""

from conet.diagnosis.declare import Finding
from conet.diagnosis.findings import (
    accuracy,
    coincidence,
    correct_length,
    diversity,
    forecast,
    groups,
    heating,
    interference,
    outcomes,
    source,
    stage,
    transitions,
    truncation,
    validation,
)

# In the order in which their numbers are shown; headlines of the same urgency come in this order too.
FINDINGS: tuple[Finding, ...] = (
    source.FINDING,
    stage.FINDING,
    accuracy.FINDING,
    correct_length.FINDING,
    heating.FINDING,
    forecast.FINDING,
    coincidence.FINDING,
    outcomes.FINDING,
    transitions.FINDING,
    groups.FINDING,
    truncation.FINDING,
    diversity.FINDING,
    interference.FINDING,
    validation.FINDING,
)
