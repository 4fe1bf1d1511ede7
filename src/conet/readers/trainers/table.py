"""Any other table: JSON lines, CSV or parquet, one file or a folder of them, with ``--map`` where needed."""

from pathlib import Path

from conet.readers.base import LENGTHS, TRUNCATED, Part, Reader
from conet.readers.formats import is_table, natural
from conet.readers.places import scan

NAMES = {
    "step": ("step", "global_step"),
    "prompt": ("prompt", "input", "question"),
    "completion": ("completion", "output", "response"),
    "correct": ("correct", "acc", "accuracy"),
    "length": LENGTHS,
    "truncated": TRUNCATED,
    "split": ("split",),
    "phase": ("phase",),
}


def finds(path: Path) -> list[Part]:
    """Return one file, or the tables that lie in a folder."""
    if path.is_file():
        return [Part(path)]
    return [Part(file) for file in sorted((file for file in scan(path) if is_table(file)), key=natural)]


READER = Reader(
    name="table",
    finds=finds,
    names=NAMES,
    files="JSON lines, CSV or Parquet, one file or a folder",
    trainer="OpenRLHF, your own",
    setting="a line or row for each rollout: step, prompt, reward, and if you can completion and length",
)
