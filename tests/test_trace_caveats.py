"""What is said of the numbers of a concept web, by hand: each sentence where it holds, and nowhere else."""

import pytest

from conet.traces.caveats import caveats, missing_web
from conet.traces.grouping import STABLE, STRUCTURE

SOUND = {
    "concepts": 8,
    "transitions": 500,
    "significant_edges": 9,
    "tested_edges": 30,
    "rollouts_without_steps": 0,
    "silhouette": STRUCTURE,
    "stability": STABLE,
    "null": "order",
}


def test_of_a_sound_web_nothing_is_said():
    assert missing_web(SOUND) is None
    assert caveats(SOUND, None) == caveats(SOUND, 8) == []


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"concepts": 1}, "There is one concept"),
        ({"transitions": 0, "significant_edges": 0}, "No rollout has two steps of different concepts"),
        ({"significant_edges": 0, "tested_edges": 0}, "none could be told from chance with so few rollouts"),
        ({"significant_edges": 0}, "No edge is significant: none is more than chance"),
        ({"rollouts_without_steps": 3}, "3 rollouts hold no step"),
        ({"silhouette": STRUCTURE - 0.01}, "The texts hardly form groups"),
        ({"stability": STABLE - 0.01}, "Half of the texts give other concepts"),
        ({"null": "configuration"}, "By this null model, concepts that only meet"),
        ({"null": "disparity"}, "This null model never finds the only edge"),
    ],
)
def test_each_caveat_is_said_alone(changed, words):
    (said,) = caveats(SOUND | changed, None)
    assert words in said


def test_another_number_of_concepts_than_was_asked_for_is_said():
    (said,) = caveats(SOUND, 9)
    assert said.startswith("9 concepts were asked for, and 8 made")
