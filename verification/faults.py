"""Faults on purpose, counted: kills, errors of the file system, damage, hostile settings, broken streams.

    python verification/faults.py --minutes 30                    # goes on where the last sitting ended
    python verification/faults.py --kinds kills,power --jobs 2
    python verification/faults.py --try mutations:17              # one case, and what comes of it
    python verification/faults.py --minutes 0 --write docs        # only the page, from the counts

A case is given by kind, number and seed. Counts, finished numbers and faults stand in the file of --state. A case
with a fault is tried again in every sitting, until it has none. Each kind is a file in `fault_kinds/`, entered in
`fault_kinds/kinds.py`.
"""

import argparse
import signal
import sys
import time
from pathlib import Path

from fault_kinds import page, warm, workers
from fault_kinds.kinds import KINDS
from fault_kinds.tally import Tally

HERE = Path(__file__).parent


def main() -> None:
    """Read the options, try cases until the time is over, and say what came of it."""
    asked = options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what has been counted is saved
    if asked.try_:
        sys.exit(try_one(asked.try_, asked.seed, asked.state.parent))
    tally = Tally(asked.state, asked.seed)
    names = asked.kinds.split(",") if asked.kinds else list(KINDS)
    if unknown := set(names) - set(KINDS):
        raise SystemExit(f"no kinds {', '.join(sorted(unknown))}; there are {', '.join(KINDS)}")
    if asked.short:
        warm.prepare(trial=False)
        workers.handful([KINDS[name] for name in names], tally)
        tally.save()
    elif asked.minutes > 0:
        warm.prepare()
        workers.work([KINDS[name] for name in names], tally, asked.minutes * 60, asked.jobs, asked.beyond)
    print(page.table(tally))
    if asked.write:
        page.write(tally, asked.write / "reliability.md")
    sys.exit(1 if any(tally.of(name)["faults"] for name in KINDS) else 0)


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0], epilog=f"kinds: {', '.join(KINDS)}"
    )
    parser.add_argument("--minutes", type=float, default=30.0, help="of this sitting; 30 by default")
    parser.add_argument("--kinds", default="", help="which, with commas; all by default")
    parser.add_argument("--jobs", type=int, default=1, help="kinds that are tried side by side")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--state", type=Path, default=HERE / "results/faults.json", help="where counts are kept"
    )
    parser.add_argument("--write", type=Path, help="a folder of documentation, for reliability.md")
    parser.add_argument("--short", action="store_true", help="a handful of each kind, in seconds")
    parser.add_argument("--beyond", action="store_true", help="go on with kinds that have their number")
    parser.add_argument("--try", dest="try_", metavar="KIND:NUMBER", help="one case alone, counted nowhere")
    return parser.parse_args()


def try_one(case: str, seed: int, keep: Path) -> int:
    """Try one case here, and print what came of it."""
    kind, _, number = case.partition(":")
    warm.prepare()
    began = time.monotonic()
    found, said = workers.tried(KINDS[kind], seed, keep, int(number))
    print(f"{case} {said} ({time.monotonic() - began:.1f} s)")
    return int(found)


if __name__ == "__main__":
    main()
