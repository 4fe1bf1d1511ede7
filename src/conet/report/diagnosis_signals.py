"""Figures of a diagnosis: what the groups say, and what is learned at each other's cost."""

import numpy as np
from matplotlib.ticker import FuncFormatter, MaxNLocator

from conet.diagnosis import Diagnosis
from conet.diagnosis.findings.interference import smooth
from conet.observables.length import WINDOW
from conet.report import style
from conet.report.axes import curve, finish, from_zero
from conet.report.diagnosis_figures import column, guide_note, step_axis, windowed
from conet.report.style import Picture


def draw_groups(found: Diagnosis) -> Picture:
    """Groups without signal, and answers cut off."""
    figure = style.figure(2.9)
    left, right = figure.subplots(1, 2)
    steps, groups, samples = (column(found, name) for name in ("step", "groups", "samples"))
    drawn = [
        curve(left, steps, windowed(column(found, name), groups), label=label, **how)
        for name, label, how in (
            ("all_wrong", "all wrong", {"color": style.VERMILION, "ls": "--"}),
            ("all_right", "all right", {"color": style.BLUE}),
        )
    ]
    left.set_ylabel("share of groups without signal")
    cut = curve(right, steps, windowed(column(found, "truncated_share"), samples), color=style.PURPLE)
    right.set_ylabel("share of answers cut off")
    for axes in (left, right):
        from_zero(axes, 0.05)
        step_axis(axes, found)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    finish(left, any(drawn), "no groups")
    if not cut:
        finish(right, False, "the files do not say")
    kept = {
        True: "are missing from the files (dynamic sampling)",
        False: "are all there",
        None: "cannot be judged",
    }
    text = (
        "Left: groups whose answers are all right or all wrong teach a group-normalised learner nothing. Look for "
        f"their share to eat up the batch. Groups without signal {kept[found.detail('groups').filtered]}. Right: "
        "answers cut off "
        f"by the length limit; where they are many, length and accuracy are not what they seem. Both: centred "
        f"{WINDOW}-step means."
    )
    return Picture(
        "groups", "Groups without signal, answers cut off", text + guide_note(found), style.to_svg(figure)
    )


def draw_diversity(found: Diagnosis) -> Picture:
    """pass@k early and late, and what a group finds beyond one answer."""
    figure = style.figure(2.9)
    left, right = figure.subplots(1, 2)
    many = found.detail("diversity")
    if many is not None:
        for values, label, colour, dashes in (
            (many.early, "first fifth of the steps", style.SEQUENCE[1], "--"),
            (many.late, "last fifth", style.SEQUENCE[-1], "-"),
        ):
            left.plot(many.curve_k, values, color=colour, ls=dashes, marker="o", label=label, clip_on=False)
        left.set_xscale("log", base=2)
        left.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    left.set_ylim(0, 1)
    left.set_xlabel("k (samples a problem)")
    left.set_ylabel("pass@k (same problems)")
    finish(left, many is not None, "too few problems in both windows", loc="lower right")
    steps, groups = column(found, "step"), column(found, "groups")
    size = found.log.visits.group
    for name, label, how in (
        ("pass_at_group", f"pass@{size}", {"color": style.GREEN}),
        ("accuracy", "pass@1", {"color": style.BLUE, "ls": "--"}),
        ("distinct_share", "different answers", {"color": style.ORANGE, "ls": ":"}),
    ):
        curve(right, steps, windowed(column(found, name), np.maximum(groups, 1)), label=label, **how)
    right.set_ylim(0, 1.02)
    right.set_ylabel("share")
    step_axis(right, found)
    right.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    finish(right, True, "")
    found_text = "" if many is None else (
        f" Signs of policy collapse: {'; '.join(many.signs) if many.signs else 'none'}. "
        f"{many.problems} problems with {many.k} answers or more in both windows."
    )  # fmt: skip
    text = (
        "Left: chance that at least one of k answers is correct (unbiased estimator, answers of a window pooled). Look "
        "for a late curve that starts higher but ends lower: one sample finds more, many find less. Right: the same "
        f"step by step, within groups of {size}, and the share of different answers in a group.{found_text}"
    )
    return Picture("diversity", "Diversity", text, style.to_svg(figure))


def draw_strife(found: Diagnosis) -> Picture:
    """Forgetting above chance, over steps."""
    name, title = "frustration", "Frustration: learned at each other's cost"
    if found.detail("interference") is None:
        return Picture(name, title, "No problem was visited six times or more.", None)
    figure = style.figure(2.7)
    axes = figure.add_subplot()
    part = found.detail("interference")
    axes.axhline(0, color=style.INK, lw=0.8)
    axes.plot(part.steps, part.excess, ".", color=style.GHOST, ms=4, mew=0, label="each step")
    drawn = curve(
        axes, part.steps, smooth(part.excess), color=style.VERMILION, label="smoothed over a twentieth"
    )
    axes.set_ylabel("forgetting rate above chance\n(accuracy per window)")
    step_axis(axes, found)
    finish(axes, drawn, "too few visits")
    sizes = "; ".join(
        f"{key.replace('_', ' ')} {row['value']:.4f}, by chance {row['floor']:.4f}"
        for key, row in part.measures.items()
    )
    text = (
        f"Mean loss of accuracy within {part.window} visits, less what sampling alone would make of accuracies that never "
        f"fall ({part.problems} problems). Look for a hump: problems pull shared paths apart, and learning one costs "
        f"another. Over the whole run: {sizes}."
    )
    return Picture(name, title, text + guide_note(found), style.to_svg(figure))
