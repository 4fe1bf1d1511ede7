"""Walks of the transformer: each different context is read once, with a key-value cache.

All rollouts of a problem share their first context, and after some training most of their later ones too, so
a hop costs one row of the model for each different context and not for each walk.
"""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from conet.engine.sample import Walks
from conet.network.problems import Problems
from conet.neural.model import one_thread, prefix

if TYPE_CHECKING:
    from conet.neural.policy import NeuralPolicy

AT_ONCE = 8192  # walks (our choice: bounds the memory)


@dataclass
class Visits:
    """Sums over visited contexts.

    Attributes
    ----------
    edges : ndarray of float64, shape (edges,)
        Probability of each edge, given that the move is legal, summed over the visits of its node.
    nodes : ndarray of float64, shape (nodes,)
        Visits.
    """

    edges: np.ndarray
    nodes: np.ndarray


def walk(
    policy: "NeuralPolicy",
    problems: Problems,
    picked: np.ndarray,
    rollouts: int,
    key: int,
    cached: bool = True,
) -> tuple[Walks, Visits]:
    """Draw walks, problem by problem.

    Parameters
    ----------
    picked : ndarray of int32
        Problems to walk.
    rollouts, key
        Walks of each, and the key of the stream: random numbers depend on it, the problem and the walk's
        number.
    cached
        Whether keys and values are kept; without, every context is read anew (for the test).
    """
    graph = policy.graph
    walks = len(picked) * rollouts
    found = Walks(
        problems=picked,
        starts=np.repeat(problems.questions[picked], rollouts),
        edges=np.zeros((walks, problems.max_length), np.int32),
        length=np.zeros(walks, np.int32),
        correct=np.zeros(walks, np.bool_),
        rollouts=rollouts,
        illegal=np.full(walks, -1, np.int32),
    )
    visits = Visits(np.zeros(graph.edges), np.zeros(graph.nodes))
    block = max(1, AT_ONCE // rollouts)
    with one_thread():
        for first in range(0, len(picked), block):
            rows = slice(first * rollouts, (first + block) * rollouts)
            _walk_some(policy, problems, picked[first : first + block], found, rows, visits, key, cached)
    return found, visits


def _walk_some(
    policy: "NeuralPolicy",
    problems: Problems,
    picked: np.ndarray,
    found: Walks,
    rows: slice,
    visits: Visits,
    key: int,
    cached: bool,
) -> None:
    """Walk a block of problems to the end."""
    reader = Reader(policy, prefix(policy.settings, policy.graph.nodes, *_ends(problems, picked)), cached)
    uniform = _uniform(key, picked, found.rollouts, problems.max_length)
    walkers = np.arange(rows.start, rows.start + len(uniform))
    context = np.repeat(np.arange(len(picked)), found.rollouts)  # of each walker
    nodes = problems.questions[picked].astype(np.int64)  # of each context
    answers = np.repeat(problems.answers[picked], found.rollouts)
    stops = problems.stops(policy.graph.nodes).astype(bool)
    for hop in range(problems.max_length):
        probability = reader.probability
        _count(policy, probability, nodes, np.bincount(context, minlength=len(nodes)), visits)
        token = _draw(probability, context, uniform[walkers - rows.start, hop])
        edge = policy.edge_of(nodes[context], token)
        legal = edge >= 0
        assert found.illegal is not None
        found.illegal[walkers[~legal]] = token[~legal]
        walkers, context, token = walkers[legal], context[legal], token[legal]
        found.edges[walkers, hop], found.length[walkers] = edge[legal], hop + 1
        there = token == answers[walkers - rows.start]
        found.correct[walkers] = there
        going = ~there if not len(stops) else ~there & ~stops[token]
        walkers, context, token = walkers[going], context[going], token[going]
        if not len(walkers) or hop + 1 == problems.max_length:
            return
        pairs, context = np.unique(context * policy.vocabulary + token, return_inverse=True)
        parents, nodes = np.divmod(pairs, policy.vocabulary)
        reader.read(parents, nodes)


class Reader:
    """Contexts that are read a token further at a time.

    Attributes
    ----------
    probability : ndarray of float64, shape (contexts, vocabulary)
        Of the next token.
    """

    def __init__(self, policy: "NeuralPolicy", tokens: np.ndarray, cached: bool) -> None:
        from transformers import DynamicCache

        self.model, self.cached = policy.model, cached
        self.tokens = tokens
        self._cache = DynamicCache(config=self.model.config) if cached else None
        named = inspect.signature(self.model.forward).parameters
        self._keyword = "cache" if "cache" in named else "past_key_values"  # until 5.23
        self._forward(tokens)

    def read(self, parents: np.ndarray, tokens: np.ndarray) -> None:
        """Go on from some of the contexts, each with one token more."""
        import torch

        self.tokens = np.concatenate([self.tokens[parents], tokens[:, None]], axis=1)
        if self.cached:
            assert self._cache is not None
            self._cache.batch_select_indices(torch.from_numpy(parents))
        self._forward(tokens[:, None] if self.cached else self.tokens)

    def _forward(self, tokens: np.ndarray) -> None:
        import torch

        with torch.inference_mode():
            given = torch.from_numpy(np.ascontiguousarray(tokens))
            kept = {self._keyword: self._cache} if self.cached else {}
            read = self.model(given, **kept, use_cache=self.cached, logits_to_keep=1)
            self.probability = torch.softmax(read.logits[:, -1].double(), dim=-1).numpy()


def _ends(problems: Problems, picked: np.ndarray) -> Iterator[np.ndarray]:
    return iter((problems.questions[picked], problems.answers[picked]))


def _uniform(key: int, picked: np.ndarray, rollouts: int, hops: int) -> np.ndarray:
    """Random numbers of every hop, float64, shape (walks, hops)."""
    streams = [np.random.Generator(np.random.Philox(key=[key, problem])) for problem in picked.tolist()]
    return np.concatenate([stream.random((rollouts, hops)) for stream in streams])


def _draw(probability: np.ndarray, context: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Draw a token for each walker by inverting the distribution of its context."""
    ends = np.cumsum(probability, axis=1)
    ends /= ends[:, -1:]
    # One sorted row of numbers: those of context c lie between c and c + 1.
    flat = (ends + np.arange(len(ends))[:, None]).ravel()
    place = np.searchsorted(flat, context + uniform, side="right") - context * ends.shape[1]
    return np.minimum(place, ends.shape[1] - 1)


def _count(
    policy: "NeuralPolicy", probability: np.ndarray, nodes: np.ndarray, times: np.ndarray, visits: Visits
) -> None:
    """Add up what the contexts say, as often as they are visited."""
    edges, targets = policy.rows[nodes], policy.targets[nodes]
    legal = np.take_along_axis(probability, targets, axis=1) * (edges >= 0)
    legal /= np.maximum(legal.sum(axis=1, keepdims=True), np.finfo(float).tiny)
    np.add.at(visits.edges, np.maximum(edges, 0), legal * times[:, None])
    np.add.at(visits.nodes, nodes, times)
