"""What any trainer logged by step beside its rollouts, or without them: reward, length, entropy, KL, ..."""

import numpy as np

from conet.diagnosis import Diagnosis
from conet.views.parts import Axis, Series
from conet.views.schema import Lines, View, empty_view
from conet.views.tables import column

NAME, TITLE = "scalars", "What the trainer logged"
# Units of the quantities; those that are shares have an axis from 0 to 1.
UNITS = {
    "entropy": "nats a token",
    "kl": "nats a token, to the reference policy",
    "update_kl": "nats a token, from the policy before the update",
    "inference_kl": "nats a token, between inference and training",
    "length": "tokens",
    "correct_length": "tokens",
    "wrong_length": "tokens",
    "longest_length": "tokens",
    "reward": "mean of the rollouts",
    "gradient_cosine": "between problems; below 0 they fight",
}
SHARES = ("accuracy", "truncated_share", "groups_without_signal", "clip_ratio", "validation_accuracy")


def scalars(found: Diagnosis) -> View:
    """Return the quantities that are known by their names, a panel each, over the logged steps."""
    table = found.log.scalars
    names = [] if table is None else quantities(found)
    if table is None or not names:
        return empty_view(NAME, TITLE, "The trainer logged no number that is known here.")
    steps = table["step"].to_numpy()
    axis = Axis(name="step", unit="as the trainer counts", whole=True, low=steps[0], high=steps[-1])
    panels = []
    for name in names:
        values = column(table, name)
        share = name in SHARES and np.nanmin(values) >= 0 and np.nanmax(values) <= 1
        measure = Axis(
            name=name.replace("_", " "),
            unit="share" if share else UNITS.get(name, ""),
            **({"low": 0, "high": 1} if share else {}),
        )
        panels.append(Lines(x=axis, y=measure, series=(Series(name="", x=steps, y=values),)))
    taken = ", ".join(f"{name.replace('_', ' ')} is {found.log.record.scalar_names[name]}" for name in names)
    return View(
        name=NAME,
        title=TITLE,
        caption=(
            "Look for an entropy that falls to nothing or shoots up, a clip ratio, gradient norm or KL that "
            "spikes, and answers that grow until they are cut off."
        ),
        definition=f"Each number as the trainer logged it: {taken}.",
        panels=tuple(panels),
        arrangement="beside" if len(panels) > 1 else "below",
    )


def quantities(found: Diagnosis) -> list[str]:
    """Return the known quantities that have a finite value at any step."""
    table = found.log.scalars
    if table is None:
        return []
    return [name for name in found.log.record.scalar_names if np.isfinite(column(table, name)).any()]
