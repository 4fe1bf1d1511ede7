"""The stage of a run whose rewards give partial credit: that of the mean reward, in the reward's unit."""

from dataclasses import replace

import numpy as np

from conet.detect.trend import SHORTEST_WINDOW, levels
from conet.diagnosis.log import Log
from conet.diagnosis.stages import Stage, Unit, find_stage
from conet.rollouts.aggregate import credit_range

LOWEST = 0.05  # of the groups' means, those that say where the range begins when they lie below 0


def stage_of_rollouts(log: Log) -> Stage:
    """Return the stage of the accuracy, or with partial credit of the mean reward."""
    if not log.partial_credit:
        return find_stage(log.counts)
    least, largest = credit_range(log.record.rows)
    width = largest - least
    table = log.visits.table
    groups = least + width * (table["correct_count"] / table["samples"]).to_numpy()
    counts = log.counts
    reward_sum = least * counts.samples + width * counts.correct_count
    window = min(len(counts.steps), max(SHORTEST_WINDOW, round(len(counts.steps) / 10)))
    means = levels(replace(counts, correct_count=reward_sum), window)
    zero = min(0.0, float(np.quantile(groups, LOWEST)))
    unit = Unit(zero, max(1.0, float(np.nanmax(means)) - zero))
    shares = (reward_sum - unit.zero * counts.samples) / unit.scale
    return find_stage(replace(counts, correct_count=shares), unit)
