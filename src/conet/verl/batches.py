"""Between verl's tensors and token ids: the rollouts of a step, and the batch of a supervised update."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from conet.rollouts.pool import Demonstration


def supervised(items: Sequence[Demonstration], multiple: int) -> Any:
    """Return the batch of one supervised update.

    Rows without a loss fill it up, so that it can be divided evenly; the mean over tokens does not see them.

    Parameters
    ----------
    items
        At least one demonstration; tokens that a tool wrote have no loss.
    multiple
        The number of rows is a multiple of it: processes times the rows of a micro-batch.

    Returns
    -------
    TensorDict
        ``input_ids``, ``position_ids`` and ``loss_mask`` as nested tensors, without padding, as verl's
        engines take them; at temperature 1, since it is the model's own distribution that learns.
    """
    import torch
    from verl.utils import tensordict_utils as tu
    from verl.utils.dataset.dataset_utils import DatasetPadMode

    fill = replace(items[0], own=[0] * len(items[0].tokens))
    rows = [*items, *[fill] * (-len(items) % multiple)]
    prompts = [list(row.prompt or ()) for row in rows]
    masks = [[1] * len(row.tokens) if row.own is None else list(row.own) for row in rows]

    def nested(values: list[list[int]]) -> Any:
        return torch.nested.as_nested_tensor(
            [torch.tensor(row, dtype=torch.int64) for row in values], layout=torch.jagged
        )

    return tu.get_tensordict(
        {
            "input_ids": nested([[*prompt, *row.tokens] for prompt, row in zip(prompts, rows)]),
            "position_ids": nested(
                [list(range(len(prompt) + len(row.tokens))) for prompt, row in zip(prompts, rows)]
            ),
            "loss_mask": nested([[0] * len(prompt) + mask for prompt, mask in zip(prompts, masks)]),
        },
        {
            "temperature": 1.0,
            "pad_mode": DatasetPadMode.NO_PADDING,
            "global_batch_size": len(rows),
            "calculate_entropy": False,
        },
    )


class Drawn(NamedTuple):
    """One completion: tokens of prompt and completion, which of these are the model's own, and the score."""

    prompt: list[int]
    completion: list[int]
    own: list[int]
    score: float


def drawn(batch: Any) -> list[Drawn]:
    """Read the rollouts of a step from verl's queue.

    Of a session with several outputs, whose texts overlap, only the last one counts; rows that verl added to
    make the batch even do not.

    Parameters
    ----------
    batch
        The ``KVBatchMeta`` of the step, before it is cleared.
    """
    import transfer_queue as tq

    places = [place for place in last_outputs(batch.keys) if not batch.tags[place].get("is_padding", False)]
    data = tq.kv_batch_get(
        keys=[batch.keys[place] for place in places],
        partition_id=batch.partition_id,
        select_fields=["prompts", "responses", "response_mask", "rm_scores"],
    )
    columns = [
        [row.tolist() for row in data[name].unbind()] for name in ("prompts", "responses", "response_mask")
    ]
    scores = [float(row.sum()) for row in data["rm_scores"].unbind()]
    return [Drawn(*row) for row in zip(*columns, scores, strict=True)]


def last_outputs(keys: Sequence[str]) -> list[int]:
    """Return the places of the last output of each session, in order.

    Parameters
    ----------
    keys
        As verl makes them: prompt, session and output, joined by ``_``; a key of another form is a session of
        its own.
    """
    last: dict[str, tuple[int, int]] = {}
    for place, key in enumerate(keys):
        session, _, output = key.rpartition("_")
        if not session or not output.isdigit():
            session, output = key, "0"
        if session not in last or int(output) > last[session][0]:
            last[session] = int(output), place
    return sorted(place for _, place in last.values())
