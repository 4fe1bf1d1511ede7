"""What the transformer says of recorded walks: probabilities, distributions and gradients."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from conet.base.errors import ConetError
from conet.engine.gradient import Gradient, NotFinite
from conet.engine.sample import Walks
from conet.neural.model import one_thread, prefix

if TYPE_CHECKING:
    import torch

    from conet.neural.policy import NeuralPolicy

AT_ONCE = 2048  # sequences (our choice: bounds the memory)


@dataclass(frozen=True, kw_only=True)
class Sequences:
    """The different walks among recorded ones, as tokens.

    Attributes
    ----------
    tokens : ndarray of int64, shape (sequences, before + hops - 1)
        What is read; ``before`` tokens stand before the first hop.
    named : ndarray of int64, shape (sequences, hops)
        The token that was chosen at each place; 0 beyond the end.
    chose : ndarray of bool, shape (sequences, hops)
        Where something was chosen.
    nodes : ndarray of int64, shape (sequences, hops)
        Where the walk stood.
    of_walk : ndarray of int64, shape (walks,)
        The sequence of each walk.
    """

    tokens: np.ndarray
    named: np.ndarray
    chose: np.ndarray
    nodes: np.ndarray
    of_walk: np.ndarray

    @property
    def before(self) -> int:
        """Tokens before the first hop."""
        return self.tokens.shape[1] - self.named.shape[1] + 1

    def block(self, rows: slice) -> "Sequences":
        """Return some of them; ``of_walk`` is then empty."""
        parts = {name: getattr(self, name)[rows] for name in ("tokens", "named", "chose", "nodes")}
        return Sequences(**parts, of_walk=np.empty(0, np.int64))


def sequences(policy: "NeuralPolicy", walks: Walks) -> Sequences:
    """Return the different walks; two are the same if problem, hops and illegal move are."""
    problems = policy.problems
    if problems is None:
        raise ConetError(
            "a transformer that has not walked yet", "one that knows its problems", "sample first"
        )
    hops = int(walks.choices().sum(axis=1).max(initial=1))
    used, chose = walks.used()[:, :hops], walks.choices()[:, :hops]
    illegal = np.full(len(walks.length), -1) if walks.illegal is None else walks.illegal
    path = np.where(used, policy.graph.targets[np.where(used, walks.edges[:, :hops], 0)], 0).astype(np.int64)
    named = np.where(used, path, np.where(chose, illegal[:, None], -1))
    every = np.column_stack([walks.problem, walks.starts, named])
    different, of_walk = np.unique(every, axis=0, return_inverse=True)
    named, chose = np.maximum(different[:, 2:], 0), different[:, 2:] >= 0
    nodes = np.concatenate([different[:, 1:2], named[:, :-1]], axis=1)
    answers = problems.answers[different[:, 0]]
    before = prefix(policy.settings, policy.graph.nodes, different[:, 1], answers)
    # Beyond the end stands node 0: what is read there is not used, and nothing before it looks ahead.
    tokens = np.concatenate([before, np.where(named[:, :-1] < policy.graph.nodes, named[:, :-1], 0)], axis=1)
    nodes = np.where(chose, nodes, 0)
    return Sequences(tokens=tokens, named=named, chose=chose, nodes=nodes, of_walk=of_walk.reshape(-1))


def logits(policy: "NeuralPolicy", part: Sequences) -> "torch.Tensor":
    """Return the logits of every token where something was chosen, shape (sequences, hops, vocabulary)."""
    import torch

    read = policy.model(torch.from_numpy(part.tokens), use_cache=False).logits
    return read[:, part.before - 1 :]


def legal_logs(policy: "NeuralPolicy", part: Sequences, log: "torch.Tensor") -> "torch.Tensor":
    """Return log-probabilities of the out-edges, given a legal move; -inf where a node has fewer edges."""
    import torch

    inside = torch.from_numpy(policy.rows[part.nodes] >= 0)
    found = torch.gather(log, 2, torch.from_numpy(policy.targets[part.nodes]))
    return torch.log_softmax(found.masked_fill(~inside, -torch.inf), dim=2)


def log_probabilities(policy: "NeuralPolicy", walks: Walks) -> np.ndarray:
    """See :meth:`~conet.neural.policy.NeuralPolicy.log_probabilities`."""
    import torch

    every = sequences(policy, walks)
    found = np.zeros((len(every.named), walks.edges.shape[1]))
    with torch.inference_mode(), one_thread():
        for rows in _blocks(len(every.named)):
            part = every.block(rows)
            log = torch.log_softmax(logits(policy, part).double(), dim=2)
            log = torch.gather(log, 2, torch.from_numpy(part.named)[..., None])[..., 0].numpy()
            found[rows, : log.shape[1]] = np.where(part.chose, log, 0.0)
    return found[every.of_walk]


def next_hops(policy: "NeuralPolicy", walks: Walks) -> tuple[np.ndarray, np.ndarray]:
    """See :meth:`~conet.neural.policy.NeuralPolicy.next_hops`."""
    import torch

    every = sequences(policy, walks)
    shape = len(every.named), walks.edges.shape[1]
    legal, illegal = np.zeros((*shape, policy.rows.shape[1])), np.zeros(shape)
    with torch.inference_mode(), one_thread():
        for rows in _blocks(len(every.named)):
            part = every.block(rows)
            log = torch.log_softmax(logits(policy, part).double(), dim=2)
            edges = policy.rows[part.nodes] >= 0
            whole = np.take_along_axis(log.exp().numpy(), policy.targets[part.nodes], axis=2) * edges
            given = legal_logs(policy, part, log).exp().numpy()
            hops = part.chose.shape[1]
            legal[rows, :hops] = np.where(part.chose[..., None], given, 0.0)
            illegal[rows, :hops] = np.where(part.chose, np.maximum(1.0 - whole.sum(axis=2), 0.0), 0.0)
    return legal[every.of_walk], illegal[every.of_walk]


def ascent(policy: "NeuralPolicy", walks: Walks, weights: np.ndarray, entropy: float) -> Gradient:
    """See :meth:`~conet.engine.policy.Network.ascent`.

    Raises
    ------
    ValueError
        When the weights have neither shape, or a used one is not finite.
    """
    import torch

    weights = np.asarray(weights, np.float64)
    if weights.shape not in (walks.length.shape, walks.edges.shape):
        shapes = f"{walks.length.shape} or {walks.edges.shape}"
        raise ValueError(f"got weights of shape {weights.shape}, expected {shapes}")
    each: Any = np.where(walks.choices(), weights if weights.ndim == 2 else weights[:, None], 0.0)
    if not np.isfinite(each).all():
        raise NotFinite("got weights that are not finite")
    every = sequences(policy, walks)
    total, times = np.zeros(every.named.shape), np.zeros(len(every.named))
    np.add.at(total, every.of_walk, each[:, : every.named.shape[1]])
    np.add.at(times, every.of_walk, 1.0)
    found = np.zeros(policy.size)
    with one_thread():
        for rows in _blocks(len(every.named)):
            part = every.block(rows)
            raw = logits(policy, part)
            aim = _walked(part, raw, total[rows])
            if entropy:
                aim = aim + entropy * _entropy(policy, part, raw, times[rows])
            parts = torch.autograd.grad(aim, list(policy.model.parameters()), allow_unused=True)
            found += _row(policy, parts)
    return Gradient(found, np.empty(0, np.int32))


def _walked(part: Sequences, raw: "torch.Tensor", weights: np.ndarray) -> "torch.Tensor":
    """Return Σ weight · log π of what was chosen."""
    import torch

    log = torch.log_softmax(raw, dim=2)
    log = torch.gather(log, 2, torch.from_numpy(part.named)[..., None])[..., 0]
    return (log * torch.from_numpy(weights).to(raw.dtype)).sum()


def _entropy(
    policy: "NeuralPolicy", part: Sequences, raw: "torch.Tensor", times: np.ndarray
) -> "torch.Tensor":
    """Return Σ H among legal moves over all choices, each sequence counted so many times."""
    import torch

    log = legal_logs(policy, part, raw)
    inside = torch.isfinite(log)
    log = log.masked_fill(~inside, 0.0)
    each = -(log.exp() * log * inside).sum(dim=2)
    counted = torch.from_numpy(part.chose * times[:, None]).to(raw.dtype)
    return (each * counted).sum()


def _row(policy: "NeuralPolicy", parts: "tuple[torch.Tensor | None, ...]") -> np.ndarray:
    """Return gradients of all weights in one row, float64."""
    sizes = [weight.numel() for weight in policy.model.parameters()]
    return np.concatenate(
        [np.zeros(size) if part is None else part.numpy().ravel() for part, size in zip(parts, sizes)]
    )


def _blocks(count: int) -> Iterator[slice]:
    return (slice(first, first + AT_ONCE) for first in range(0, count, AT_ONCE))
