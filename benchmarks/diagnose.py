"""How long `conet diagnose` takes on two million samples, and how much memory.

Makes logs of a training that never was (1,000 steps of 256 prompts of 8 answers, out of 2,560 problems,
each learned at its own time) in each format, diagnoses them in a process of its own, and prints wall time,
processor time and the largest resident memory::

    python benchmarks/diagnose.py [--steps 1000] [--prompts 256] [--problems 2560] [--characters 400]
                                  [--formats trl verl csv jsonl parquet] [--keep DIR]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

SAMPLES = 8


def steps(options: argparse.Namespace) -> Iterator[pl.DataFrame]:
    """Yield the rows of each step: prompt, completion, reward."""
    rng = np.random.default_rng(0)
    letters = "".join(rng.choice(list("abcdefghijklmnopqrstuvwxyz   "), 1 << 20))
    prompts = [
        f"Problem {number}: " + letters[number * 7 : number * 7 + 120] for number in range(options.problems)
    ]
    onset = rng.uniform(-0.2, 1.3, options.problems) * options.steps
    width = rng.uniform(0.005, 0.05, options.problems) * options.steps
    for step in range(1, options.steps + 1):
        chosen = np.repeat(rng.choice(options.problems, options.prompts, replace=False), SAMPLES)
        accuracy = 1 / (1 + np.exp(-(step - onset[chosen]) / width[chosen]))
        reward = (rng.random(len(chosen)) < accuracy).astype(float)
        bend = 1 + 0.5 * abs(step / options.steps - 0.3)
        sizes = np.maximum(
            1, rng.normal(options.characters * bend, options.characters / 5, len(chosen))
        ).astype(int)
        starts = rng.integers(0, len(letters) - 4 * options.characters, len(chosen))
        yield pl.DataFrame(
            {
                "step": np.full(len(chosen), step),
                "prompt": [prompts[problem] for problem in chosen],
                "completion": [letters[start : start + size] for start, size in zip(starts, sizes)],
                "accuracy_reward": reward,
                "advantage": reward - reward.mean(),
            }
        )


def make(folder: Path, options: argparse.Namespace) -> dict[str, Path]:
    """Write the logs in every format asked for; return where each is."""
    places = {
        "trl": folder / "trl",
        "verl": folder / "verl",
        "csv": folder / "rows.csv",
        "jsonl": folder / "rows.jsonl",
        "parquet": folder / "rows.parquet",
    }
    places = {name: place for name, place in places.items() if name in options.formats}
    for name in ("trl", "verl"):
        if name in places:
            (places[name] / ("completions" if name == "trl" else "rollouts")).mkdir(parents=True)
    whole = []
    for rows in steps(options):
        step = rows["step"][0]
        if "trl" in places:
            rows.write_parquet(places["trl"] / "completions" / f"completions_{step:05d}.parquet")
        verl = rows.select(input="prompt", output="completion", score="accuracy_reward", step="step")
        if "verl" in places:
            verl.write_ndjson(places["verl"] / "rollouts" / f"{step}.jsonl")
        if "jsonl" in places:
            with places["jsonl"].open("ab") as file:
                verl.write_ndjson(file)
        if "csv" in places:
            with places["csv"].open("ab") as file:
                rows.drop("advantage").write_csv(file, include_header=step == 1)
        if "parquet" in places:
            whole.append(rows.drop("advantage"))
    if whole:
        pl.concat(whole).write_parquet(places["parquet"])
    return places


# Of the process itself: ru_maxrss would count what its parent held when it was forked.
CODE = """
import resource, sys
from conet.cli import main
main(sys.argv[1:])
peak = open("/proc/self/status").read().split("VmHWM:")[1].split()[0]
used = resource.getrusage(resource.RUSAGE_SELF)
print(peak, used.ru_utime + used.ru_stime)
"""


def measure(place: Path, out: Path) -> dict[str, float | str]:
    """Run `conet diagnose` on one place."""
    begun = time.perf_counter()
    command = [sys.executable, "-c", CODE, "diagnose", str(place), "--out", str(out), "--json"]
    output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    *_, findings, resources = output.splitlines()
    found, (peak, processor) = json.loads(findings), map(float, resources.split())
    large = sum(file.stat().st_size for file in ([place] if place.is_file() else place.rglob("*.*")))
    return {
        "samples": found["samples"],
        "problems": found["problems"],
        "megabytes": large / 1e6,
        "wall_s": time.perf_counter() - begun,
        "processor_s": processor,
        "memory_gib": peak / 1024**2,
        "stage": found["stage"],
        "knee": found["knee_step"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, value in (("steps", 1000), ("prompts", 256), ("problems", 2560), ("characters", 400)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--formats", nargs="+", default=["trl", "verl", "csv", "jsonl", "parquet"])
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        places = make(folder, options)
        print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        for name, place in places.items():
            row = measure(place, Path(temporary) / f"out-{name}")
            print(
                name,
                "  ".join(
                    f"{key} {value:,.4g}" if isinstance(value, float) else f"{key} {value}"
                    for key, value in row.items()
                ),
                flush=True,
            )


if __name__ == "__main__":
    main()
