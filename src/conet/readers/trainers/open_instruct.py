"""Open-Instruct: ``{run}_rollouts_{number}.jsonl`` beside ``{run}_metadata.jsonl``, which holds no rollouts.

Source: allenai/open-instruct, open_instruct/rl_utils.py: a line is a sample, its prompt and response as
lists of tokens; the length is the number of tokens of the response.
"""

import re
from dataclasses import replace
from pathlib import Path

from conet.readers.base import Part, Reader
from conet.readers.formats.records import Head
from conet.readers.paths import parts_of

MARKS = ("step", "prompt_tokens", "response_tokens", "reward")


def begins(head: Head) -> bool:
    """Whether it has tokens of prompt and response, and a reward."""
    return head.has(*MARKS)


def parts(root: Path, files: list[Path]) -> list[Part]:
    """Return the files; those of one run differ in the number behind "rollouts"."""
    return [
        replace(part, step=None, run=run, run_of_steps=run)
        for part in parts_of(root, files)
        for run in [str(part.path.with_name(re.sub(r"\d+(?=\.jsonl)", "", part.path.name)))]
    ]


READER = Reader(
    name="open-instruct",
    begins=begins,
    marks=MARKS,
    parts=parts,
    one_stream=True,
    names={
        "step": ("step", "training_step"),
        "prompt": ("prompt", "prompt_tokens"),
        "completion": ("completion", "response"),
        "length": ("response_tokens",),
    },
    files="`{run}_rollouts_*.jsonl`",
    trainer="Open-Instruct, since it saves rollouts",
    setting="`--save_traces --rollouts_save_path DIR`",
)
