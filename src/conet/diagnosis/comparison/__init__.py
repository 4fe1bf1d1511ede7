"""Runs and logs side by side: paired differences, and the settings that may have made them."""

from conet.diagnosis.comparison.arms import Arm
from conet.diagnosis.comparison.comparison import Comparison, compare
from conet.diagnosis.comparison.differences import Difference, Measure
from conet.diagnosis.comparison.sides import Side
from conet.diagnosis.comparison.text import described

__all__ = ["Arm", "Comparison", "Difference", "Measure", "Side", "compare", "described"]
