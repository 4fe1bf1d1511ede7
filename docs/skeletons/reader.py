"""A reader: copy this file, and `conet diagnose PATH --format my_reader.py:READER` reads your logs.

This one reads `epoch-*/rollouts.jsonl`, with one object a line: {"update": 7, "question": "…",
"answer": "…", "verified": true, "tokens": 211}.
"""

from pathlib import Path

from conet.readers.base import Part, Reader, named_rewards


def finds(path: Path) -> list[Part]:
    """Return the files of a run in the order in which they were written; none where there are none.

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

# `named_rewards` says which columns are rewards: those called score, or with reward in their name.
READER = Reader("mine", finds, NAMES, named_rewards)
