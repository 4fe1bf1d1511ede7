"""A league of rules on two small language models: sums, and routes whose problems compete.

    python verification/llm_league.py --seeds 10 --out runs/llm-league --write docs

Fixed before the runs:

* Testbeds: the recipes `tiny` (sums) and `routes` (ways through one graph, load 0.4), each with the updates of its
  recipe (150 and 300), of equal size for all rules. A seed has its own weights, problems and, on `routes`, graph;
  all rules begin at the same warmed-up model.
* Rules: RLVR; the paper's SFT (at the detector's signal, half-way at the latest, on solutions of the run's own
  rollouts, so that it costs no samples); a constant entropy bonus; a controlled one, `schedule.name=temperature`;
  a constant one with one SFT update in 15. No rule draws more completions than RLVR.
* Tuning: each rule, RLVR among them, has the same number of candidates (three), and takes the one with the highest
  mean pass@1 on the tuning seeds (1000, 1001, ...), which are not used again.
* Score: pass@1 and pass@64 on the problems trained on, 64 samples each.
* Interference, at the start, half-way and at the end of tuned RLVR: 1 - |sum of g| / sum of |g| over the problems'
  gradients g (of all weights; 64 rollouts a problem, advantage reward less mean, so problems all right or all wrong
  have none), and the share of pairs with a negative cosine. Independent gradients of equal size would have
  1 - 1/sqrt(n) and one half.
* Prediction: temperature gains where problems interfere, and only there. It holds if
  (1) on `routes` the controlled bonus ends above tuned RLVR in pass@1,
  (2) its gain on `routes` is larger than its gain on `tiny`,
  (3) half-way, more pairs have a negative cosine on `routes` than on `tiny`,
  each with the whole 95 % interval over seeds. It is undecided below six seeds.

One cell is one training with its evaluation; what is done is not done again, and a training that was stopped goes
on. `--updates`, `--tuning-seeds` and `--set` make it smaller; what was run is said with the table.
"""

import argparse
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from conet.base.files import write_atomic
from conet.cli.options import parse_pairs
from conet.judging.judgement import ClaimResult, judge
from conet.llm import evaluate, identity, models, problems, sampling, train, warmup
from conet.llm.judge import Judge
from conet.runs import recipe

SAMPLES = 64
TUNED_ON = 1000  # the first of the tuning seeds
TESTBEDS = ("routes", "tiny")
MARK = "<!-- made by verification/llm_league.py -->"
END = "<!-- end of verification/llm_league.py -->"
RATES = (2e-4, 5e-4, 1e-3)
WEIGHTS = (0.01, 0.03, 0.06)
TEMPERATURE = {"schedule.name": "temperature"}
SFT = {"heating.harvest_samples": 0, "heating.min_samples": 16, "heating.max_accuracy": 0.1}
# Of each rule three candidates: what it changes in the recipe. RLVR's tuned rate is that of all others.
RULES: dict[str, tuple[Mapping[str, Any], ...]] = {
    "RLVR": tuple({"schedule.name": "rlvr", "training.learning_rate": rate} for rate in RATES),
    "paper's SFT": tuple(
        {"schedule.name": "annealed_rlvr", **SFT, "heating.learning_rate": rate}
        for rate in (5e-5, 1e-4, 3e-4)
    ),
    "entropy, constant": tuple(
        {**TEMPERATURE, "schedule.cooling": "constant", "training.entropy_coef": weight} for weight in WEIGHTS
    ),
    "entropy, controlled": tuple({**TEMPERATURE, "training.learning_rate": rate} for rate in RATES),
    "entropy and SFT every 15": tuple(
        {
            **TEMPERATURE,
            **SFT,
            "schedule.cooling": "constant",
            "training.entropy_coef": weight,
            "schedule.sft_every": 15,
            "heating.learning_rate": 1e-4,
        }
        for weight in WEIGHTS
    ),
}


def settings_of(testbed: str, seed: int, given: argparse.Namespace) -> recipe.Recipe:
    """Return the shipped recipe with problems and weights of this seed."""
    shipped = recipe.load(testbed)
    updates = given.updates or shipped.steps
    changes = {
        "seed": seed,
        "problems.seed": seed,
        "steps": updates,
        "checkpoint_every": max(1, updates // 2),
    }
    found = shipped.override({**changes, **parse_pairs(given.set)})
    return found.override({"heating.latest": max(1, updates // 2), "heating.harvest_samples": 0})


def start_of(whole: recipe.Recipe, place: Path) -> Path:
    """Warm a model up once for all rules of a seed."""
    start = place / "start"
    if not start.exists():
        made = place / ".start"
        shutil.rmtree(made, ignore_errors=True)
        model, tokenizer = models.load(whole.model, whole.seed)
        warmup.warm_up(model, tokenizer, whole.warmup, whole.problems, whole.seed)
        model.save_pretrained(made)
        tokenizer.save_pretrained(made)
        made.rename(start)
    return start


def cell(whole: recipe.Recipe, changes: Mapping[str, Any], place: Path, name: str) -> dict[str, Any]:
    """Train by one rule and measure it, or read what is there."""
    done, run = place / f"{name}.json", place / name
    if done.exists():
        return dict(json.loads(done.read_text()))
    place.mkdir(parents=True, exist_ok=True)
    begun = {"model.path": str(start_of(whole, place)), "warmup.steps": 0}
    settings = whole.override({**begun, **changes})
    train.go_on(run) if run.exists() else train.run(settings, run)
    found: dict[str, Any] = ask(run / "model", whole, run / "eval")
    summary = json.loads((run / "summary.json").read_text())
    found |= {"heated": (summary["heat"] or {}).get("step"), "seconds": summary["seconds"]}
    write_atomic(done, json.dumps(found) + "\n")
    return found


def ask(model: Path, whole: recipe.Recipe, out: Path) -> dict[str, float]:
    """Draw samples of a model on its problems; return pass@1 and pass@64."""
    where = whole.model.model_copy(update={"path": str(model)})
    loaded, tokenizer = models.load(where, whole.seed)
    length = whole.options()["max_completion_length"]
    found, drawn = problems.load(whole.problems), sampling.sampling_of(whole.options())
    generate = sampling.transformers_generator(loaded, tokenizer, length, drawn, 512)
    weights = identity.of_model(where, whole.seed)
    what = identity.asked(found, whole.problems, SAMPLES, weights, drawn, length=length, seed=whole.seed)
    result = evaluate.evaluate(generate, found, whole.problems, what, out)
    return {f"pass@{k}": result["pass_at_k"][k]["value"] for k in ("1", "64")}


def products(model_path: Path, whole: recipe.Recipe) -> np.ndarray:
    """Return the inner products of the problems' gradients, as :func:`interference` takes them."""
    import torch

    where = whole.model.model_copy(update={"path": str(model_path)})
    model, tokenizer = models.load(where, whole.seed)
    length = whole.options()["max_completion_length"]
    generate = sampling.transformers_generator(
        model, tokenizer, length, sampling.sampling_of(whole.options()), 512
    )
    rows = []
    with Judge(whole.problems.verifier) as judged:
        for one in problems.load(whole.problems):
            prompt = str(problems.prompt(one, whole.problems))
            drawn = generate([prompt] * SAMPLES, whole.seed + one.number)
            rewards = [
                verdict.reward for verdict in judged.judge([(text, one.answer) for _, text, _ in drawn])
            ]
            advantage = torch.tensor(rewards) - sum(rewards) / len(rewards)
            asked = tokenizer(prompt, add_special_tokens=False)["input_ids"]
            batch = padded(asked, [ids for ids, _, _ in drawn], tokenizer.pad_token_id)
            model.zero_grad()
            (likelihood(model, *batch, len(asked)) * advantage).mean().backward()
            parts = [weight.grad.reshape(-1) for weight in model.parameters() if weight.grad is not None]
            rows.append(torch.cat(parts).numpy().copy())
    return products_of(np.array(rows))


def products_of(rows: np.ndarray) -> np.ndarray:
    """Return the inner products of rows, in float64."""
    return rows.astype(np.float64) @ rows.T.astype(np.float64)


def padded(asked: list[int], completions: list[list[int]], pad: int) -> tuple[Any, Any]:
    """Put one prompt and its completions into a padded batch of ids, and the mask of what counts."""
    import torch

    width = len(asked) + max(map(len, completions))
    ids = torch.full((len(completions), width), pad)
    mask = torch.zeros_like(ids)
    for row, tokens in enumerate(completions):
        both = [*asked, *tokens]
        ids[row, : len(both)] = torch.tensor(both)
        mask[row, : len(both)] = 1
    return ids, mask


def likelihood(model: Any, ids: Any, mask: Any, prompt: int) -> Any:
    """Return the mean log-probability a token of each completion, with its gradient."""
    logits = model(input_ids=ids, attention_mask=mask).logits[:, prompt - 1 : -1]
    logs = logits.log_softmax(-1).gather(-1, ids[:, prompt:, None])[..., 0]
    counts = mask[:, prompt:]
    return (logs * counts).sum(-1) / counts.sum(-1).clamp(min=1)


def interference(products: np.ndarray) -> dict[str, float]:
    """Say how much the gradients of problems stand in each other's way.

    Parameters
    ----------
    products : ndarray of float, shape (problems, problems)
        Inner products of their gradients; those without one are left out.

    Returns
    -------
    dict
        ``cancelled`` (1 - |sum| / sum of norms), ``by_chance`` (what independent gradients of these norms have)
        and ``opposed`` (share of pairs with a negative cosine); NaN below two gradients. ``problems`` with one.
    """
    some = np.diag(products) > 0
    products = products[np.ix_(some, some)]
    norms = np.sqrt(np.diag(products))
    count = {"problems": float(some.sum())}
    if some.sum() < 2:
        return count | dict.fromkeys(("cancelled", "by_chance", "opposed"), np.nan)
    return count | {
        "cancelled": float(1 - np.sqrt(max(products.sum(), 0.0)) / norms.sum()),
        "by_chance": float(1 - np.sqrt((norms**2).sum()) / norms.sum()),
        "opposed": float((products[np.triu_indices(len(products), 1)] < 0).mean()),
    }


def measured(whole: recipe.Recipe, place: Path, run: Path) -> dict[str, dict[str, float]]:
    """Measure interference along a run, or read what is there."""
    done = place / "interference.json"
    if not done.exists():
        half = run / "checkpoints" / f"checkpoint-{max(1, whole.steps // 2)}"
        stages = {"start": place / "start", "half-way": half, "end": run / "model"}
        found = {stage: interference(products(path, whole)) for stage, path in stages.items()}
        write_atomic(done, json.dumps(found) + "\n")
    return dict(json.loads(done.read_text()))


def tuned(testbed: str, given: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Return what each rule was tuned to, by the mean pass@1 on the tuning seeds; RLVR's rate serves all."""
    done = given.out / testbed / "tuned.json"
    if done.exists():
        return dict(json.loads(done.read_text()))
    found: dict[str, dict[str, Any]] = {}
    for rule, candidates in RULES.items():
        rate = found.get("RLVR", {}).get("training.learning_rate")
        tried = [({"training.learning_rate": rate} if rate else {}) | dict(one) for one in candidates]
        scores = []
        for number, changes in enumerate(tried):
            values = []
            for seed in range(TUNED_ON, TUNED_ON + given.tuning_seeds):
                place, name = given.out / testbed / f"seed-{seed}", f"{slug(rule)}-{number}"
                whole = settings_of(testbed, seed, given)
                values.append(cell(whole, changes, place, name)["pass@1"])
                print(testbed, "tuning", rule, number, seed, f"{values[-1]:.3f}", flush=True)
            scores.append(np.mean(values))
        found[rule] = tried[int(np.argmax(scores))]
    write_atomic(done, json.dumps(found) + "\n")
    return found


def slug(rule: str) -> str:
    """Return a rule's name as that of a folder."""
    return "".join(letter if letter.isalnum() else "-" for letter in rule.lower())


def run_seed(testbed: str, seed: int, rules: Mapping[str, Mapping[str, Any]], given: Any) -> dict[str, Any]:
    """Run all rules of a seed, and measure interference along RLVR."""
    place, whole = given.out / testbed / f"seed-{seed}", settings_of(testbed, seed, given)
    found: dict[str, Any] = {}
    for rule, changes in rules.items():
        found[rule] = cell(whole, changes, place, slug(rule))
        print(testbed, seed, rule, f"{found[rule]['pass@1']:.3f}", flush=True)
    return found | {"interference": measured(whole, place, place / slug("RLVR"))}


def gains(seeds: list[dict[str, Any]], rule: str, name: str = "pass@1") -> np.ndarray:
    """Return the paired gains of a rule over tuned RLVR, one a seed."""
    return np.array([one[rule][name] - one["RLVR"][name] for one in seeds])


def opposed(seeds: list[dict[str, Any]]) -> np.ndarray:
    """Return the share of opposed pairs half-way, one a seed."""
    return np.array([one["interference"]["half-way"]["opposed"] for one in seeds], np.float64)


def verdicts(found: Mapping[str, list[dict[str, Any]]]) -> list[ClaimResult]:
    """Judge the prediction; thresholds were fixed before the runs."""
    rows = []
    if found.get("routes"):
        gain = gains(found["routes"], "entropy, controlled")
        rows.append(judge("llm", "(1) controlled less RLVR on routes, pass@1", gain, 0.0))
    both = min(len(found.get(name, [])) for name in TESTBEDS)
    if both:
        here, there = found["routes"][:both], found["tiny"][:both]
        more = gains(here, "entropy, controlled") - gains(there, "entropy, controlled")
        rows.append(judge("llm", "(2) that gain on routes less that on tiny", more, 0.0))
        pairs = opposed(here) - opposed(there)
        rows.append(judge("llm", "(3) opposed pairs half-way, routes less tiny", pairs, 0.0))
    return rows


def page(found: Mapping[str, list[dict[str, Any]]], given: argparse.Namespace) -> str:
    """Return the tables as Markdown."""
    updates = given.updates or "the recipes'"
    lines = [
        f"*What was run*: {updates} updates, {given.tuning_seeds} tuning seeds a candidate, "
        + (f"{' '.join(given.set)}; " if given.set else "")
        + ", ".join(f"{len(seeds)} seeds of `{name}`" for name, seeds in found.items())
        + ".",
        "",
        "| prediction | estimate | 95 % interval | judgement |",
        "|---|---|---|---|",
    ]
    for row in verdicts(found):
        ends = f"{row.ci[0]:+.3g} to {row.ci[1]:+.3g}"
        lines.append(f"| {row.statistic} | {row.estimate:+.3g} | {ends} | {row.judgement} |")
    for testbed, seeds in found.items():
        lines += table(f"`{testbed}`", seeds) if seeds else []
    return "\n".join(lines) + "\n"


def table(testbed: str, seeds: list[dict[str, Any]]) -> list[str]:
    """Return the lines of a testbed: its rules, and interference along RLVR."""
    lines = ["", f"**{testbed}**", "", "| rule | pass@1 | gain, paired | pass@64 | gain, paired |"]
    lines.append("|---|---|---|---|---|")
    rules = [rule for rule in seeds[0] if rule != "interference"]
    lines += [row_of(seeds, rule) for rule in rules]
    numbers = " | ".join(map(str, range(len(seeds))))
    lines += ["", f"| pass@1 of seed | {numbers} |", "|---" * (len(seeds) + 1) + "|"]
    for rule in rules:
        lines.append(f"| {rule} | " + " | ".join(f"{one[rule]['pass@1']:.3f}" for one in seeds) + " |")
    lines += ["", "| interference along RLVR | start | half-way | end |", "|---|---|---|---|"]
    for name, said in (
        ("cancelled", "1 - norm of the sum / sum of norms"),
        ("by_chance", "the same, of independent gradients of these norms"),
        ("opposed", "share of pairs with a negative cosine"),
        ("problems", "problems with a gradient"),
    ):
        stages = [[one["interference"][stage][name] for one in seeds] for stage in STAGES]
        lines.append(f"| {said} | " + " | ".join(f"{np.nanmean(values):.3g}" for values in stages) + " |")
    return lines


STAGES = ("start", "half-way", "end")


def row_of(seeds: list[dict[str, Any]], rule: str) -> str:
    """Return a rule's row: means over seeds, and paired gains with standard errors."""
    cells = []
    for name in ("pass@1", "pass@64"):
        mean, gain = np.mean([one[rule][name] for one in seeds]), gains(seeds, rule, name)
        error = gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) > 1 else np.nan
        cells += [f"{mean:.3f}", "" if rule == "RLVR" else f"{gain.mean():+.3f} ± {error:.3f}"]
    return f"| {rule} | " + " | ".join(cells) + " |"


def between(page: str, mark: str, end: str, text: str) -> str:
    """Return a page with a text between two of its lines."""
    before, found, rest = page.partition(mark + "\n")
    assert found, f"the page has no {mark}"
    return before + mark + "\n\n" + text + "\n" + rest[rest.index(end) :]


def main() -> None:
    """Tune, run the seeds, print the tables, and put them into the page."""
    import torch

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--tuning-seeds", type=int, default=2)
    parser.add_argument("--updates", type=int, help="instead of those of the recipes")
    parser.add_argument("--set", nargs="*", help="settings of the recipes, as key=value")
    parser.add_argument("--testbeds", nargs="+", default=TESTBEDS, choices=TESTBEDS)
    parser.add_argument("--out", type=Path, default=Path("runs/llm-league"))
    parser.add_argument("--write", type=Path, help="folder of the docs to put the tables into")
    given = parser.parse_args()
    torch.set_num_threads(1)
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in given.testbeds}
    rules = {name: tuned(name, given) for name in given.testbeds}
    for seed in range(given.seeds):
        for name in given.testbeds:
            found[name].append(run_seed(name, seed, rules[name], given))
    text = page(found, given)
    print(text)
    if given.write:
        file = given.write / "results-annealing.md"
        write_atomic(file, between(file.read_text(encoding="utf-8"), MARK, END, text))


if __name__ == "__main__":
    main()
