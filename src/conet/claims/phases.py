"""Phases: where the V exists and where not, and in which regimes the other claims hold."""

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes

from conet.cells.cell import Arrays, Cell
from conet.claims import c1, c3, c6, regimes
from conet.claims.phase_regimes import MAPS, REGIMES, Map, cells, present, runs_of
from conet.claims.shared import draw_values
from conet.judging.claim import Claim, Results, Table
from conet.judging.judgement import ClaimResult, judge
from conet.report import style
from conet.report.style import Picture

V = 1.3  # end over minimum, as in C2
ON_LIGHT, ON_DARK = "#0c0e10", "#fdfdfd"  # on a map's colours, which a page's dark ground does not change


def judge_rows(results: Results) -> list[ClaimResult]:
    """Judge the V at the prototype's point without one, and at the reference."""
    rows = []
    for name in ("reference", "L = 100, G = 64, Adam 0.1"):
        runs = runs_of(results, REGIMES[name])
        if runs:
            values = [regimes.v_ratio(run) for run in runs]
            text = f"{name}: end over minimum of the pooled correct length"
            rows.append(judge("C2", text, values, V, why="as in C2; the prototype saw no V at the latter"))
    return rows


def claims(runs: list[Arrays]) -> tuple[str, str, str, str]:
    """Say whether C1, C2 (pooled), C3 and C6 hold in a regime: yes, no, or ? by their own rows."""
    results = Results([(Cell("", {}), run) for run in runs], [])
    words = [regimes.short_word(c1.beyond_saturation(results).judgement)]
    words.append(regimes.short_word(judge("C2", "", [regimes.v_ratio(run) for run in runs], V).judgement))
    has_web = all("final.mean_degree" in run for run in runs)
    words.append(_all_of([c3.near_two(results), c3.one_web(results)]) if has_web else "no")
    words.append(_all_of(c6.entropy_rows(results)))
    return words[0], words[1], words[2], words[3]


def _all_of(rows: list[ClaimResult]) -> str:
    words = {row.judgement for row in rows}
    return "no" if "fails" in words else "?" if "undecided" in words else "yes"


def draw(results: Results) -> list[Picture]:
    """Draw the V ratio of every regime, and both maps."""
    pictures = [_draw_regimes(present(results))]
    if any(_grid(results, each, regimes.v_ratio).size for each in MAPS.values()):
        pictures.append(_draw_maps(results))
    return pictures


def _draw_regimes(found: dict[str, list[Arrays]]) -> Picture:
    figure = style.figure(1.0 + 0.17 * len(found))
    left, right = figure.subplots(1, 2, sharey=True)
    draw_values(
        left, list(found), [np.array([regimes.v_ratio(run) for run in runs]) for runs in found.values()], V
    )
    left.set(xlabel="V ratio: end over minimum\nof the pooled correct length")
    left.tick_params(axis="y", labelsize=6.5)
    for row, runs in enumerate(found.values()):
        for mark, marker, colour in (
            (regimes.bottom, "o", style.BLUE),
            (regimes.knee_step, "s", style.VERMILION),
            (regimes.island_peak, "^", style.GREEN),
        ):
            steps = np.array([mark(run) for run in runs])
            right.plot(steps, [row] * len(steps), marker, ms=3, color=colour, alpha=0.5, mew=0)
    for marker, colour, label in (
        ("o", style.BLUE, "V bottom"),
        ("s", style.VERMILION, "knee"),
        ("^", style.GREEN, "island peak"),
    ):
        right.plot([], [], marker, ms=4, color=colour, label=label)
    right.set(xlabel="step", xscale="symlog", xlim=(-0.5, 900))
    right.set_xscale("symlog", linthresh=10)
    right.set_xticks([0, 10, 30, 100, 300, 800], ["0", "10", "30", "100", "300", "800"])
    right.legend(loc="lower left", fontsize=6.5)
    text = (
        "One setting changed at a time from the preset reference; every dot is a seed, bars are means with "
        "95 % intervals. Left: no dot where the final accuracy is below 0.2. "
        "Right: when the V has its bottom, the accuracy its knee, the islands their peak."
    )
    return Picture(
        name="phases-regimes", title="Where the V exists", caption=text, svg=style.to_svg(figure), wide=True
    )


def _draw_maps(results: Results) -> Picture:
    figure = style.figure(5.4)
    grid = figure.subplots(2, 2)
    for row, (title, each) in zip(grid, MAPS.items()):
        _heat(row[0], each, _grid(results, each, regimes.v_ratio), f"V ratio: {title}", (1.0, 2.2), ".2f")
        _heat(row[1], each, _grid(results, each, regimes.final_accuracy), "final accuracy", (0.0, 1.0), ".2f")
    text = (
        "Medians over seeds. Left: end over minimum of the pooled correct length, 1.3 and more in bold; "
        "a dash where the final accuracy is below 0.2. M at fixed lr/M; all else as in the preset "
        "reference."
    )
    return Picture(
        name="phases-maps", title="Phase diagrams of the V", caption=text, svg=style.to_svg(figure), wide=True
    )


def _grid(results: Results, each: Map, statistic: Callable[[Arrays], float]) -> np.ndarray:
    """Median over seeds for every row and column; empty where nothing was run."""
    values = np.full((len(each.rows), len(each.columns)), np.nan)
    seen = False
    for i, row in enumerate(each.rows):
        for j, column in enumerate(each.columns):
            runs = results.where(changes=each.change(row, column), web_every=1)
            found = np.array([statistic(run) for run in runs])
            seen |= len(found) > 0
            # A regime has a ratio where most of its seeds have one.
            if np.isfinite(found).sum() > len(found) / 2:
                values[i, j] = np.nanmedian(found)
    return values if seen else np.empty((0, 0))


def _heat(
    axes: Axes, each: Map, values: np.ndarray, title: str, limits: tuple[float, float], form: str
) -> None:
    if not values.size:
        return
    axes.imshow(
        np.ma.masked_invalid(values),
        cmap="cividis",
        vmin=limits[0],
        vmax=limits[1],
        aspect="auto",
        origin="lower",
    )
    for (i, j), value in np.ndenumerate(values):
        known = np.isfinite(value)
        colour = style.INK if not known else ON_LIGHT if value > np.mean(limits) else ON_DARK
        weight = "bold" if title.startswith("V ratio") and value >= V else "normal"
        text = f"{value:{form}}" if known else "–"
        axes.text(j, i, text, ha="center", va="center", fontsize=6.5, color=colour, weight=weight)
    axes.grid(False)
    axes.set_xticks(range(len(each.columns)), [str(value) for value in each.columns])
    axes.set_yticks(range(len(each.rows)), [str(value) for value in each.rows])
    axes.set_title(title, fontsize=8)
    axes.set(xlabel=each.labels[1], ylabel=each.labels[0])


def tables(results: Results) -> list[Table]:
    """Show in which regimes the claims hold, and whether the marks coincide."""
    found = present(results)
    return [_claims_table(found), _marks_table(found)]


def _claims_table(found: dict[str, list[Arrays]]) -> Table:
    header = (
        "regime",
        "seeds",
        "accuracy",
        "V ratio",
        "C1",
        "C2 (V)",
        "C3",
        "C6",
        "most islands",
        "at the end",
    )
    caption = (
        "Medians over seeds. C1 (bend beyond saturation), C2 (pooled V), C3 (degree and largest island) and "
        "C6 (path entropy and rise) by the statistics and thresholds of these claims: yes, no, or ? where "
        "the interval over the few seeds decides nothing. Islands: components of the web."
    )
    rows = tuple(_claims_row(name, runs) for name, runs in found.items())
    return Table("In which regimes the claims hold", header, rows, caption)


def _marks_table(found: dict[str, list[Arrays]]) -> Table:
    header = (
        "regime",
        "V bottom",
        "knee",
        "island peak",
        "island peak at V bottom",
        "knee at V bottom",
        "knee at island peak",
    )
    caption = (
        "Median steps; then the share of seeds in which the first mark lies within a factor of 1.2 of "
        "the second's step. A dash: no V bottom, since the final accuracy is below 0.2."
    )
    rows = tuple(_marks_row(name, runs) for name, runs in found.items())
    return Table("Do V bottom, knee and island peak coincide?", header, rows, caption)


def _claims_row(name: str, runs: list[Arrays]) -> tuple[str, ...]:
    middle = regimes.median_of
    return (
        name,
        str(len(runs)),
        middle(map(regimes.final_accuracy, runs), ".2f"),
        middle(map(regimes.v_ratio, runs), ".2f"),
        *claims(runs),
        middle(np.nanmax(run["islands"]) for run in runs),
        middle(run["islands"][-1] for run in runs),
    )


def _marks_row(name: str, runs: list[Arrays]) -> tuple[str, ...]:
    marks = {
        "bottom": [regimes.bottom(run) for run in runs],
        "knee": [regimes.knee_step(run) for run in runs],
        "peak": [regimes.island_peak(run) for run in runs],
    }
    shares = []
    for mark, reference in (("peak", "bottom"), ("knee", "bottom"), ("knee", "peak")):
        gaps = np.array([regimes.near(*pair) for pair in zip(marks[mark], marks[reference])])
        known = gaps[np.isfinite(gaps)]
        shares.append(f"{known.mean():.2f}" if len(known) else "–")
    return (name, *(regimes.median_of(values) for values in marks.values()), *shares)


CLAIM = Claim(
    name="phases",
    title="where does the V exist, and in which regimes do the claims hold?",
    method=(
        "Preset reference with one setting changed at a time (6 seeds; 3 where walks are 100 steps "
        "long), and two maps of two settings (4 seeds). A V: end over minimum of the pooled correct "
        "length at least 1.3, not defined below a final accuracy of 0.2; windows with fewer than 50 "
        "correct walks do not count as its bottom. C1, C3 and C6 as in these claims. Two marks coincide "
        "within a factor of 1.2. Loads are compared at fixed lr/M."
    ),
    changed=(
        "Rows of fewer than six seeds are now undecided: a bootstrap of three values cannot leave their "
        "range. C1, C3, C6 and coincidence changed with their own rows; the tables of the last run are of "
        "the rows before."
    ),
    fixed="d16e117",
    cells=cells,
    judge=judge_rows,
    draw=draw,
    tables=tables,
)
