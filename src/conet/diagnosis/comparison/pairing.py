"""Why runs do not pair: other seeds, or problems that are not the same."""

from collections.abc import Sequence

from conet.base.text import one_line
from conet.diagnosis.comparison.arms import Arm
from conet.diagnosis.comparison.differences import pairs_of, shared_problems
from conet.diagnosis.comparison.sides import Side

MOST_LETTERS = 60  # of a prompt that is shown as an example


def other_seeds(arm: Arm, base: Arm) -> bool:
    """Whether two arms have seeds, and none in common."""
    ours, theirs = arm.by_seed(), base.by_seed()
    return bool(ours and theirs) and not ours.keys() & theirs.keys()


def why_single(arm: Arm, base: Arm) -> str:
    """Say for a headline why a single pair is not compared problem by problem; empty where it is."""
    pairs = pairs_of(arm, base)
    if len(pairs) != 1 or shared_problems(*pairs[0]) is not None:
        return ""
    one, other = pairs[0]
    if other_seeds(arm, base):
        so = ", so other graphs and problems" if one.kind == other.kind == "walks" else ""
        return f" of other seeds ({one.seed} and {other.seed}){so}"
    return " with 0 problems in common"


def nothing_in_common(arms: Sequence[Arm]) -> list[str]:
    """Say of each single pair with the first arm that shares no problem why it shares none."""
    found = []
    for arm in arms[1:]:
        pairs = pairs_of(arm, arms[0])
        if len(pairs) == 1 and shared_problems(*pairs[0]) is None:
            one, other = pairs[0]
            found.append(
                f"0 problems in common of {one.name} and {other.name}, because {_because(one, other)}."
            )
    return found


def code_unknown(sides: Sequence[Side]) -> list[str]:
    """Say of runs with objects from Python that these may differ although their settings are equal."""
    parts = dict.fromkeys(part for side in sides for part in side.objects)
    return [
        f"{part} from Python: {', '.join(side.name for side in sides if part in side.objects)}. Only name "
        "and options are known of it: its code may differ where these are equal."
        for part in parts
    ]


def _because(one: Side, other: Side) -> str:
    """Name the first reason that holds."""
    for side in (one, other):
        if side.problems is None or not side.problems.height:
            return f"{side.name} kept no rollouts"
    if one.kind == other.kind == "walks":
        return "seed, graph or problems differ"
    if "walks" in (one.kind, other.kind):
        return "problems of walks have no prompts"
    return f"no prompt is the same: {one.name} has {_example(one)}, {other.name} has {_example(other)}"


def _example(side: Side) -> str:
    """Return the first problem of a log, as it is compared."""
    assert side.problems is not None
    text = one_line(side.problems["problem"][0])
    return f"“{text[:MOST_LETTERS]}{'…' if len(text) > MOST_LETTERS else ''}”"
