"""Observables of the concept web of traces over the steps of a training."""

from conet.traces.concept_web import ConceptWeb
from conet.views.parts import Axis, Series
from conet.views.schema import Lines, View, empty_view
from conet.views.tables import column

NAME, TITLE = "trace-observables", "The web through the training"


# Each panel: its vertical axis, and of each line what it is called, its column, and its role.
PANELS = (
    (
        Axis(name="effective out-degree", low=1),
        ("traces", "effective_out_degree", "main"),
        ("shuffled steps", "effective_out_degree_shuffled", "reference"),
    ),
    (
        Axis(name="degree", low=0),
        ("web", "mean_degree", "main"),
        ("traffic", "traffic_mean_degree", "reference"),
    ),
    (
        Axis(name="number", low=0, whole=True),
        ("islands", "islands", "main"),
        ("concepts in the web", "web_nodes", "main"),
    ),
)


def through_time(found: ConceptWeb) -> View:
    """Return effective out-degree, degree, and islands by step."""
    if not found.numbers["transitions"]:
        return empty_view(NAME, TITLE, "No rollout has two steps of different concepts: nothing to follow.")
    moments = found.moments
    if moments.height < 2:
        return empty_view(NAME, TITLE, "All rollouts are of one step of the training.")
    steps = column(moments, "step")
    axis = Axis(name="step", unit="as the trainer counts", whole=True, low=steps[0], high=steps[-1])

    def panel(y: Axis, *series: tuple[str, str, str]) -> Lines:
        made = tuple(
            Series(name=name, x=steps, y=column(moments, key), role=role)
            for name, key, role in series
            if key in moments.columns
        )
        return Lines(x=axis, y=y, series=made, empty="no rollout has two concepts")

    return View(
        name=NAME,
        title=TITLE,
        caption=(
            "Look for an effective out-degree that falls away from that of shuffled steps: the web "
            "freezes, and what follows a concept is settled. Islands that become fewer have joined."
        ),
        definition=(
            "Effective out-degree: exp of the entropy of the next concept, averaged over transitions; "
            "shuffled: with the steps of each rollout in random order, which has the same bias from few "
            "transitions. Web: the significant edges of all rollouts that those of the moment use; "
            "islands: its connected components, direction aside; degree: 2 · edges / concepts. Traffic: "
            "all transitions of the moment."
        ),
        panels=tuple(panel(*parts) for parts in PANELS),
    )
