"""Atropos: ``{name}.jsonl`` of an environment, a group a line, without a step.

Source: NousResearch/atropos, atroposlib/envs/base.py (ScoredDataGroup, data_path_to_save_groups):
tokens, masks (-100 on what the model did not write) and scores of each answer of a group, and its
messages where they are kept. Steps are not logged: the place of the group in the file stands for them.
Of an environment that keeps no messages itself, ``include_messages`` writes prompt and answer together as one
message of the user (the decoded tokens): then they are parted where a chat template does, or the prompt is
told by the tokens that are masked.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from conet.readers.base import Reader, Skipped
from conet.readers.formats.records import Head, known, records
from conet.readers.messages import split_messages, split_text, text_of
from conet.readers.rewards import number_of

MASKED = -100

MARKS = ("tokens", "masks", "scores")


def begins(head: Head) -> bool:
    """Whether it has tokens, masks and scores of groups."""
    return head.has(*MARKS) and isinstance(head.rows[0]["scores"], list)


def rows(path: Path) -> Iterator[dict[str, Any] | Skipped]:
    """Yield the answers of each group."""
    place = 0
    for group in records(path):
        if isinstance(group, Skipped):
            yield group
            continue
        step = group.get("step")
        chats, masks, tokens = (group.get(name) or [] for name in ("messages", "masks", "tokens"))
        for at, score in enumerate(group.get("scores") or []):
            mask = masks[at] if at < len(masks) else []
            prompt: Any
            completion: Any
            prompt, completion = split_messages(chats[at] if at < len(chats) else [])
            if completion is None and prompt and len(prompt) == 1:  # all in one
                asked, completion = split_text(text_of(prompt))
                prompt = asked if completion is not None else None
            if prompt is None and at < len(tokens):
                prompt = str([token for token, kept in zip(tokens[at], mask) if kept == MASKED])
            yield known(
                step=place if step is None else step,
                prompt=prompt,
                completion=completion,
                reward=number_of(score),
                length=sum(kept != MASKED for kept in mask) if mask else None,
            )
        place += 1


READER = Reader(
    name="atropos",
    begins=begins,
    marks=MARKS,
    rows=rows,
    files="`{name}.jsonl`, a group a line; the place of a group stands for the step",
    trainer="Atropos ≥ 0.2",
    setting="`--env.data_path_to_save_groups DIR/name.jsonl`, `--env.include_messages true`",
)
