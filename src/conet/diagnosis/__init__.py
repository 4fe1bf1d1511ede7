"""From the rollouts of any training to findings: stage, knee, V, problems, diversity, the time to heat."""

from conet.diagnosis.declare import Finding, Headline, Key, MainNumber, Remedy, Result, Urgency
from conet.diagnosis.diagnosis import Diagnosis, diagnose
from conet.diagnosis.log import Log
from conet.diagnosis.output import write

__all__ = [
    "Diagnosis",
    "Finding",
    "Headline",
    "Key",
    "Log",
    "MainNumber",
    "Remedy",
    "Result",
    "Urgency",
    "diagnose",
    "write",
]
