"""The tables of verification/smollm2.py: curves, diagnosis, evaluations and webs of its trainings."""

import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from pages import shown

from conet.diagnosis import diagnose
from conet.runs.recipe import Recipe
from conet.runs.run import Run

PARTS = ("training", "held-out")  # of the problems
TENTHS = 10


def curves(run: Path) -> list[str]:
    """Return the run by tenth of its updates so far, as a table of Markdown."""
    metrics = Run(run).metrics()
    rollouts = Run(run).rollouts().filter(pl.col("split") == "train").collect()
    edges = np.linspace(0, metrics.height, min(TENTHS, metrics.height) + 1).round().astype(int)
    lines = [
        "| updates | accuracy | correct length | of problems solved at first | all right | all wrong | entropy | "
        "weight of the bonus | interference | cosine |",
        "|---" * 10 + "|",
    ]
    first: set[int] = set()
    for low, high in itertools.pairwise(edges):
        part = rollouts.filter(pl.col("step").is_between(low, high - 1))
        right = part.filter(pl.col("correct"))
        first = first or set(right["problem"].to_list())
        within = right.filter(pl.col("problem").is_in(list(first)))
        groups = part.group_by("step", "problem").agg(pl.col("correct").mean())["correct"]
        row = metrics[int(low) : int(high)]
        means = [
            mean_of(row, name) for name in ("entropy", "option.entropy", "interference", "gradient_cosine")
        ]
        alike = within.group_by("problem").agg(pl.col("length").mean())["length"]  # each with the same weight
        numbers = [part["correct"].mean(), right["length"].mean(), alike.mean()]
        numbers += [(groups == 1).mean(), (groups == 0).mean(), *means]
        lines.append(f"| {low + 1}–{high} | " + " | ".join(map(shown, numbers)) + " |")
    return lines


def mean_of(table: pl.DataFrame, name: str) -> float | None:
    """Return the mean of a column, if it is there and known."""
    if name not in table.columns:
        return None
    found: Any = table[name].drop_nulls().mean()
    return found


def ratio(found: Mapping[str, Any] | None) -> str:
    """Write an estimate with its interval."""
    if not found or found.get("estimate") is None:
        return "–"
    return f"{shown(found['estimate'])} [{shown(found['low'])}, {shown(found['high'])}]"


def judged(run: Path) -> dict[str, str]:
    """Return what `conet diagnose` says of a run, by what it says it of."""
    found = diagnose(run).findings
    pooled, within = found.get("v_pooled") or {}, found.get("v_within") or {}
    chance = found.get("by_chance") or {}
    gradients = found.get("gradient_interference") or {}
    counts = {name: found.get(name) for name in ("learned", "forgotten", "dead")}
    return {
        "V of the correct length": str(found.get("v")),
        "start over shortest, pooled": ratio(pooled.get("start_ratio")),
        "end over shortest, pooled": ratio(pooled.get("end_ratio")),
        "end over shortest, within problems": ratio(within.get("within_ratio")),
        **{
            f"problems {name} (by chance)": f"{shown(count)} ({shown(chance.get(name))})"
            for name, count in counts.items()
        },
        "interference of gradients, first and last fifth": between(gradients.get("interference")),
        "cosine of gradients at the end": ratio(gradients.get("cosine_at_end")),
    }


def between(found: Mapping[str, Any] | None) -> str:
    """Write where something began and ended."""
    return "–" if not found else f"{shown(found.get('start'))} → {shown(found.get('end'))}"


def of_web(numbers: Mapping[str, Any]) -> dict[str, str]:
    """Return what is told of a web."""
    beside = numbers["shuffled"]["effective_out_degree"]
    return {
        "steps of reasoning, different texts": f"{numbers['steps']}, {numbers['texts']}",
        "concepts (silhouette, stability)": f"{numbers['concepts']} "
        f"({shown(numbers['silhouette'])}, {shown(numbers['stability'])})",
        "significant edges, of those taken": f"{numbers['significant_edges']} of {numbers['edges']}",
        "degree, islands": f"{shown(numbers['web']['mean_degree'])}, {numbers['web']['islands']}",
        "effective out-degree (steps shuffled)": f"{shown(numbers['effective_out_degree'])} ({shown(beside)})",
    }


def freezing(place: Path) -> list[str]:
    """Return the web by stretch of the training: first, middle and last."""
    table = pl.read_parquet(place / "moments.parquet")
    chosen = sorted({0, table.height // 2, table.height - 1})
    names = [
        name
        for name in (
            "step",
            "mean_degree",
            "islands",
            "effective_out_degree",
            "effective_out_degree_shuffled",
        )
        if name in table.columns
    ]
    lines = ["| " + " | ".join(name.replace("_", " ") for name in names) + " |", "|---" * len(names) + "|"]
    return lines + ["| " + " | ".join(shown(table[name][row]) for name in names) + " |" for row in chosen]


def evaluations(out: Path, models: Sequence[str]) -> list[str]:
    """Return pass@k of the models that were evaluated, with intervals over problems."""
    lines = ["| model | problems | pass@1 | pass@k | correct length | cut off |", "|---" * 6 + "|"]
    for name in models:
        for part in PARTS:
            file = out / "eval" / name / part / "evaluation.json"
            if not file.exists():
                continue
            found = json.loads(file.read_text(encoding="utf-8"))
            passed = found["pass_at_k"]
            cells = [
                "–" if one["low"] is None else f"{one['value']:.3f} [{one['low']:.3f}, {one['high']:.3f}]"
                for one in (passed["1"], passed[str(max(map(int, passed)))])
            ]
            about = f"{found['problems']} {part}, k = {max(map(int, passed))}"
            ends = f"{shown(found['correct_length'])} | {found['truncated_share']:.3f}"
            lines.append(f"| {name} | {about} | {' | '.join(cells)} | {ends} |")
    return lines


def side_by_side(columns: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return a table with a row for each thing that is told, and a column for each arm."""
    lines = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name in next(iter(columns.values())):
        lines.append(f"| {name} | " + " | ".join(each.get(name, "–") for each in columns.values()) + " |")
    return lines


def cost(out: Path, arm: str) -> str:
    """Say what an update took, over all sittings."""
    file = out / f"{arm}.sittings.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    updates = sum(row["updates"] for row in rows)
    if not updates:
        return f"{arm}: not measured"
    means = [sum(row[name] for row in rows) / updates for name in ("cpu_seconds", "seconds")]
    return f"{arm}: {means[0]:.1f} s of processor time an update, {means[1]:.1f} s by the clock"


def page(out: Path, whole: Recipe, arms: Sequence[str], changed: Sequence[str]) -> str:
    """Return what is known so far as Markdown.

    Parameters
    ----------
    out
        Where trainings, evaluations and webs are.
    whole
        The recipe that the arms share.
    arms
        Those that may have begun.
    changed
        What was asked for beside the recipe, as ``key=value``.
    """
    heights = {arm: _updates(out / arm) for arm in arms}
    begun = [arm for arm, height in heights.items() if height]
    options = whole.options()
    size = options["per_device_train_batch_size"] * options["gradient_accumulation_steps"]
    progress = ", ".join(f"{arm} {heights[arm]} of {whole.steps} updates" for arm in begun)
    what = f"**one seed an arm**, so nothing here is a verdict. {progress}; {size} rollouts an update"
    asked = f"; {' '.join(changed)}" if changed else ""
    lines = [f"*What was run*: {what}{asked}. " + "; ".join(cost(out, arm) for arm in begun) + "."]
    for arm in begun:
        lines += ["", f"**{arm}**", "", *curves(out / arm)]
    if begun:
        lines += ["", *side_by_side({arm: judged(out / arm) for arm in begun})]
    lines += ["", *evaluations(out, ("start", *arms))]
    webs = {arm: out / "web" / arm for arm in begun if (out / "web" / arm / "web.json").exists()}
    if webs:
        told = {arm: json.loads((place / "web.json").read_text("utf-8")) for arm, place in webs.items()}
        lines += ["", *side_by_side({arm: of_web(numbers) for arm, numbers in told.items()})]
    for arm, place in webs.items():
        lines += ["", f"The web of {arm} through its training:", "", *freezing(place)]
    return "\n".join(lines) + "\n"


def _updates(run: Path) -> int:
    """Return how many updates a training has done; 0 where it has not begun."""
    return Run(run).metrics().height if (run / "rollouts").exists() else 0
