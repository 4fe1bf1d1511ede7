"""Paired arms on the recipe `tiny`: RLVR, annealed and late heating, branched from one shared prefix a seed.

    python verification/llm_paired.py --seeds 10 --jobs 2 --out runs/llm-paired --write docs

A seed has its own problems, weights and draws. It trains warm-up and RLVR once, up to the step before the
annealed arm heats (the detector's signal, or the recipe's latest step). The arms are copies of that
checkpoint, so nothing before it differs. `strong` heats with five times the rate; `walks` is RLVR gone on
for as many updates as the harvest's samples would have paid for. Then 64 samples a problem, on the
problems trained on and on 64 others of the same kind. What is done is not done again. With --write,
verdicts and figure go into docs/results-llm.md.
"""

import argparse
import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import polars as pl
from matplotlib.ticker import MaxNLocator

from conet.base.files import write_atomic
from conet.claims.shared import draw_values
from conet.detect import find_knee
from conet.diagnosis import diagnose
from conet.judging.judgement import ClaimResult, judge
from conet.llm import checkpoints, evaluate, identity, models, problems, sampling, train
from conet.observables.forgetting import forgetting_summary
from conet.report import style
from conet.rollouts import per_problem
from conet.runs import recipe

SAMPLES = 64
KS = ("1", "16", "64")
MARK = "<!-- made by verification/llm_paired.py -->"
STRONG = 5e-4  # five times the recipe's rate of heating
ARMS = ("rlvr", "annealed", "strong", "late", "walks")


def settings_of(seed: int) -> recipe.Recipe:
    """Return the shipped recipe with problems and weights of this seed."""
    whole = recipe.load("tiny").override({"seed": seed, "problems.seed": seed})
    return whole.override({"checkpoint_every": whole.steps})


def branch(source: Path, out: Path, settings: recipe.Recipe) -> Path:
    """Copy a run up to its last checkpoint, and go on under another recipe."""
    if not out.exists():
        temporary = out.with_name(f".{out.name}")
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.copytree(source, temporary)
        (temporary / "summary.json").unlink()
        shutil.rmtree(temporary / "model")
        (temporary / "recipe.json").write_text(settings.to_json())
        # Its record belongs to the other recipe, so the copy begins one of its own.
        (temporary / "digests.jsonl").unlink()
        comes_from = json.loads((temporary / "provenance.json").read_text())
        comes_from.pop("digests", None)  # a promise that there is a record
        (temporary / "provenance.json").write_text(json.dumps(comes_from))
        for folder in (temporary / "checkpoints").glob("checkpoint-*"):
            state = checkpoints.read_state(folder)
            state.pop("tables", None)
            checkpoints.write_state(folder, state)
        temporary.rename(out)
    return train.go_on(out)


def trained(settings: recipe.Recipe, out: Path) -> Path:
    """Train, or go on where it was stopped."""
    return train.go_on(out) if out.exists() else train.run(settings, out)


def prefix_of(whole: recipe.Recipe, place: Path) -> Path:
    """Train what the arms share: all steps before the one at whose end the annealed arm heats."""
    latest = whole.heating.latest
    assert latest is not None
    # One step less than the heating's, so that the arms decide at the end of the very next one.
    scout = trained(whole.override({"steps": latest - 1}), place / "scout")
    heat = json.loads((scout / "summary.json").read_text())["heat"]
    if heat is None:
        return scout
    return trained(whole.override({"steps": heat["step"] - 1, "heating.mode": "rlvr"}), place / "prefix")


def run_seed(seed: int, out: Path) -> dict[str, dict[str, Any]]:
    """Train and measure all arms of a seed, or read what is there."""
    import torch

    torch.set_num_threads(1)
    place, done = out / f"seed-{seed}", out / f"seed-{seed}.json"
    if done.exists():
        return json.loads(done.read_text())
    place.mkdir(parents=True, exist_ok=True)
    whole = settings_of(seed)
    prefix = prefix_of(whole, place)
    runs = {
        mode: branch(prefix, place / mode, whole.override({"heating.mode": mode}))
        for mode in ("rlvr", "annealed", "late")
    }
    runs["strong"] = branch(prefix, place / "strong", whole.override({"heating.learning_rate": STRONG}))
    batch = whole.options()["per_device_train_batch_size"]
    assert whole.problems.limit is not None
    paid = -(-whole.heating.harvest_samples * whole.problems.limit // batch) - whole.heating.steps
    longer = whole.override({"heating.mode": "rlvr", "steps": whole.steps + paid})
    runs["walks"] = branch(runs["rlvr"], place / "walks", longer)
    found = {arm: measure(runs[arm], whole) for arm in ARMS}
    write_atomic(done, json.dumps(found) + "\n")
    return found


def ask(run: Path, whole: recipe.Recipe, seed: int, out: Path) -> dict[str, float]:
    """Draw samples of the final model on the problems of a seed; return pass@k."""
    asked = whole.problems.model_copy(update={"seed": seed})
    where = whole.model.model_copy(update={"path": str(run / "model"), "tokenizer": str(run / "start")})
    model, tokenizer = models.load(where, whole.seed)
    length = whole.options()["max_completion_length"]
    found, drawn = problems.load(asked), sampling.sampling_of(whole.options())
    generate = sampling.transformers_generator(model, tokenizer, length, drawn, 512)
    weights = identity.of_model(where, whole.seed)
    what = identity.asked(found, asked, SAMPLES, weights, drawn, length=length, seed=whole.seed)
    result = evaluate.evaluate(generate, found, asked, what, out)
    return {f"pass@{k}": result["pass_at_k"][k]["value"] for k in KS}


def measure(run: Path, whole: recipe.Recipe) -> dict[str, Any]:
    """pass@k, forgetting, knee, and the V of the correct length, as `conet diagnose` finds them."""
    found: dict[str, Any] = ask(run, whole, whole.seed, run / "eval")
    others = ask(run, whole, whole.seed + 100_000, run / "eval-others")
    found |= {f"{name}, other problems": value for name, value in others.items()}
    diagnosis = diagnose(run)
    table = per_problem(pl.scan_parquet(run / "rollouts/*.parquet").filter(pl.col("split") == "train"))
    shape = table["step"].max() + 1, table["problem"].max() + 1
    correct, samples = np.zeros((2, *shape), np.int64)
    correct[table["step"], table["problem"]] = table["correct_count"]
    samples[table["step"], table["problem"]] = table["samples"]
    rows = samples.sum(axis=1)
    lost = forgetting_summary(correct, samples)
    found |= {f"forgetting: {key}": parts["excess"] for key, parts in lost.items()}
    bend = find_knee(diagnosis.log.counts)
    found["knee"] = None if bend.step is None else bend.step.estimate
    found["slope ratio"] = None if bend.slope_ratio is None else bend.slope_ratio.estimate
    valley = diagnosis.detail("correct-length")
    found["V: bottom"] = None if valley is None else valley.bottom.estimate
    found["V: end over shortest"] = None if valley is None else valley.end_ratio.estimate
    found["V: within problems"] = None if valley is None else valley.within_ratio.estimate
    summary = json.loads((run / "summary.json").read_text())
    with np.errstate(invalid="ignore"):
        found["curve"] = (correct.sum(axis=1) / rows).tolist()
    length = pl.read_parquet(run / "metrics.parquet")
    found["length"] = (length["correct_length_sum"] / length["correct_count"]).to_list()
    heat = summary["heat"] or {}
    return found | {
        "heated": heat.get("step"),
        "reason": heat.get("reason"),
        "eligible": heat.get("eligible"),
        "monitor_share": summary["monitor_share"],
    }


def values(seeds: list[dict[str, Any]], arm: str, name: str) -> np.ndarray:
    """Return one measure of an arm, one a seed; what is not there is NaN."""
    return np.array([np.nan if each[arm][name] is None else each[arm][name] for each in seeds], np.float64)


def verdicts(seeds: list[dict[str, Any]]) -> list[ClaimResult]:
    """Decide each comparison by its interval over seeds; all thresholds were fixed before the runs."""
    rows = []

    def compare(name: str, arm: str, base: str, wanted: str = "at least") -> None:
        gain = values(seeds, arm, name) - values(seeds, base, name)
        text = f"{name}: {arm} less {base}"
        rows.append(judge("tiny", text, gain, 0.0, wanted=wanted))  # type: ignore[arg-type]

    for suffix in ("", ", other problems"):
        for k in KS:
            compare(f"pass@{k}{suffix}", "annealed", "rlvr")
    for base in ("late", "walks"):
        for k in KS:
            compare(f"pass@{k}", "annealed", base)
    for arm in ("strong", "late"):
        compare("pass@1", arm, "rlvr")
        compare("pass@64", arm, "rlvr")
    for name in seeds[0]["rlvr"]:
        if name.startswith("forgetting"):
            compare(name, "annealed", "rlvr", "at most")
    for arm in ("rlvr", "annealed"):
        rows.append(
            judge(
                "tiny",
                f"slope before the knee over that after it: {arm}",
                values(seeds, arm, "slope ratio"),
                2.0,
                over=np.median,
            )
        )
        for name in ("V: end over shortest", "V: within problems"):
            rows.append(judge("tiny", f"{name}: {arm}", values(seeds, arm, name), 1.1))
    for name in ("knee", "V: bottom", "V: end over shortest"):
        compare(name, "annealed", "rlvr")
    return rows


def page(seeds: list[dict[str, Any]], rows: list[ClaimResult]) -> str:
    """Return the tables as Markdown."""
    lines = ["| comparison | estimate | 95 % interval | verdict |", "|---|---|---|---|"]
    for row in rows:
        lines.append(
            f"| {row.statistic} | {row.estimate:+.4g} | [{row.ci[0]:+.4g}, {row.ci[1]:+.4g}] | "
            f"{row.judgement} |"
        )
    lines += [
        "",
        "| mean over seeds (slope ratio: median) | " + " | ".join(ARMS) + " |",
        "|---" * (len(ARMS) + 1) + "|",
    ]
    names = [name for name, value in seeds[0]["rlvr"].items() if isinstance(value, float)]
    for name in dict.fromkeys([*names, "knee", "V: bottom", "V: end over shortest"]):
        middle = (
            np.nanmedian if name == "slope ratio" else np.nanmean
        )  # it is infinite where nothing rises later
        cells = [f"{middle(values(seeds, arm, name)):.4g}" for arm in ARMS]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "| seed | heated at | because | problems eligible | heated late at | eligible |",
        "|---" * 6 + "|",
    ]
    for seed, each in enumerate(seeds):
        early, late = each["annealed"], each["late"]
        lines.append(
            f"| {seed} | {early['heated']} | {early['reason']} | {early['eligible']} | {late['heated']} | "
            f"{late['eligible']} |"
        )
    return "\n".join(lines) + "\n"


def in_fives(curves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the means of five steps each, and their middle steps; heating steps have no rollouts."""
    whole = curves[:, : curves.shape[1] // 5 * 5].reshape(len(curves), -1, 5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # five steps of heating have no mean
        return np.nanmean(whole, axis=2), np.arange(whole.shape[1]) * 5 + 2


def draw(seeds: list[dict[str, Any]]) -> str:
    """Accuracy and correct length of the arms, and the paired gains."""
    with style.look():
        figure = style.figure(6.0)
        left, right = figure.subplots(2, 2, width_ratios=(1.1, 1)).T
        for arm, colour, dashes in (
            ("rlvr", style.BLUE, "-"),
            ("annealed", style.VERMILION, "--"),
            ("strong", style.PURPLE, "-."),
            ("late", style.GREEN, ":"),
        ):
            for axes, name in zip(left, ("curve", "length"), strict=True):
                curves = np.array(
                    [[np.nan if value is None else value for value in each[arm][name]] for each in seeds]
                )
                curves, steps = in_fives(curves)
                known = np.isfinite(curves).mean(axis=0) > 0.5  # heating draws none
                axes.plot(
                    steps[known],
                    np.nanmedian(curves[:, known], axis=0),
                    color=colour,
                    ls=dashes,
                    lw=1.3,
                    label=arm,
                )
        left[0].set_ylabel("accuracy of the rollouts")
        left[1].set_ylabel("correct length (tokens)")
        left[1].set_xlabel("step (means of five steps, median of the seeds)")
        left[0].legend()
        for axes, suffix in zip(right, ("", ", other problems"), strict=True):
            pairs = [(k, base) for base in ("rlvr", "strong", "late", "walks") for k in KS]
            gains = [
                values(seeds, "annealed", f"pass@{k}{suffix}") - values(seeds, base, f"pass@{k}{suffix}")
                for k, base in pairs
            ]
            draw_values(axes, [f"pass@{k}, vs {base}" for k, base in pairs], gains, 0.0)
            axes.xaxis.set_major_locator(MaxNLocator(5))
        right[0].set_title("problems trained on", fontsize=8)
        right[1].set_title("other problems", fontsize=8)
        right[1].set_xlabel("annealed less the other arm")
        return style.to_svg(figure)


def main() -> None:
    """Run the seeds, print the tables, and put them into the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/llm-paired"))
    parser.add_argument("--write", type=Path, help="folder of the docs to put tables and figure into")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    seeds = joblib.Parallel(given.jobs, verbose=5)(
        joblib.delayed(run_seed)(seed, given.out) for seed in range(given.seeds)
    )
    text = page(seeds, verdicts(seeds))
    print(text)
    if given.write:
        results = given.write / "results-llm.md"
        before, _, rest = results.read_text(encoding="utf-8").partition(MARK + "\n")
        write_atomic(results, before + MARK + "\n\n" + text + "\n" + rest[rest.find("## ") :])
        write_atomic(given.write / "figures/llm-paired.svg", draw(seeds))


if __name__ == "__main__":
    main()
