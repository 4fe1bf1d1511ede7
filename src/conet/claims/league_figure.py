"""The figure of the league."""

import numpy as np

from conet.claims.league_rules import AS_IT_IS, TUNED
from conet.claims.league_runs import closed, loads_in
from conet.judging.claim import Results
from conet.report import style
from conet.report.style import Picture

LOWEST = -1.0  # where the axis begins: rules that lose more are drawn at its end


def draw(results: Results, rules: list[str]) -> list[Picture]:
    """Draw the share of the gap that each rule closes, a panel a load, the best rule on top."""
    loads = loads_in(results)
    shares = {rule: [closed(results, rule, load) for load in loads] for rule in rules if rule != TUNED}
    ranked = sorted(shares, key=lambda rule: -min(each.estimate for each in shares[rule]))
    figure = style.figure(0.23 * len(ranked) + 0.9, width=style.WIDTH * 1.25)
    panels = np.atleast_1d(figure.subplots(1, len(loads), sharey=True))
    for place, (axes, load) in enumerate(zip(panels, loads)):
        axes.axvline(0, color=style.MUTED, lw=0.8)
        axes.axvline(0.5, color=style.VERMILION, lw=1, ls="--")
        for row, rule in enumerate(ranked):
            share, low, high = np.clip(shares[rule][place], LOWEST, None)
            colour = style.MUTED if rule == AS_IT_IS else style.BLUE
            beyond = shares[rule][place].estimate < LOWEST
            axes.plot([low, high], [row, row], "-", color=colour, lw=1.4)
            axes.plot(share, row, "<" if beyond else "o", color=colour, ms=4, mew=0)
        axes.set(title=f"M = {load}", xlabel="share of the gap closed", xlim=(LOWEST - 0.05, 1.08))
    panels[0].set_yticks(range(len(ranked)), [rule.replace("`", "") for rule in ranked])
    panels[0].set_ylim(len(ranked) - 0.5, -0.5)
    text = (
        "0: tuned RLVR; 1: the ground state, as far as the search finds it; dashed: half, which a winner has "
        "to close at every load with its whole interval. Bars: 95 % intervals over seeds, by Student's t. A "
        "triangle: lower than -1."
    )
    title = "Who comes near the ground state"
    return [Picture(name="league", title=title, caption=text, svg=style.to_svg(figure), wide=True)]
