"""Paired arms on the recipe `tiny`: RLVR, annealed and late heating from one shared prefix a seed.

    python verification/llm_paired.py --seeds 8 --out runs/llm-paired

Each seed trains its warm-up and RLVR up to the step of heating once; the arms branch from that
checkpoint, so they differ in nothing before it. Then pass@k of each arm over the training problems.
Cells that are there are not made again; the table is printed as Markdown.
"""

import argparse
import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl

from conet.detect.knee import knee
from conet.files import write_atomic
from conet.llm import evaluate, models, problems, recipe, train
from conet.observables.forgetting import forgetting_summary
from conet.rollouts import per_problem
from conet.statistics import interval

SAMPLES = 64
ARMS = {"rlvr": {"heating.mode": "rlvr"}, "annealed": {}, "late": {}}


def branch(prefix: Path, out: Path, settings: recipe.Recipe) -> None:
    """Copy a run up to its last checkpoint, under another recipe."""
    shutil.copytree(prefix, out)
    (out / "summary.json").unlink(missing_ok=True)
    shutil.rmtree(out / "model", ignore_errors=True)
    write_atomic(out / "recipe.json", settings.model_dump_json(indent=2) + "\n")


def cell(seed: int, arm: str, place: Path, steps: int, heat: int, late: int) -> dict[str, float]:
    """Train and evaluate one arm of one seed, or read what is there."""
    done = place / f"seed-{seed}-{arm}.json"
    if done.exists():
        return json.loads(done.read_text())
    whole = recipe.load("tiny").override({"seed": seed, "steps": steps, "checkpoint_every": heat})
    prefix = place / f"seed-{seed}-prefix"
    if not (prefix / "summary.json").exists():
        shutil.rmtree(prefix, ignore_errors=True)
        # One step less than the heating's, so that the arms decide at the end of the very next one.
        train.run(
            whole.override({"steps": heat - 1, "checkpoint_every": heat - 1, "heating.mode": "rlvr"}), prefix
        )
    run = place / f"seed-{seed}-{arm}"
    if not run.exists():
        step = {"annealed": heat, "late": late}.get(arm)
        changes = ARMS[arm] if step is None else {"heating.mode": "heat_at", "heating.step": step}
        branch(prefix, run, whole.override(changes))
    train.go_on(run)
    found = measure(run)
    write_atomic(done, json.dumps(found) + "\n")
    return found


def measure(run: Path) -> dict[str, float]:
    """pass@k over the training problems, forgetting, and the V of the correct length."""
    settings = train.read_recipe(run)
    where = settings.model.model_copy(update={"path": str(run / "model"), "tokenizer": str(run / "start")})
    model, tokenizer = models.load(where, settings.seed)
    length = settings.options()["max_completion_length"]
    generate = evaluate.transformers_generator(model, tokenizer, length, 1.0, 128, settings.seed)
    asked = problems.load(settings.problems)
    result = evaluate.evaluate(generate, asked, settings.problems, SAMPLES, run / "eval")
    table = per_problem(pl.scan_parquet(run / "rollouts/*.parquet"))
    steps, numbers = table["step"].max() + 1, len(asked)
    correct, samples = np.zeros((2, steps, numbers), np.int64)
    correct[table["step"], table["problem"]] = table["correct"]
    samples[table["step"], table["problem"]] = table["samples"]
    shares = correct.sum(axis=1) / np.maximum(samples.sum(axis=1), 1)
    bend = knee(shares[samples.sum(axis=1) > 0])  # heating draws no rollouts, so its steps are left out
    summary = json.loads((run / "summary.json").read_text())
    found = {f"pass@{k}": result["pass_at_k"][str(k)]["value"] for k in (1, 16, 64)}
    found |= {f"length {key}": summary["correct_length"][key] for key in ("start", "min", "min_step", "end")}
    found |= {
        f"{key}, above noise": parts["excess"] for key, parts in forgetting_summary(correct, samples).items()
    }
    found["knee"] = float("nan") if bend is None else bend
    return found | {"eligible": (summary["heat"] or {}).get("eligible", 0)}


def main() -> None:
    """Run the cells and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--heat", type=int, default=70)
    parser.add_argument("--late", type=int, default=120)
    parser.add_argument("--out", type=Path, default=Path("runs/llm-paired"))
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    rows = {arm: [cell(seed, arm, given.out, given.steps, given.heat, given.late) for seed in range(given.seeds)]
            for arm in ARMS}  # fmt: skip
    print("| measure | rlvr | annealed - rlvr | late - rlvr |\n|---|---|---|---|")
    for name in rows["rlvr"][0]:
        base = np.array([row[name] for row in rows["rlvr"]], np.float64)
        cells = [f"{np.nanmean(base):.3f}"]
        for arm in ("annealed", "late"):
            gain = np.array([row[name] for row in rows[arm]], np.float64) - base
            gain = gain[np.isfinite(gain)]
            if not len(gain):
                cells.append("undefined")
                continue
            low, high = interval(gain)
            cells.append(f"{gain.mean():+.3f} [{low:+.3f}, {high:+.3f}]")
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
