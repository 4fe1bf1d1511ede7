"""slime: ``rollout_{id}.pt``, a dict with ``rollout_id`` and ``samples``, written by torch.

Source: THUDM/slime, slime/observability/rollout_data_utils.py. They are read through ``torch.load``
with ``weights_only=True`` alone, which runs nothing that a file says, and never as plain pickle;
without torch, not at all. ``loss_mask`` is 1 on the tokens of the model, and 0 on what tools returned.
"""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from conet.readers.base import Reader, Skipped
from conet.readers.formats.chunk import Unusable, size
from conet.readers.formats.records import ZIP, Head, known
from conet.readers.memory import at_once
from conet.readers.rewards import correct_among, number_of, one_by_one, together

LOOKED_AT = 1 << 16  # bytes of the pickled structure, in which the keys stand as they are
MISSING = "is written by torch, which is not installed; pip install torch"


def begins(head: Head) -> bool:
    """Whether it is an archive of torch with samples of rollouts in it, told without unpickling anything."""
    if head.start[:4] != ZIP or head.path.suffix not in (".pt", ".pth"):
        return False
    try:
        with zipfile.ZipFile(head.path) as archive:
            name = next(name for name in archive.namelist() if name.endswith("data.pkl"))
            with archive.open(name) as file:
                start = file.read(LOOKED_AT)
    except (
        zipfile.BadZipFile,
        OSError,
        StopIteration,
        ValueError,
        NotImplementedError,
        RuntimeError,
        EOFError,
    ):
        return False
    return b"rollout_id" in start and b"samples" in start


def rows(path: Path) -> Iterator[dict[str, Any] | Skipped]:
    """Yield the samples.

    Raises
    ------
    Unusable
        Without torch, for anything that is no plain data, or where it would take too much memory.
    """
    try:
        import torch
    except ImportError:
        raise Unusable(MISSING) from None
    if size(path) > at_once():
        raise Unusable(f"takes {size(path) >> 20} MB at once; raise --memory")
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise Unusable(
            f"holds more than plain data, or is damaged ({' '.join(str(error).split())[:80]})"
        ) from None
    samples = found.get("samples") if isinstance(found, dict) else None
    if not isinstance(samples, list):
        raise Unusable("has no samples")
    for sample in samples:
        if not isinstance(sample, dict):
            yield Skipped("samples that are no dict")
        elif sample.get("status") == "aborted":
            yield Skipped("aborted samples")
        else:
            yield _rollout(sample, found.get("rollout_id"))


def _rollout(sample: dict[str, Any], step: Any) -> dict[str, Any]:
    reward, mask = sample.get("reward"), sample.get("loss_mask")
    rewards = reward if isinstance(reward, dict) else {}
    correct = correct_among(rewards)
    status = sample.get("status")
    return known(
        step=step if isinstance(step, int) else None,
        prompt=sample.get("prompt"),
        completion=sample.get("response"),
        reward=(number_of(rewards) if "score" in rewards else together(rewards))
        if rewards
        else number_of(reward),
        correct=number_of(rewards[correct]) if correct else None,
        length=int(sum(mask)) if mask is not None and len(mask) else sample.get("response_length"),
        truncated=status == "truncated" if isinstance(status, str) else None,
        gold=sample.get("label"),
        **one_by_one(rewards),
    )


READER = Reader(
    name="slime",
    begins=begins,
    rows=rows,
    one_step_a_file=True,
    files="`rollout_{id}.pt` (and `eval_{id}.pt`), wherever torch can be imported",
    trainer="slime",
    setting="`--save-debug-rollout-data DIR/rollout_{rollout_id}.pt`",
)
