"""W&B tables of completions: ``wandb/run-*/files/media/table/*.table.json``.

Source: wandb/wandb, wandb/sdk/data_types/table.py (``columns`` and ``data``). TRL logs step, prompt,
completion and rewards; OpenRLHF global_step, text and reward, in a table that grows: each row of it is
counted once.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from conet.readers.base import Part, Reader, Skipped
from conet.readers.formats.records import Head, document
from conet.readers.messages import split_text
from conet.readers.named import in_roles
from conet.readers.paths import inside, parts_of
from conet.readers.rewards import correct_among
from conet.readers.trainers.trl import rewards


def begins(head: Head) -> bool:
    """Whether it has columns and data, among them a step or a text."""
    if head.rows:
        return head.has("columns", "data") and isinstance(head.rows[0]["columns"], list)
    return head.document and b'"columns"' in head.start and b'"data"' in head.start


def parts(root: Path, files: list[Path]) -> list[Part]:
    """Return the tables, in the order in which they were logged; those of a run lie in its folder."""
    found = []
    for part in parts_of(root, files):
        names = inside(root, part.path).parts
        place = next((at for at, name in enumerate(names) if "run-" in name), len(names) - 1)
        run = "/".join(names[: place + 1]) if place < len(names) - 1 else ""
        found.append(replace(part, run=run, run_of_steps=run))
    return found


def rows(path: Path) -> Iterator[dict[str, Any] | Skipped]:
    """Yield the rows of a table."""
    found = document(path)
    names = found.get("columns") if isinstance(found, dict) else None
    if not isinstance(names, list):
        return
    for values in found.get("data") or []:
        if not isinstance(values, list) or len(values) != len(names):
            yield Skipped("rows with more or fewer values than columns")
            continue
        row = in_roles(dict(zip(map(str, names), values)))
        if "prompt" not in row and isinstance(row.get("text"), str):
            prompt, completion = split_text(row["text"])
            row |= {"prompt": prompt, "completion": completion}
        correct = None if "correct" in row else correct_among(row)
        yield row | ({"correct": row[correct]} if correct else {})


READER = Reader(
    name="wandb-tables",
    begins=begins,
    parts=parts,
    rows=rows,
    rewards=rewards,
    grows=True,
    files="`wandb/run-*/files/media/table/*.table.json`",
    trainer="TRL, OpenRLHF and others through Weights & Biases",
    setting='TRL `log_completions=True, report_to="wandb"`; OpenRLHF `--use_wandb` (some samples)',
)
