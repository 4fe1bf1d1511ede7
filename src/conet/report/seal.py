"""Whether a page is of the run beside it: it holds one digest of the summary and of the figures' files."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from conet.base.digests import SUMMARY, unverified

SEAL = re.compile(r'<meta name="conet-run" content="([0-9a-f]{64})">')
FIGURE = re.compile(r'href="(figures/[^"/]+\.svg)"')


def seal(run: Path, figures: Mapping[str, bytes]) -> str:
    """Return one SHA-256 of a run's summary and of figures, by their names in the page."""
    found = hashlib.sha256((run / SUMMARY).read_bytes())
    for name in sorted(figures):
        found.update(f"\n{name}\n".encode() + figures[name])
    return found.hexdigest()


def has_report(run: Path) -> bool:
    """Whether a finished run's page is there, with every figure that it names, and both are as drawn of it.

    A page that an early version drew has no seal: of a run without digests it counts all the same.
    """
    try:
        page = (run / "report.html").read_text(encoding="utf-8")
        figures = {name: (run / name).read_bytes() for name in FIGURE.findall(page)}
        found = SEAL.search(page)
        return unverified(run) if found is None else found[1] == seal(run, figures)
    except (OSError, ValueError):
        return False
