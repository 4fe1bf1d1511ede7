"""Declared experiments: one module a claim or question, entered here by name."""

from conet.claims import (
    c1,
    c2,
    c3,
    c4,
    c5,
    c6,
    c7,
    c8,
    c9,
    exact_limit,
    finite_size,
    heating_map,
    phase_diagram,
)
from conet.claims.declare import Experiment

EXPERIMENTS: dict[str, Experiment] = {
    module.EXPERIMENT.name: module.EXPERIMENT
    for module in (c1, c2, c3, c4, c5, c6, c7, c8, c9, exact_limit, finite_size, heating_map, phase_diagram)
}

__all__ = ["EXPERIMENTS", "Experiment"]
