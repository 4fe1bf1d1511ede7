"""What an entropy bonus costs: `conet run` at the reference with and without, turn by turn.

    python benchmarks/entropy.py            # a minute; processor time, so that a busy machine matters little

The aim: with the bonus, at most 1.5 times as long as without.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ARMS = {
    "without": (),
    "learner.entropy=0.02": ("learner.entropy=0.02",),
    "schedule.name=temperature": ("schedule.name=temperature",),
}
AIM = 1.5


def seconds(settings: tuple[str, ...], place: Path) -> float:
    """Return the processor time of one whole `conet run` and all that it starts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    chosen = ["--set", *settings] if settings else []
    command = [
        sys.executable,
        "-c",
        "from conet.cli import main; main()",
        "run",
        "--json",
        "--out",
        str(place),
        *chosen,
    ]
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--turns", type=int, default=5)
    turns = parser.parse_args().turns
    found: dict[str, list[float]] = {name: [] for name in ARMS}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(turns + 1):
            for name, settings in ARMS.items():
                took = seconds(settings, Path(folder) / f"{turn}-{name}")
                if turn:  # the first compiles
                    found[name].append(took)
    middle = {name: statistics.median(values) for name, values in found.items()}
    ratios = {name: round(value / middle["without"], 2) for name, value in middle.items()}
    print(json.dumps({"seconds": middle, "ratios": ratios, "aim": AIM, "met": max(ratios.values()) <= AIM}))


if __name__ == "__main__":
    main()
