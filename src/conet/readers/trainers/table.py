"""Any other table: JSON lines, CSV or parquet, one file or a folder of them, with ``--map`` where needed."""

from conet.readers.base import Reader, named_rewards
from conet.readers.formats.records import Head
from conet.readers.named import CORRECT, NAMES, PROMPT
from conet.readers.rewards import is_correct


def begins(head: Head) -> bool:
    """Whether rows have a prompt, and a reward or what is correct."""
    if not head.rows or not any(name in head.names for name in PROMPT):
        return False
    columns = dict.fromkeys(head.names, 1)
    return bool(named_rewards(columns)) or any(name in CORRECT or is_correct(name) for name in head.names)


READER = Reader(
    name="table",
    begins=begins,
    names=NAMES,
    files="JSON lines, CSV or Parquet (also .gz, .zst, .xz), one file or a folder",
    trainer="ms-swift under Ray, your own",
    setting="a line or row for each rollout: step, prompt, reward, and if you can completion and length",
)
