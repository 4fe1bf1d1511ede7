"""Forgetting above chance, over steps: problems that are learned at each other's cost."""

from conet.diagnosis import Diagnosis
from conet.diagnosis.findings.interference import smooth
from conet.views.parts import Axis, Level, Series
from conet.views.rollouts.common import over_steps
from conet.views.schema import Lines, View, empty_view

NAME, TITLE = "frustration", "Frustration: learned at each other's cost"


def frustration(found: Diagnosis) -> View:
    """Return the forgetting rate above its floor over steps."""
    part = found.detail("interference")
    if part is None:
        return empty_view(NAME, TITLE, "No problem was visited six times or more.")
    sizes = "; ".join(
        f"{key.replace('_', ' ')} {row['value']:.4f}, by chance {row['floor']:.4f}"
        for key, row in part.measures.items()
    )
    panel = Lines(
        y=Axis(name="forgetting rate above chance", unit="accuracy per window"),
        series=(
            Series(name="each step", x=part.steps, y=part.excess, role="measured"),
            Series(name="smoothed over a twentieth", x=part.steps, y=smooth(part.excess)),
        ),
        levels=(Level(label="chance", value=0.0),),
        empty="too few visits",
        **over_steps(found),
    )
    return View(
        name=NAME,
        title=TITLE,
        caption=(
            "Look for a hump: problems pull shared paths apart, and learning one costs another. Over the "
            f"whole run: {sizes}."
        ),
        definition=(
            f"Mean loss of accuracy within {part.window} visits, less what sampling alone would make of "
            f"accuracies that never fall ({part.problems} problems)."
        ),
        panels=(panel,),
    )
