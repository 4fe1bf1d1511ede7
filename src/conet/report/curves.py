"""Figures over the steps of a run: correct length, average degree, islands."""

from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator

from conet.observables.length import WINDOW, windowed_correct_length
from conet.report import style
from conet.report.axes import curve, finish, from_zero, guide_note, step_axis
from conet.report.style import Picture
from conet.views.walks_data import WalksData as Material
from conet.views.walks_data import within_curve

FIRST_AND_SECOND: tuple[dict[str, Any], ...] = ({"color": style.BLUE}, {"color": style.VERMILION, "ls": "--"})
SIZES = (("giant_component", "largest island"), ("second_component", "second largest island"))
COUNTS = (("islands", "all islands"), ("question_islands", "islands with a question"))


def draw_length(material: Material) -> Picture:
    """The V: pooled, and within a fixed set of problems."""
    figure = style.figure(3.0)
    axes = figure.add_subplot()
    total, count = (np.nan_to_num(material.column(f"correct_{name}")) for name in ("length_sum", "count"))
    pooled = windowed_correct_length(total, count)
    drawn = curve(axes, material.steps, pooled, color=style.BLUE, label="pooled over all correct rollouts")
    note = "The run kept no rollouts, or too many to unfold, so the within-problem curve is missing."
    if material.problems is not None:
        within, fixed, bottom = within_curve(material.problems, total, count)
        label = f"within the problems solved at its bottom ({fixed})"
        curve(axes, material.steps, within, color=style.VERMILION, ls="--", label=label)
        note = (
            f"Within-problem: mean over the {fixed} problems solved (accuracy of at least one half) around "
            f"step {bottom}, where the pooled length is shortest, each with the same weight; drawn where "
            "at least 9 in 10 of them have a correct rollout in the window."
        )
        if not fixed:
            note = "No problem is solved where the pooled length is shortest, so there is no within-problem curve."
    axes.set_ylabel("length of correct rollouts\n(steps of a walk)")
    from_zero(axes, 1)
    step_axis(axes, material)
    finish(axes, drawn, "no rollout was correct")
    text = (
        "Look for correct answers that first get shorter, while islands shorten their own paths, and then "
        f"longer. Pooled: total length over number of correct rollouts in a centred {WINDOW}-step window. "
        f"{note} Where the pooled curve rises and the within-problem curve stays flat, the rise is "
        "composition: problems solved later have longer walks."
    )
    title = "The V of the correct length"
    return Picture("correct-length", title, text + guide_note(material), style.to_svg(figure))


def draw_degree(material: Material) -> Picture:
    """Average degree of the thresholded and of the traffic web."""
    figure = style.figure(3.0)
    axes = figure.add_subplot()
    threshold, walks = material.run.config.web.threshold, material.traffic_walks
    steps, nodes, islands, degree = material.series("web_nodes", "islands", "mean_degree")
    some = nodes > 0
    forest = 2 - 2 * islands[some] / nodes[some]
    axes.axhline(2, color=style.INK, lw=0.8)
    drawn = [
        curve(axes, steps[some], degree[some], color=style.BLUE, label=f"thresholded web (π ≥ {threshold:g})"),
        curve(axes, steps[some], forest, color=style.INK, ls=":", lw=1.3,
              label="forest of as many islands"),
        curve(axes, *material.evaluation("traffic_mean_degree", where="traffic_web_nodes"), color=style.VERMILION,
              ls="--", marker="o", label=f"traffic web ({walks} walks a question)"),
    ]  # fmt: skip
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, 0.9), max(high, 2.1))
    axes.set_ylabel("average degree ⟨k⟩\n(2 · edges / nodes)")
    step_axis(axes, material)
    finish(axes, any(drawn), "there is no web")
    text = (
        "Look for both webs settling near ⟨k⟩ = 2 (line), where a web is nearly a tree. Thresholded web: "
        f"edges with probability π ≥ {threshold:g}. Traffic web: all edges on successful walks, no "
        f"threshold, {walks} walks a question at each snapshot. Any web of one best edge a node lies close "
        "to 2 (a forest of c islands on V nodes has 2 − 2c/V, dotted), so that value alone proves little: "
        "what tells is how little the blue curve lies above the dotted one (the difference is cycles), "
        "and where the traffic web, which no threshold thins out, comes down to."
    )
    return Picture("average-degree", "Average degree", text + guide_note(material), style.to_svg(figure))


def draw_islands(material: Material) -> Picture:
    """Number of islands, and the size of the two largest."""
    figure = style.figure(4.3)
    panels = figure.subplots(2, 1, sharex=True)
    for axes, label, columns in zip(panels, ("number of islands", "size (nodes)"), (COUNTS, SIZES)):
        drawn = [
            curve(axes, *material.series(name), label=text, **how)
            for (name, text), how in zip(columns, FIRST_AND_SECOND)
        ]
        axes.set_ylabel(label)
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        from_zero(axes, 1)
        step_axis(axes, material)
        finish(axes, any(drawn), "the web was not measured")
    panels[0].set_xlabel("")
    text = (
        "Look for islands that are born one by one, are most numerous (the paper's maximal frustration; here "
        "usually after the bottom of the V), and merge. The second largest grows while two big ones have not "
        "joined yet, and drops where they do; big ones also break apart where an edge falls below the "
        "threshold. Island: a connected component of the thresholded web, direction aside. Size: its nodes."
    )
    return Picture("islands", "Islands", text + guide_note(material), style.to_svg(figure))
