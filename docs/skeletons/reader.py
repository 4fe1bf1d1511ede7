"""A reader: copy this file, and `conet diagnose PATH --format my_reader.py:READER` reads your logs.

There are two kinds. `READER` reads `epoch-*/rollouts.jsonl`, where a line is a rollout:
{"update": 7, "question": "…", "answer": "…", "verified": true, "tokens": 211}; so it only says what the
columns are called. `rows` reads files in which a line is a group: {"update": 7, "question": "…",
"answers": [{"text": "…", "verified": true}, …]}; so it is a function that yields the rollouts, and
`conet diagnose PATH --format my_reader.py:rows` calls it for every file in PATH. Keep the one you need.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from conet.readers.base import Part, Reader, Skipped


def finds(path: Path) -> list[Part]:
    """Return the files of a run in the order in which they were written; none where there are none.

    In its place, `Reader(begins=...)` takes a function from how a file begins to whether it is of this
    format, such as `lambda head: head.has("update")`: then files have any name, in any folder below PATH.

    A `Part` may carry a step, for files whose rows have none, and the split "eval", for what is to be
    reported apart.
    """
    return [Part(file) for file in sorted(path.glob("epoch-*/rollouts.jsonl"))]


# For each role the names that its column may have; the first that a file has counts. What a row needs: a
# step, a prompt (or a problem, see `ids`), and either `correct` or one reward. The user's `--map` overrides.
NAMES = {
    "step": ("update",),
    "prompt": ("question",),
    "completion": ("answer",),
    "correct": ("verified",),
    "length": ("tokens",),
}

# Columns called score, or with reward in their name, are rewards; `rewards=` says it otherwise.
READER = Reader(name="mine", finds=finds, names=NAMES)


def rows(path: Path) -> Iterator[dict[str, Any] | Skipped]:
    """Yield the rollouts of one file: a value for each role, None where there is none.

    For files of which only some are rollouts, or for evaluations apart, give a `Reader` that has `finds`
    and this function: `Reader(name="mine", finds=finds, rows=rows)`.
    """
    with path.open(encoding="utf-8") as file:
        for line in file:
            try:
                group = json.loads(line)
            except ValueError:
                yield Skipped("lines that cannot be read")  # counted, and said in the diagnosis
                continue
            for answer in group["answers"]:
                yield {
                    "step": group["update"],
                    "prompt": group["question"],
                    "completion": answer["text"],
                    "correct": answer["verified"],
                }
