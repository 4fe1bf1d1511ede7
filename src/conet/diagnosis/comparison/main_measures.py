"""The main measures of a comparison: what they are called in words, on which scale, and which are printed."""

from typing import NamedTuple

from conet.diagnosis.comparison.differences import SAME


class MainMeasure(NamedTuple):
    """A number that figures show and, where ``printed``, the terminal too.

    Differences in measures of one ``scale`` stand in one panel; "length" is called by its unit.
    """

    name: str
    words: str
    scale: str
    printed: bool = False


MAIN = (
    MainMeasure("accuracy", "accuracy at the end", "probability", printed=True),
    MainMeasure(f"accuracy{SAME}", "accuracy, same problems", "probability", printed=True),
    MainMeasure("correct_length.min", "shortest correct length", "length", printed=True),
    MainMeasure("correct_length.end", "correct length at the end", "length", printed=True),
    MainMeasure(f"correct_length{SAME}", "correct length, same problems", "length"),
    MainMeasure("islands.peak", "most islands", "islands", printed=True),
    MainMeasure("islands.end", "islands at the end", "islands"),
    MainMeasure("web.mean_degree", "average degree of the last web", "2 · edges / nodes", printed=True),
    MainMeasure("pass_at_k.1", "pass@1", "probability"),
    MainMeasure("pass_at_k.16", "pass@16", "probability", printed=True),
    MainMeasure("pass_at_k.256", "pass@256", "probability"),
    MainMeasure("correct_length.min_step", "step of the shortest length", "steps"),
    MainMeasure("islands.peak_step", "step of most islands", "steps"),
)
PRINTED = tuple(each.name for each in MAIN if each.printed)
WORDS = {each.name: each.words for each in MAIN}
