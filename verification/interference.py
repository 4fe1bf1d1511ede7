"""Interference of a model in training: are the sketched gradients right, and do they tell what comes next?

    python verification/interference.py --seeds 6 --jobs 2 --out runs/interference --write docs

A seed trains the recipe (`tiny`: RLVR, 40 updates) with `training.interference` on, and looks closer with hooks of
its own at the same batches. What is done is not done again. With --write the verdicts go into docs/results-llm.md.

Asked, with the thresholds that were fixed before any run (a verdict needs the whole 95 % interval over seeds):

- *Right?* At every eighth update each problem's whole gradient by a backward pass of its own. Rank agreement
  (Spearman) of the pairs' cosines, mean over updates: sketch against the gradient of the same block at least 0.8,
  against all weights at least 0.6. Of the interference over updates: against all weights at least 0.6.
- *Reliable?* The pairs' cosines from one half of each group's rollouts against those from the other half, rank
  agreement at least 0.5: below that, single pairs of a batch of so few rollouts are noise.
- *Does it tell what comes next?* Loss of accuracy of the problems of an update until their next visit, held out:
  a linear model of accuracy, its chance variance and the update, with and without what the gradients say, fitted
  on the other seeds. The gain in explained variance (R² of the seed left out) is above 0. Asked for each number
  that is logged, over updates; and for single problems, of the cosine of a problem with all others together.
- *Cheap?* Operations at most 0.05 of those of a GRPO step (generation, forward and backward pass), counted by
  hand. Beside it, of forward and backward pass alone: the operations by torch's counter, and the processor time
  with hooks on and off in turn in one run (no verdict on a busy machine).
"""

import argparse
import itertools
import json
import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import joblib
import numpy as np
import polars as pl
from scipy.stats import spearmanr

from conet.base.files import write_atomic
from conet.judging.judgement import ClaimResult, judge
from conet.llm import models, train
from conet.llm.asking import number_of
from conet.llm.build import build
from conet.llm.gradient_sketch import SIZE, GradientSketch, Rows, by_problem
from conet.llm.interference import NAMES, InterferenceWatch
from conet.runs import recipe

STEPS, EVERY = 40, 8
MARK = "<!-- made by verification/interference.py -->"
# Sizes of models, from their configurations: hidden, intermediate, width of the keys, layers, vocabulary.
SHAPES = {
    "tiny": (64, 256, 64, 2, 15),
    "SmolLM2-135M": (576, 1536, 192, 30, 49152),
    "DeepSeek-R1-Distill-Qwen-1.5B": (1536, 8960, 256, 28, 151936),
}


def settings_of(name: str, seed: int) -> recipe.Recipe:
    """Return the recipe with problems and weights of this seed, without heating."""
    whole = recipe.load(name).override({"seed": seed, "problems.seed": seed, "schedule.name": "rlvr"})
    return whole.override({"steps": STEPS, "checkpoint_every": STEPS, "training.interference": True})


class Looking(InterferenceWatch):
    """The watch of a training, which also keeps the products of all gradients of an update."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[dict[str, Any]] = []
        self.updates = 0
        self.whole: dict[
            str, np.ndarray
        ] = {}  # by kind of gradient: products of the problems, of this update

    def end(self) -> None:
        taken = [rows for rows in self.sketch._taken if rows.parts]
        whole, self.whole = self.whole, {}
        super().end()
        self.updates += 1
        if self.found is None:
            return
        keys = [self.numbers[number_of(list(prompt))] for prompt in self.prompts]
        halves = [vectors(part, self.prompts) for part in halved(taken)]
        sums = vectors(taken, self.prompts)
        products = {"sketch": sums @ sums.T, "halves": halves[0] @ halves[1].T} | whole
        self.kept.append(
            {"step": self.updates - 1, "problems": keys, **self.values()}
            | {name: found.tolist() for name, found in products.items()}
        )


def halved(taken: Sequence[Rows]) -> Iterator[list[Rows]]:
    """Yield micro-batches with every other rollout of each problem, and with those left."""
    for parity in (0, 1):
        part = []
        for rows in taken:
            seen: dict[tuple[int, ...], int] = {}
            chosen = []
            for at, prompt in enumerate(rows.prompts):
                seen[prompt] = seen.get(prompt, -1) + 1
                if seen[prompt] % 2 == parity:
                    chosen.append(at)
            parts = {place: found[chosen] for place, found in rows.parts.items()}
            part.append(Rows([rows.prompts[at] for at in chosen], parts))
        yield part


def vectors(taken: Sequence[Rows], prompts: Sequence[tuple[int, ...]]) -> np.ndarray:
    """Return the sums of each prompt, shape (prompts, numbers)."""
    found = dict(by_problem(taken))
    return np.array([found[prompt].vector.double().numpy() for prompt in prompts])


def look_closer(trainer: Any, watch: Looking) -> None:
    """Work out each problem's whole gradient at every eighth update, before it is trained on."""
    import torch

    # A micro-batch is a whole update here: with several, each would need its own products, added up.
    assert trainer.args.gradient_accumulation_steps == 1, "not written for gradient accumulation"
    usual = trainer.compute_loss
    block = GradientSketch(None, 1)

    def compute_loss(model: Any, inputs: Any, *more: Any, **given: Any) -> Any:
        if trainer.state.global_step % EVERY == 0:
            watch.sketch.on = False
            block.attach(model)
            metrics = {name: list(values) for name, values in trainer._metrics["train"].items()}
            usual(model, dict(inputs), *more, **given).backward()
            sums = dict(by_problem(block.take()))
            block.detach()
            watch.whole["block"] = gram([one.vector.double() for one in sums.values()])
            found = []
            for prompt in sums:
                mine = torch.tensor([each == prompt for each in prompts(inputs)])
                part = dict(inputs) | {"advantages": inputs["advantages"] * mine}
                model.zero_grad()
                usual(model, part, *more, **given).backward()
                found.append(torch.cat([one.grad.flatten() for one in model.parameters()]).double())
            model.zero_grad()
            watch.whole["weights"] = gram(found)
            trainer._metrics["train"].clear()
            trainer._metrics["train"].update(metrics)
            watch.sketch.on = True
        return usual(model, inputs, *more, **given)

    trainer.compute_loss = compute_loss


def prompts(inputs: Any) -> list[tuple[int, ...]]:
    """Return the tokens of the prompts of a batch of TRL's."""
    rows = zip(inputs["prompt_ids"].tolist(), inputs["prompt_mask"].tolist(), strict=True)
    return [tuple(token for token, here in zip(row, mask, strict=True) if here) for row, mask in rows]


def gram(found: Sequence[Any]) -> np.ndarray:
    """Return the products of vectors with each other."""
    whole = np.array([one.numpy() for one in found])
    return whole @ whole.T


def run_seed(name: str, seed: int, out: Path) -> dict[str, Any]:
    """Train a seed and keep what was seen, or read what is there."""
    import torch

    torch.set_num_threads(1)
    place, done = out / f"{name}-{seed}", out / f"{name}-{seed}.json"
    if done.exists():
        found: dict[str, Any] = json.loads(done.read_text())
        return found
    watch = Looking()

    def looking(*given: Any, **more: Any) -> Any:
        trainer = build(*given, **more)
        trainer.gradients = watch
        look_closer(trainer, watch)
        return trainer

    with patch.object(train, "build", looking):
        train.run(settings_of(name, seed), place)
    table = pl.read_parquet(place / "rollouts/*.parquet").filter(pl.col("split") == "train")
    counted = table.group_by("step", "problem").agg(pl.col("correct").mean()).sort("step", "problem")
    found = {"updates": watch.kept, "accuracy": counted.rows()}
    write_atomic(done, json.dumps(found) + "\n")
    return found


Update = dict[str, Any]
UPPER = np.triu_indices


def pairs_of(products: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Return the cosines of all pairs of the problems that have a gradient."""
    mine = products[np.ix_(there, there)]
    norms = np.sqrt(np.maximum(mine.diagonal(), 1e-300))
    found: np.ndarray = (mine / np.outer(norms, norms))[UPPER(len(there), 1)]
    return found


def rank(one: Sequence[float] | np.ndarray, other: Sequence[float] | np.ndarray) -> float:
    """Return Spearman's correlation; NaN where one of them is all the same, or there are too few."""
    if len(one) < 3 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return float("nan")
    return float(spearmanr(one, other).statistic)


def arrays(update: Update) -> dict[str, np.ndarray]:
    """Return the products of an update, and which problems have a gradient."""
    found = {
        name: np.array(value)
        for name, value in update.items()
        if name in ("sketch", "halves", "block", "weights")
    }
    return found | {"there": np.flatnonzero(found["sketch"].diagonal() > 0)}


def interference_of(products: np.ndarray) -> float:
    """Return 1 - |sum of the gradients| / sum of their norms."""
    return float(1 - np.sqrt(max(products.sum(), 0.0)) / np.sqrt(products.diagonal().clip(0.0)).sum())


def right(updates: Sequence[Update]) -> dict[str, float]:
    """Compare the sketch with whole gradients, where these were worked out."""
    found: dict[str, list[float]] = {"block": [], "weights": [], "block of weights": []}
    over: dict[str, list[float]] = {"sketch": [], "weights": []}
    for update in updates:
        if "weights" not in update:
            continue
        one = arrays(update)
        cosines = {name: pairs_of(one[name], one["there"]) for name in ("sketch", "block", "weights")}
        found["block"].append(rank(cosines["sketch"], cosines["block"]))
        found["weights"].append(rank(cosines["sketch"], cosines["weights"]))
        found["block of weights"].append(rank(cosines["block"], cosines["weights"]))
        for name, values in over.items():
            values.append(interference_of(one[name]))
    means = {name: float(np.nanmean(values)) for name, values in found.items()}
    return means | {"over updates": rank(over["sketch"], over["weights"])}


def reliable(updates: Sequence[Update]) -> float:
    """Rank agreement of two estimates of each pair, from halves of the rollouts of both problems."""
    found = []
    for update in updates:
        one = arrays(update)
        norms = np.sqrt(one["sketch"].diagonal()[one["there"]])
        mine = one["halves"][np.ix_(one["there"], one["there"])] / np.outer(norms, norms)
        places = UPPER(len(one["there"]), 1)
        found.append(rank(mine[places], mine.T[places]))
    return float(np.nanmean(found))


def next_visits(seed: dict[str, Any]) -> dict[tuple[int, int], tuple[float, float]]:
    """Return accuracy now and at the next visit, by update and problem."""
    visits: dict[int, list[tuple[int, float]]] = {}
    for step, problem, accuracy in seed["accuracy"]:
        visits.setdefault(problem, []).append((step, accuracy))
    return {
        (step, problem): (now, later)
        for problem, mine in visits.items()
        for (step, now), (_, later) in itertools.pairwise(mine)
    }


def rows_of_updates(seed: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what was known of each update, what its gradients said, and what its problems lost after it."""
    known = next_visits(seed)
    rows = []
    for update in seed["updates"]:
        pairs = [
            known[update["step"], problem]
            for problem in update["problems"]
            if (update["step"], problem) in known
        ]
        said = [update[name] for name in NAMES]
        if not pairs or None in said:
            continue
        now, later = np.array(pairs).T
        plain = [1.0, now.mean(), (now * (1 - now)).mean(), update["step"] / STEPS]
        rows.append((plain, said, np.maximum(now - later, 0).mean()))
    plain, said, lost = zip(*rows)
    return np.array(plain), np.array(said), np.array(lost)


def rows_of_problems(seed: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the same of each problem of each update: its cosine with all others, and its gain or loss."""
    known = next_visits(seed)
    rows = []
    for update in seed["updates"]:
        one = arrays(update)
        products = one["sketch"]
        for place in one["there"]:
            key = update["step"], update["problems"][place]
            with_others = products[place].sum() - products[place, place]
            others = products.sum() - 2 * products[place].sum() + products[place, place]
            if key not in known or others <= 0:
                continue
            now, later = known[key]
            cosine = with_others / np.sqrt(others * products[place, place])
            rows.append(([1.0, now, now * (1 - now), key[0] / STEPS], [cosine], later - now))
    plain, said, gained = zip(*rows)
    return np.array(plain), np.array(said), np.array(gained)


def gain(parts: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]], column: int) -> list[float]:
    """Return for each seed, left out of the fit, how much more of its variance is explained with the gradients."""
    found = []
    for out in range(len(parts)):
        explained = []
        for wider in (False, True):
            made = [np.column_stack([one[0], one[1][:, [column] if wider else []]]) for one in parts]
            fit = np.vstack([each for at, each in enumerate(made) if at != out])
            target = np.concatenate([one[2] for at, one in enumerate(parts) if at != out])
            weights = np.linalg.lstsq(fit, target, rcond=None)[0]
            rest = parts[out][2] - made[out] @ weights
            explained.append(1 - (rest**2).sum() / ((parts[out][2] - parts[out][2].mean()) ** 2).sum())
        found.append(float(explained[1] - explained[0]))
    return found


def verdicts(name: str, seeds: Sequence[dict[str, Any]]) -> list[ClaimResult]:
    """Decide everything that was asked; the thresholds stand at the top of this file."""
    agreements = [right(seed["updates"]) for seed in seeds]

    def row(text: str, values: Sequence[float], threshold: float) -> ClaimResult:
        return judge(name, text, values, threshold)

    found = [
        row("pairs: sketch against the gradient of its block", [one["block"] for one in agreements], 0.8),
        row("pairs: sketch against the gradient of all weights", [one["weights"] for one in agreements], 0.6),
        row(
            "pairs: whole gradient of the block against all weights",
            [one["block of weights"] for one in agreements],
            0.6,
        ),
        row(
            "interference over updates: sketch against all weights",
            [one["over updates"] for one in agreements],
            0.6,
        ),
        row(
            "pairs: one half of the rollouts against the other",
            [reliable(seed["updates"]) for seed in seeds],
            0.5,
        ),
    ]
    if len(seeds) > 1:
        parts = [rows_of_updates(seed) for seed in seeds]
        for column, said in enumerate(NAMES):
            found.append(row(f"loss until the next visit: R² gained with `{said}`", gain(parts, column), 0.0))
        alone = [rows_of_problems(seed) for seed in seeds]
        found.append(
            row("gain of a problem until its next visit: R² gained with its cosine", gain(alone, 0), 0.0)
        )
    return found


def operations(shape: tuple[int, int, int, int, int], size: int = SIZE) -> float:
    """Return the operations of the sketch over those of a GRPO step, a token: counted by hand.

    Of the step: 2 operations a weight where a token is generated, 6 in forward and backward pass; attention
    scores are left out.
    """
    hidden, between, keys, layers, words = shape
    linear = [(hidden, hidden), (hidden, keys), (hidden, keys), (hidden, hidden)]
    linear += [(hidden, between), (hidden, between), (between, hidden)]
    step = 8 * (layers * sum(one * other for one, other in linear) + words * hidden)

    def projected(width: int) -> int:
        return 2 * size * width if width > size else 0

    sketched = sum(
        projected(one) + projected(other) + 2 * min(size, one) * min(size, other) for one, other in linear
    )
    return sketched / step


def cost(repeats: int = 15) -> dict[str, float]:
    """Measure operations and processor time of an update of the recipe `tiny` with hooks and without, in turn."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode
    from trl.trainer.utils import add_fused_lm_head

    torch.set_num_threads(1)
    model, _ = models.load(recipe.load("tiny").model, 0)
    add_fused_lm_head(model)
    model.train()
    drawn = torch.Generator().manual_seed(0)
    ids = torch.randint(3, 15, (128, 60), generator=drawn)
    labels = ids.clone()
    labels[:, :12] = -100
    given = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}
    weights = torch.randn(128, generator=drawn)
    watch = InterferenceWatch()

    def update(looks: bool) -> None:
        if looks:
            watch.attach(model)
            watch.begin()
        (model(**given, fused_lm_head=True).log_probs.sum(1) * weights).sum().backward()
        if looks:
            watch.end()
            watch.detach()
        model.zero_grad()

    counted = []
    for looks in (False, True):
        with FlopCounterMode(display=False) as counter:
            update(looks)
        counted.append(counter.get_total_flops())
    ratios = []
    for _ in range(repeats):
        seconds = []
        for looks in (False, True):
            begun = time.process_time()
            update(looks)
            seconds.append(time.process_time() - begun)
        ratios.append(seconds[1] / seconds[0])
    return {"operations": counted[1] / counted[0], "time": statistics.median(ratios)}


def page(rows: Sequence[ClaimResult], measured: dict[str, float]) -> str:
    """Return the tables as Markdown."""
    lines = ["| asked | estimate | 95 % interval | verdict |", "|---|---|---|---|"]
    for row in rows:
        low, high = row.ci
        lines.append(
            f"| {row.statistic} | {row.estimate:+.3f} | [{low:+.3f}, {high:+.3f}] | {row.judgement} |"
        )
    lines += ["", "| what looking costs | |", "|---|---|"]
    lines += [
        f"| operations of a GRPO step, {name} | {operations(shape):.2%} |" for name, shape in SHAPES.items()
    ]
    lines.append(f"| forward and backward pass of `tiny`: operations | {measured['operations'] - 1:.1%} |")
    lines.append(f"| the same: processor time | {measured['time'] - 1:.1%} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Train what is missing, print the tables, and put them into the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--recipe", default="tiny")
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/interference"))
    parser.add_argument("--write", type=Path, help="folder of the docs to put the tables into")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    seeds = joblib.Parallel(given.jobs, verbose=5)(
        joblib.delayed(run_seed)(given.recipe, seed, given.out) for seed in range(given.seeds)
    )
    text = page(verdicts(given.recipe, seeds), cost())
    print(text)
    if given.write:
        results = given.write / "results-llm.md"
        before, _, rest = results.read_text(encoding="utf-8").partition(MARK + "\n")
        after = rest.find("\n## ")
        assert after >= 0, f"{results} has no {MARK} with a heading behind it"
        write_atomic(results, before + MARK + "\n\n" + text + rest[after:])


if __name__ == "__main__":
    main()
