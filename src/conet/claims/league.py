"""League: which rule of learning comes nearest to the ground state, at equal cost and equally tuned."""

from dataclasses import replace

import numpy as np

from conet.base.chances import holm
from conet.base.intervals import mean_interval, standard_error
from conet.cells import league
from conet.cells.cell import Cell
from conet.claims import league_figure
from conet.claims.league_rules import AS_IT_IS, RULES, SOURCES, TUNED, words
from conet.claims.league_runs import (
    LOADS,
    closed,
    cost,
    ground,
    loads_in,
    measure,
    middle,
    reach,
    run_of,
)
from conet.judging.claim import Claim, Results, Scale, Table
from conet.judging.judgement import ClaimResult, judged
from conet.report.style import Picture

SEEDS, QUICK_SEEDS, FIRST = 16, 8, 200
TUNING_SEEDS = (100, 101, 102)
LEVEL = 0.05  # of all rules together


def cells(scale: Scale) -> list[Cell]:
    """Return ground states, and one cell a rule and load; the baseline first."""
    loads = LOADS[::2] if scale.quick else LOADS
    most = scale.seeds if scale.level == "exhaustive" else QUICK_SEEDS if scale.quick else SEEDS
    seeds = range(FIRST, FIRST + min(scale.seeds, most))
    tuning = TUNING_SEEDS[: min(2, scale.seeds // 2)] if scale.quick else TUNING_SEEDS
    found = [league.ground_cell(seeds, {"problems.count": load}) for load in loads]
    for rule, candidates in RULES.items():
        fewer = candidates[::2] if scale.quick and rule != AS_IT_IS else candidates
        found += [league.cell(rule, fewer, tuning, seeds, {"problems.count": load}) for load in loads]
    return found


def chance(values: np.ndarray) -> float:
    """Return the one-sided p-value of a mean above zero, by Student's t."""
    from scipy.stats import ttest_1samp

    if np.ptp(values) == 0.0:
        return float(values[0] <= 0.0)
    return float(ttest_1samp(values, 0.0, alternative="greater").pvalue)


def judge_rows(results: Results) -> list[ClaimResult]:
    """Judge each rule where it does worst: is it above the middle between tuned RLVR and ground state?"""
    loads = loads_in(results)
    rivals = [rule for rule in present(results) if rule not in (AS_IT_IS, TUNED)]
    above = {rule: [middle(results, rule, load) for load in loads] for rule in rivals}
    worst = np.array([max(chance(values) for values in of_rule) for of_rule in above.values()])
    missing = np.ones(len(RULES) - 2 - len(rivals))  # the correction is for all that were entered
    adjusted = holm(np.concatenate([worst, missing]))
    rows = [_row(rule, loads, of_rule, p) for (rule, of_rule), p in zip(above.items(), adjusted)]
    return sorted(rows, key=lambda row: -row.estimate)  # the largest gain first


def _row(rule: str, loads: list[int], above: list[np.ndarray], adjusted: float) -> ClaimResult:
    ends = [mean_interval(values) for values in above]
    place = min(range(len(loads)), key=lambda one: (ends[one].high >= 0.0, ends[one].low))
    estimate, *interval = ends[place]
    text = f"{rule}: pass@1 above the middle of tuned RLVR and ground state, worst at M = {loads[place]}"
    why = f"half of the gap; Holm's p over all rules and loads: {adjusted:.2g}"
    low, high = interval
    row = judged("league", text, above[place], 0.0, estimate, (low, high), why=why, estimator="mean")
    row = replace(row, problems=loads[place])
    if row.judgement == "holds" and adjusted >= LEVEL:
        return replace(row, judgement="undecided")
    return row


def present(results: Results) -> list[str]:
    """Return the rules that were run at every load."""
    return [rule for rule in RULES if all(run_of(results, rule, load) for load in loads_in(results))]


def tables(results: Results) -> list[Table]:
    """Show the table of the league, and what each rule was tuned to."""
    header = (
        "rule",
        "residual frustration",
        "pass@1",
        "pass@64",
        "gap closed",
        "walks to 90 %",
        "hops walked",
    )
    found = [
        Table(
            f"M = {load}, ground state {ground(results, load).mean():.4f}",
            header,
            tuple(_line(results, rule, load) for rule in _ranked(results, load)),
            "Means over seeds, with standard errors. Gap closed: share of the way from tuned RLVR to the "
            "ground state, a ratio of means, with its 95 % interval by Student's t. Walks of each problem "
            "until the accuracy of its last rollouts reaches nine tenths of the ground state: median, a dash "
            "where half of the seeds never do. Hops: thousands.",
        )
        for load in loads_in(results)
    ]
    return [*found, _tuned_to(results)]


def _ranked(results: Results, load: int) -> list[str]:
    return sorted(present(results), key=lambda rule: -measure(results, rule, load).mean())


def _line(results: Results, rule: str, load: int) -> tuple[str, ...]:
    ones = measure(results, rule, load)
    left = ground(results, load) - ones
    walks = np.median(reach(results, rule, load))
    share, low, high = closed(results, rule, load)
    return (
        rule,
        f"{left.mean():.4f} ± {standard_error(left):.4f}",
        f"{ones.mean():.4f}",
        f"{measure(results, rule, load, 'pass@64').mean():.4f}",
        "0" if rule == TUNED else f"{share:.2f} ({low:.2f} to {high:.2f})",
        f"{walks:.0f}" if np.isfinite(walks) else "–",
        f"{cost(results, rule, load)[:, 2].mean() / 1000:.1f}",
    )


def _tuned_to(results: Results) -> Table:
    loads = loads_in(results)
    rows = [
        (rule, SOURCES.get(rule, ""), *(_choice(results, rule, load) for load in loads))
        for rule in present(results)
    ]
    header = ("rule", "source", *(f"M = {load}" for load in loads))
    caption = (
        "G: rollouts of a problem; β: weight of the entropy; lr/M: learning rate over problems. The "
        "candidates of each rule stand in conet/claims/league_rules.py; where the best lies at an end of "
        "what was tried, more may be had."
    )
    missing = [rule for rule in RULES if rule not in present(results)]
    if missing:
        caption += f" Entered, and not run to the end here: {'; '.join(missing)}."
    return Table("What each rule was tuned to", header, tuple(rows), caption)


def _choice(results: Results, rule: str, load: int) -> str:
    found = run_of(results, rule, load)
    assert found is not None
    cell, run = found
    return words(cell.arguments["candidates"][league.chosen(run["tuning"])])


def draw(results: Results) -> list[Picture]:
    """Draw the share of the gap that each rule closes, at every load."""
    return league_figure.draw(results, present(results))


CLAIM = Claim(
    name="league",
    title="which rule comes nearest to the ground state, at equal cost and equally tuned?",
    method=(
        "Preset reference at M = 192, 256 and 320 problems. No run makes more than 832 gradient steps or "
        "draws more than 6,656 walks of a problem, a harvest and the rollouts beside supervised updates "
        "included. Every rule, and RLVR alike (rollouts G and rate), is tuned at each load among eight "
        "candidates on three seeds of their own, by exact pass@1; the candidates were written after a look "
        "at two further seeds. Then 16 fresh seeds, the same for all rules. A rule wins if it closes at "
        "least half of the gap between tuned RLVR and the ground state (as far as `conet capacity` finds "
        "it) at every load: the paired difference of its pass@1 and the middle of the two lies above zero "
        "with its whole 95 % interval (Student's t) at every load, and the largest of its one-sided "
        "p-values stays below 0.05 after Holm's correction for the number of rules. It fails where the "
        "interval lies below zero at any load."
    ),
    fixed="4bfaeac",
    cells=cells,
    judge=judge_rows,
    draw=draw,
    tables=tables,
    page="results-annealing.md",
)
