"""The findings of a diagnosis, one file each. A new one is one file here and one line below."""

from collections.abc import Mapping

from conet.base.registry import Table
from conet.diagnosis.declare import Finding

# In the order in which their numbers are shown; headlines of the same urgency come in this order too.
FINDINGS: Mapping[str, Finding] = Table(
    {
        "source": "conet.diagnosis.findings.source:FINDING",
        "dead-start": "conet.diagnosis.findings.dead_start:FINDING",
        "rewards": "conet.diagnosis.findings.rewards:FINDING",
        "stage": "conet.diagnosis.findings.stage:FINDING",
        "company": "conet.diagnosis.findings.company:FINDING",
        "truncation": "conet.diagnosis.findings.truncation:FINDING",
        "wording": "conet.diagnosis.findings.wording:FINDING",
        "scalars": "conet.diagnosis.findings.scalars:FINDING",
        "accuracy": "conet.diagnosis.findings.accuracy:FINDING",
        "lengths": "conet.diagnosis.findings.lengths:FINDING",
        "correct-length": "conet.diagnosis.findings.correct_length:FINDING",
        "heating": "conet.diagnosis.findings.heating:FINDING",
        "heated": "conet.diagnosis.findings.heated:FINDING",
        "forecast": "conet.diagnosis.findings.forecast:FINDING",
        "coincidence": "conet.diagnosis.findings.coincidence:FINDING",
        "epochs": "conet.diagnosis.findings.epochs:FINDING",
        "families": "conet.diagnosis.findings.families:FINDING",
        "outcomes": "conet.diagnosis.findings.outcomes:FINDING",
        "transitions": "conet.diagnosis.findings.transitions:FINDING",
        "groups": "conet.diagnosis.findings.groups:FINDING",
        "diversity": "conet.diagnosis.findings.diversity:FINDING",
        "interference": "conet.diagnosis.findings.interference:FINDING",
        "gradients": "conet.diagnosis.findings.gradients:FINDING",
        "validation": "conet.diagnosis.findings.validation:FINDING",
    }
)
