"""The gradients of single rollouts, as small sketches, from the backward pass that trains anyway.

The gradient of a linear layer's weight is Σ_t δ_t a_tᵀ over tokens, with a_t what goes in and δ_t the
gradient of what comes out. Tokens of one rollout meet no other, so the sum over the tokens of a row is the
gradient of that rollout alone. With sign matrices L and R it is sketched as Σ_t (L δ_t)(R a_t)ᵀ, of r x r
numbers, whose inner products are those of the whole gradients in the mean (a random projection on both sides,
each entry ±1/√r). It costs 2 r (outputs + inputs) + 2 r² operations a token and layer, where training takes
6 outputs · inputs; there is no second backward pass, and the whole gradient of a row is never made.

Layers are looked at in the last blocks alone, and there those whose weights are trained: all of a model, the
adapters of a LoRA. The LM head, tied or fused, is no module that is called, and is left out.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers.pytorch_utils import Conv1D

from conet.llm.head import IGNORED

SIZE = 16  # of a sketch: so many rows and columns (our choice: below 5 % of an update also where width is 64)
BLOCKS = 1  # of a model, from the last
SEED = 20_260_728  # of the signs, alike on every process
_BLOCK = re.compile(r"(?:^|\.)(\d+)\.")


@dataclass
class Rows:
    """The rollouts of a micro-batch, and what is known of their gradients.

    Attributes
    ----------
    prompts : list of tuple of int
        Tokens of each row's prompt.
    parts : dict of int to tensor, shape (rows, numbers)
        By layer.
    """

    prompts: list[tuple[int, ...]]
    parts: dict[int, torch.Tensor] = field(default_factory=dict)


class GradientSketch:
    """Hooks in a model that TRL trains; they change nothing of what it computes.

    Parameters
    ----------
    size
        Rows and columns of a layer's sketch; None, or more than the layer has: the gradient itself.
    blocks
        How many of the last blocks are looked at; None: all.

    Attributes
    ----------
    on : bool
        Whether forward passes are looked at.
    layers : list of str
        Names of the layers that are.
    """

    def __init__(self, size: int | None = SIZE, blocks: int | None = BLOCKS) -> None:
        self.size, self.blocks, self.on = size, blocks, True
        self.layers: list[str] = []
        self._handles: list[Any] = []
        self._rows: Rows | None = None  # of the forward pass that was the last
        self._taken: list[Rows] = []
        self._signs: dict[tuple[Any, ...], torch.Tensor] = {}

    def attach(self, model: torch.nn.Module) -> None:
        """Put hooks into a model, in the place of those that were there."""
        self.detach()
        self._handles.append(model.register_forward_pre_hook(self._begins, with_kwargs=True))
        for place, (name, layer) in enumerate(layers_of(model, self.blocks)):
            self.layers.append(name)
            self._handles.append(layer.register_forward_hook(self._looks(place)))

    def detach(self) -> None:
        """Take all hooks away, and forget what was seen."""
        for handle in self._handles:
            handle.remove()
        self._handles, self.layers, self._rows, self._taken, self._signs = [], [], None, [], {}

    def take(self) -> list[Rows]:
        """Return the micro-batches since the last call, and forget them."""
        taken, self._taken, self._rows = self._taken, [], None
        return [rows for rows in taken if rows.parts]

    def _begins(self, model: torch.nn.Module, args: Any, given: dict[str, Any]) -> None:
        """Note whose rollouts a forward pass has; not those of a generation, an evaluation, a heating."""
        self._rows = None
        scored = given.get("fused_lm_head") and given.get("labels") is not None
        trains = self.on and model.training and torch.is_grad_enabled()
        if not (trains and scored) or given.get("untempered"):
            return
        self._rows = Rows(prompts_of(given["input_ids"], given["attention_mask"], given["labels"]))
        self._taken.append(self._rows)

    def _looks(self, place: int) -> Callable[..., None]:
        """Return the hook of a layer.

        Only the sketched input waits for the backward pass. Where a checkpointed block is computed twice, one
        of the two outputs gets no gradient, so nothing counts twice.
        """

        def look(layer: torch.nn.Module, args: tuple[Any, ...], output: Any) -> None:
            rows = self._rows
            if rows is None or not getattr(output, "requires_grad", False) or not args:
                return
            entering = args[0]
            if entering.dim() != 3 or output.dim() != 3 or len(entering) != len(rows.prompts):
                return  # an expert, which sees single tokens of many rollouts
            with torch.no_grad():
                sketched = self._projected(entering.detach(), 2 * place)
            output.register_hook(lambda gradient: self._add(rows, place, sketched, gradient))

        return look

    def _add(self, rows: Rows, place: int, sketched: torch.Tensor, gradient: torch.Tensor) -> None:
        with torch.no_grad():
            left = self._projected(gradient.detach(), 2 * place + 1)
            found = torch.bmm(left.transpose(1, 2), sketched).flatten(1)
            rows.parts[place] = rows.parts[place] + found if place in rows.parts else found

    def _projected(self, values: torch.Tensor, stream: int) -> torch.Tensor:
        """Return (rows, tokens, r) in float32 of (rows, tokens, width)."""
        width = values.shape[-1]
        if self.size is None or width <= self.size:
            return values.float()
        key = stream, width, values.dtype, values.device
        if key not in self._signs:  # from a generator of their own: the training draws as it does without
            drawn = torch.Generator().manual_seed(SEED + stream)
            signs = torch.randint(0, 2, (width, self.size), generator=drawn) * 2 - 1
            self._signs[key] = signs.to(values.device, values.dtype)
        return (values @ self._signs[key]).float() / self.size**0.5


def layers_of(model: torch.nn.Module, blocks: int | None) -> list[tuple[str, torch.nn.Module]]:
    """Return the linear layers of the last blocks whose weights are trained, with their names."""
    found: dict[int, list[tuple[str, torch.nn.Module]]] = {}
    for name, layer in model.named_modules():
        block = _BLOCK.search(name)
        trained = isinstance(layer, torch.nn.Linear | Conv1D) and layer.weight.requires_grad
        if block and trained:
            found.setdefault(int(block[1]), []).append((name, layer))
    chosen = sorted(found) if blocks is None else sorted(found)[-blocks:]
    return [pair for block in chosen for pair in found[block]]


def prompts_of(ids: torch.Tensor, seen: torch.Tensor, labels: torch.Tensor) -> list[tuple[int, ...]]:
    """Return the tokens of each row's prompt: before the first column that is scored, unpadded."""
    scored = (labels != IGNORED).any(0)
    end = int(scored.int().argmax()) if scored.any() else len(scored)  # else no token of the batch counts
    rows = zip(ids[:, :end].tolist(), seen[:, :end].tolist(), strict=True)
    return [tuple(token for token, here in zip(row, mask, strict=True) if here) for row, mask in rows]


@dataclass
class Sums:
    """What the rollouts of one problem add up to.

    Attributes
    ----------
    vector : tensor, shape (numbers of all layers,)
        Sum of their sketches.
    square : float
        Sum of the squares of their norms.
    count : int
    """

    vector: torch.Tensor
    square: float
    count: int


def by_problem(taken: Sequence[Rows]) -> Iterator[tuple[tuple[int, ...], Sums]]:
    """Add up the sketches of the micro-batches of an update, problem by problem.

    Parameters
    ----------
    taken
        What :meth:`GradientSketch.take` returned.

    Yields
    ------
    tuple
        The tokens of a prompt, and its :class:`Sums`.
    """
    widths = {place: part.shape[1] for rows in taken for place, part in rows.parts.items()}
    if not widths:
        return
    whole = torch.cat([_beside(rows, widths) for rows in taken])
    places: dict[tuple[int, ...], list[int]] = {}
    for place, prompt in enumerate(prompt for rows in taken for prompt in rows.prompts):
        places.setdefault(prompt, []).append(place)
    squares = whole.double().square().sum(1)
    for prompt, mine in places.items():
        at = torch.tensor(mine, device=whole.device)
        yield prompt, Sums(whole[at].sum(0).cpu(), float(squares[at].sum()), len(mine))


def _beside(rows: Rows, widths: dict[int, int]) -> torch.Tensor:
    """Return the parts of all layers beside each other, zeros where a layer saw nothing."""
    zeros = next(iter(rows.parts.values())).new_zeros
    parts = [rows.parts.get(at, zeros(len(rows.prompts), width)) for at, width in sorted(widths.items())]
    return torch.cat(parts, 1)
