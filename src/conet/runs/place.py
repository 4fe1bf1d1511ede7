"""Where a run goes when no place is named."""

import time
from pathlib import Path

from conet.config import Config


def default_place(config: Config) -> Path:
    """Return ``runs/<preset>-s<seed>-<time>``, not taken yet."""
    name = f"{config.preset}-s{config.seed}-{time.strftime('%Y%m%d-%H%M%S')}"
    place, count = Path("runs") / name, 1
    while place.exists():
        count += 1
        place = Path("runs") / f"{name}-{count}"
    return place
