"""Figures of what the policy still can: pass@k, entropy, diversity."""

import numpy as np
from matplotlib.ticker import FuncFormatter, MaxNLocator

from conet.report import style
from conet.report.axes import curve, finish, from_zero, guide_note, step_axis
from conet.report.style import Picture
from conet.views.walks_data import WalksData as Material

LINES = tuple(zip(style.SEQUENCE, "osD^vP", ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), "-")))


def draw_pass(material: Material) -> Picture:
    """pass@k against k at several steps."""
    title, name = "pass@k", "pass-at-k"
    steps, single = material.evaluation("pass_at_k", 1)
    if not len(steps):
        return Picture(name, title, "pass@k was not measured in this run.", None)
    table = material.evaluations.filter(material.evaluations["name"] == "pass_at_k").sort("step", "k")
    figure = style.figure(3.0)
    axes = figure.add_subplot()
    chosen = spread(steps, single, len(LINES))
    for step, (colour, marker, dashes) in zip(chosen, LINES[-len(chosen) :]):
        rows = table.filter(table["step"] == step)
        axes.plot(
            rows["k"].to_numpy(), rows["value"].to_numpy(), color=colour, marker=marker, ls=dashes,
            label=f"step {step:,}", clip_on=False,
        )  # fmt: skip
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_ylim(0, 1)
    axes.set_xlabel("k (samples a question)")
    axes.set_ylabel("pass@k\n(share of questions)")
    axes.legend(loc="center left", bbox_to_anchor=(1.02, 0.5))
    walks = material.run.config.snapshots.pass_walks
    text = (
        "Look for early curves that climb with k (what one sample misses, many find) and late ones that "
        "are flat, with nothing more to find: pass@1 has used the diversity up. pass@k: chance that at "
        "least one of k samples is correct, averaged over questions, by the unbiased estimator 1 − C(n−c, "
        f"k) / C(n, k) with n = {walks} walks a question, c of them correct. Drawn at the snapshots that "
        "divide the change of pass@1 most evenly."
    )
    return Picture(name, title, text, style.to_svg(figure))


def spread(steps: np.ndarray, values: np.ndarray, most: int) -> list[int]:
    """Choose at most so many steps, the first and the last among them, at which values are evenly apart."""
    aims = np.linspace(values[0], values[-1], most)
    chosen = {int(steps[np.argmin(np.abs(values - aim))]) for aim in aims[1:-1]}
    return sorted({int(steps[0]), int(steps[-1])} | chosen)


def draw_entropy(material: Material) -> Picture:
    """Entropy of the policy, and what many samples find beyond one."""
    figure = style.figure(2.9)
    left, right = figure.subplots(1, 2)
    drawn = [
        curve(left, material.steps, material.column("policy_entropy"), color=style.BLUE, label="all nodes"),
        curve(left, *material.evaluation("traffic_entropy"), color=style.VERMILION, ls="--", marker="o",
              label="nodes with traffic"),
    ]  # fmt: skip
    left.set_ylabel("mean entropy of a node (nats)")
    most = int(np.max(material.evaluations["k"].to_numpy(), initial=1))
    steps, many = material.evaluation("pass_at_k", most)
    first, single = material.evaluation("pass_at_k", 1)
    both, of_many, of_single = np.intersect1d(steps, first, return_indices=True)
    gap = many[of_many] - single[of_single]
    label = f"pass@{most} − pass@1"
    some = curve(right, both, gap, color=style.GREEN, marker="s") if most > 1 else False
    right.set_ylabel(f"diversity: {label}")
    for axes in (left, right):
        from_zero(axes, 0.05)
        step_axis(axes, material)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    finish(left, any(drawn), "not measured")
    if not some:
        finish(right, False, "not measured")
    text = (
        "Left: entropy of the policy's choice at a node, averaged over all nodes and over the nodes that "
        "successful walks leave, each counted once. Most nodes are never taught and keep the entropy of "
        f"the start, so a collapse shows on the nodes with traffic. Right: what {most} samples solve and "
        "one does not. Look for a diversity that vanishes while accuracy still rises: the policy "
        "collapses."
    )
    return Picture("entropy", "Entropy and diversity", text + guide_note(material), style.to_svg(figure))
