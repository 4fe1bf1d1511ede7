"""What verification/interference.py asks of the cost: operations by hand and by torch, and processor time."""

import statistics
import time
from collections.abc import Callable

from conet.llm import models
from conet.llm.gradient_sketch import SIZE
from conet.llm.interference import InterferenceWatch
from conet.runs import recipe

# Sizes of models, from their configurations: hidden, intermediate, width of the keys, layers, vocabulary.
SHAPES = {
    "tiny": (64, 256, 64, 2, 15),
    "SmolLM2-135M": (576, 1536, 192, 30, 49152),
    "DeepSeek-R1-Distill-Qwen-1.5B": (1536, 8960, 256, 28, 151936),
}


def operations(shape: tuple[int, int, int, int, int], size: int = SIZE) -> float:
    """Return the operations of the sketch over those of a GRPO step, a token: counted by hand.

    Of the step: 2 operations a weight where a token is generated, 6 in forward and backward pass; attention
    scores are left out.
    """
    hidden, between, keys, layers, words = shape
    linear = [(hidden, hidden), (hidden, keys), (hidden, keys), (hidden, hidden)]
    linear += [(hidden, between), (hidden, between), (between, hidden)]
    step = 8 * (layers * sum(one * other for one, other in linear) + words * hidden)

    def projected(width: int) -> int:
        return 2 * size * width if width > size else 0

    sketched = sum(
        projected(one) + projected(other) + 2 * min(size, one) * min(size, other) for one, other in linear
    )
    return sketched / step


def an_update() -> Callable[[bool], None]:
    """Return a forward and backward pass of the recipe `tiny` on made-up tokens, with hooks or without."""
    import torch
    from trl.trainer.utils import add_fused_lm_head

    model, _ = models.load(recipe.load("tiny").model, 0)
    add_fused_lm_head(model)
    model.train()
    drawn = torch.Generator().manual_seed(0)
    ids = torch.randint(3, 15, (128, 60), generator=drawn)
    labels = ids.clone()
    labels[:, :12] = -100
    given = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}
    weights = torch.randn(128, generator=drawn)
    watch = InterferenceWatch()

    def update(looks: bool) -> None:
        if looks:
            watch.attach(model)
            watch.begin()
        (model(**given, fused_lm_head=True).log_probs.sum(1) * weights).sum().backward()
        if looks:
            watch.end()
            watch.detach()
        model.zero_grad()

    return update


def cost(repeats: int = 15) -> dict[str, float]:
    """Measure operations and processor time of an update of the recipe `tiny` with hooks and without, in turn."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    torch.set_num_threads(1)
    update, counted = an_update(), []
    for looks in (False, True):
        with FlopCounterMode(display=False) as counter:
            update(looks)
        counted.append(counter.get_total_flops())
    ratios = []
    for _ in range(repeats):
        seconds = []
        for looks in (False, True):
            begun = time.process_time()
            update(looks)
            seconds.append(time.process_time() - begun)
        ratios.append(seconds[1] / seconds[0])
    return {"operations": counted[1] / counted[0], "time": statistics.median(ratios)}
