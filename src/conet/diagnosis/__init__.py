"""From the rollouts of any training to findings: stage, knee, V, problems, diversity, the time to heat."""

from conet.diagnosis.findings import Diagnosis, diagnose, findings, write

__all__ = ["Diagnosis", "diagnose", "findings", "write"]
