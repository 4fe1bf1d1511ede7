"""How recipes for several accelerators are started: accelerate's configurations beside them."""

import re
from pathlib import Path

from conet.runs.recipe import shipped


def configurations(recipe: str) -> list[Path]:
    """Return accelerate's configurations beside a recipe, which is shipped or a file."""
    found = shipped().get(recipe, Path(recipe))
    return sorted(found.parent.glob(f"{found.stem}.*.yaml"))


def processes_of(recipe: str) -> int:
    """Return how many processes these start; 1 where there are none."""
    for file in configurations(recipe):
        line = re.search(r"^num_processes:\s*(\d+)\s*$", file.read_text(encoding="utf-8"), re.MULTILINE)
        if line:
            return int(line.group(1))
    return 1
