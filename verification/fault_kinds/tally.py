"""What has been counted, over all sittings, in one file of JSON."""

import json
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from conet.base.files import write_atomic
from fault_kinds.case import MISSED


class Tally:
    """Counts, finished case numbers and faults by kind.

    Parameters
    ----------
    path
        The file; made where it is missing.
    seed
        Of all cases; a file of another seed is refused.
    """

    def __init__(self, path: Path, seed: int = 0) -> None:
        self.path = path
        empty: dict[str, Any] = {"seed": seed, "kinds": {}, "sittings": []}
        self.data = json.loads(path.read_text()) if path.exists() else empty
        if self.data["seed"] != seed:
            raise SystemExit(f"{path} counts seed {self.data['seed']}")
        self.done = {name: set(numbers(kind["done"])) for name, kind in self.data["kinds"].items()}
        self.began, self.cases = time.time(), 0
        self.left_out: set[str] = set()  # kinds that cannot be tried here

    def of(self, kind: str) -> dict[str, Any]:
        """Return what is known of a kind."""
        self.done.setdefault(kind, set())
        return self.data["kinds"].setdefault(
            kind, {"done": "", "counts": {}, "faults": {}, "mended": 0, "seconds": 0.0}
        )

    def ended(self, kind: str, number: int, group: str, ending: str, seconds: float) -> None:
        """Count a case without a fault."""
        known = self.of(kind)
        if ending not in MISSED:  # where nothing happened, the fault stands and is tried again
            known["mended"] += known["faults"].pop(str(number), None) is not None
        counts = known["counts"].setdefault(group, {})
        counts[ending] = counts.get(ending, 0) + 1
        self._count(kind, number, seconds)

    def fault(self, kind: str, number: int, name: str, what: str, seconds: float) -> None:
        """Count a case with a fault: it is tried again in every sitting until it is none."""
        self.of(kind)["faults"][str(number)] = {"fault": name, "what": what}
        self._count(kind, number, seconds)

    def _count(self, kind: str, number: int, seconds: float) -> None:
        self.done[kind].add(number)
        self.of(kind)["seconds"] += seconds
        self.cases += 1

    def total(self, kind: str) -> int:
        """Return how many cases of a kind ended without a fault, apart from those in which nothing happened."""
        counts = self.of(kind)["counts"].values()
        return sum(count for endings in counts for way, count in endings.items() if way not in MISSED)

    def missed(self, kind: str) -> int:
        """Return in how many cases of a kind nothing happened."""
        counts = self.of(kind)["counts"].values()
        return sum(count for endings in counts for way, count in endings.items() if way in MISSED)

    def save(self) -> None:
        """Write the file."""
        for name, done in self.done.items():
            self.data["kinds"][name]["done"] = ranges(done)
            self.data["kinds"][name]["seconds"] = round(self.data["kinds"][name]["seconds"], 1)
        sitting = {
            "date": time.strftime("%Y-%m-%d", time.gmtime(self.began)),
            "began": int(self.began),
            "commit": commit(),
            "seconds": int(time.time() - self.began),
            "cases": self.cases,
        }
        before = [one for one in self.data["sittings"] if one["began"] != sitting["began"]]
        self.data["sittings"] = [*before, sitting] if self.cases else before
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(self.path, json.dumps(self.data, indent=1, sort_keys=True) + "\n")


def numbers(text: str) -> Iterable[int]:
    """Read ranges as ``0-4 7``."""
    for part in text.split():
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


def ranges(found: set[int]) -> str:
    """Write numbers as ranges."""
    parts: list[list[int]] = []
    for number in sorted(found):
        if parts and parts[-1][1] == number - 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return " ".join(str(first) if first == last else f"{first}-{last}" for first, last in parts)


def commit() -> str:
    """Return which code is attacked."""
    found = subprocess.run(
        ["git", "rev-parse", "--short=12", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True
    )
    return found.stdout.strip()
