"""Problem by problem: the accuracy of one side against that of the other."""

from conet.diagnosis.comparison import Comparison
from conet.diagnosis.comparison.differences import pairs_of, shared_problems
from conet.views.parts import Axis, Series
from conet.views.schema import Lines, Panel, View, empty_view

NAME, TITLE = "same-problems", "Problem by problem"
MOST = 3  # panels


def same_problems(comparison: Comparison) -> View:
    """Return a panel for each arm that shares problems with the first: a dot a problem."""
    base = comparison.arms[0]
    panels: list[Panel] = []
    counts: list[str] = []
    for arm in comparison.arms[1:]:
        pairs = pairs_of(arm, base)
        both = shared_problems(*pairs[0]) if len(pairs) == 1 else None
        if both is None:
            continue
        more, less = ((both["accuracy"] - both["accuracy_base"]) * sign > 0 for sign in (1, -1))
        counts.append(
            f"{arm.name}: {more.sum()} of {both.height} problems more often, {less.sum()} less often."
        )
        dots = Series(name="", x=both["accuracy_base"], y=both["accuracy"], role="measured")
        diagonal = (0.0, 0.25, 0.5, 0.75, 1.0)
        equal = Series(name="equal", x=diagonal, y=diagonal, role="reference")
        panels.append(
            Lines(
                title="" if len(comparison.arms) == 2 else arm.name,
                x=Axis(name=f"accuracy of {base.name}", low=0, high=1),
                y=Axis(name=f"accuracy of {arm.name}", low=0, high=1),
                series=(dots, equal),
            )
        )
    if not panels:
        return empty_view(NAME, TITLE, "No problem is the same on two sides.")
    return View(
        name=NAME,
        title=TITLE,
        caption=f"A dot a problem: above the line it is solved more often than by {base.name}. "
        + " ".join(counts),
        definition="Each problem is judged by its newest rollouts (16, if it has as many) in the second half "
        "of its run.",
        panels=tuple(panels[:MOST]),
        arrangement="beside",
    )
