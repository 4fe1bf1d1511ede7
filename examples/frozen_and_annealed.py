"""A figure of one's own for a comparison: the web that RLVR freezes into, and the one of annealing.

    conet run --out runs/rlvr --set graph.nodes=200 graph.degree=20 \\
        problems.count=80 learner.learning_rate=187
    conet run --out runs/temperature --set schedule.name=temperature graph.nodes=200 graph.degree=20 \\
        problems.count=80 learner.learning_rate=187
    conet compare runs/rlvr runs/temperature --figure examples/frozen_and_annealed.py:frozen_and_annealed
"""

import numpy as np

from conet.diagnosis.comparison import Comparison
from conet.engine import exact
from conet.engine.ground_state import best_share
from conet.network.layout import lay_out
from conet.runs.run import Run
from conet.views.comparison.webs import last_web, on_one_graph
from conet.views.schema import View
from conet.views.walks.concept_web import network

SOLVED = 0.5  # of the walks: from there on a problem counts as solved


def frozen_and_annealed(found: Comparison) -> View:
    """Return the last webs of runs on one graph, with the ends of the problems that stay unsolved."""
    panels = []
    for side in on_one_graph(found.sides):
        run = Run(side.path)
        one = last_web(side, run)
        if one is None:
            continue
        layout = lay_out(one.web)
        policy, problems = run.policy(one.step), run.problems()
        success = exact.solve(policy, problems).success
        lost = success < SOLVED
        ends = np.concatenate([problems.questions[lost], problems.answers[lost]])
        left = best_share(policy.graph, problems) - success.mean()
        name = run.config.schedule.name
        panels.append(
            network(
                one.web,
                one.traffic,
                layout,
                step=one.step,
                title=f"{name}: residual frustration {left:.2f}",
                note=f"accuracy {success.mean():.3f}; {lost.sum()} of {len(problems)} problems unsolved",
                group=np.where(np.isin(layout.nodes, ends), 1, 0),
                groups=("the web", "question or answer of an unsolved problem"),
            )
        )
    return View(
        name="frozen-and-annealed",
        title="Frozen, and annealed",
        caption="Both runs had the same graph, problems, updates and number of rollouts.",
        definition="Edges with π ≥ 0.3 after the last update. Residual frustration: the share of the "
        "problems that the best policy found solves, less the accuracy. Solved: by half of the walks.",
        panels=tuple(panels),
        arrangement="beside",
    )
