"""A transformer as the policy of a run: what learners, observables and the trainer ask of it."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from conet.config import PolicySettings
from conet.engine.gradient import Gradient
from conet.engine.sample import Walks
from conet.network.graph import Graph
from conet.network.problems import Problems
from conet.neural import reading
from conet.neural.model import MARKERS, build
from conet.neural.pretraining import pretrained
from conet.neural.walking import walk

WEIGHTS = "network."  # before the names of its arrays in a snapshot or checkpoint


class NeuralPolicy:
    """A small causal transformer that reads problem and path, and names the next node.

    It is a :class:`~conet.engine.policy.Network`. A node that no edge leads to ends the walk without reward.

    Parameters
    ----------
    settings
        Its size, and whether it reads the answer.
    graph, max_length
        What it walks on, and the longest walk.
    seed
        Of its weights.

    Attributes
    ----------
    model : torch.nn.Module
    probability : ndarray of float64, shape (edges,)
        π̄(j | i), given that the move is legal: the mean over the contexts in which the last walks visited
        node i; of a node that they did not visit, what it was before, and uniform where it never was visited.
    problems : Problems or None
        Those walked last: what reads recorded walks has to know question and answer.
    """

    parameters = "weights"  # as an error calls them

    def __init__(self, settings: PolicySettings, graph: Graph, max_length: int, seed: int) -> None:
        self.settings, self.graph, self.max_length = settings, graph, max_length
        self.model = build(settings, graph.nodes, max_length, seed)
        degrees = np.diff(graph.offsets)
        place = np.arange(int(degrees.max()))
        inside = place < degrees[:, None]
        self.rows = np.where(inside, graph.offsets[:-1, None] + place, -1)  # edges of each node, padded
        self.targets = np.where(inside, graph.targets[np.maximum(self.rows, 0)], 0).astype(np.int64)
        self.probability = np.repeat(1.0 / degrees, degrees)
        self.problems: Problems | None = None
        self.pretraining: dict[str, float] = {}

    def __repr__(self) -> str:
        return f"NeuralPolicy({self.graph.nodes} nodes, {self.size} weights)"

    @property
    def vocabulary(self) -> int:
        """Number of tokens: nodes and markers."""
        return self.graph.nodes + MARKERS

    @property
    def size(self) -> int:
        """Number of weights."""
        return sum(weight.numel() for weight in self.model.parameters())

    @property
    def finite(self) -> bool:
        """Whether all weights are finite."""
        return bool(np.isfinite(self.vector()).all())

    @property
    def sha256(self) -> str:
        """Hash of the weights, bit for bit."""
        return hashlib.sha256(self.vector().tobytes()).hexdigest()

    def summary(self) -> dict[str, Any]:
        """Return what the summary of a run says of it: its size, and how its pretraining went."""
        return {"policy": {"kind": "neural", "weights": self.size, "pretraining": self.pretraining}}

    def vector(self) -> np.ndarray:
        """Return a copy of all weights in one row, of their own type."""
        return np.concatenate([weight.detach().numpy().ravel() for weight in self.model.parameters()])

    def move(self, change: np.ndarray) -> None:
        """Add a change to the weights, in float64, and round."""
        import torch

        first = 0
        with torch.no_grad():
            for weight in self.model.parameters():
                part = change[first : first + weight.numel()].reshape(weight.shape)
                weight.copy_(torch.from_numpy(weight.numpy() + part))
                first += weight.numel()

    def edge_of(self, nodes: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """Return the edge from each node to the node that was named, -1 where there is none."""
        match = (self.targets[nodes] == tokens[:, None]) & (self.rows[nodes] >= 0)
        column = match.argmax(axis=1)
        return np.where(match.any(axis=1), self.rows[nodes, column], -1)

    def out_probabilities(
        self, node: int, problem: int | None = None, path: Sequence[int] = ()
    ) -> np.ndarray:
        """Probability of each out-edge after a path, given that the move is legal; π̄ without a problem."""
        row = slice(self.graph.offsets[node], self.graph.offsets[node + 1])
        if problem is None or self.problems is None:
            return self.probability[row]
        edges = np.zeros((1, self.max_length), np.int32)
        edges[0, : len(path)] = path
        asked = Walks(
            problems=np.array([problem], np.int32),
            starts=self.problems.questions[[problem]],
            edges=edges,
            length=np.array([len(path)], np.int32),
            correct=np.zeros(1, np.bool_),
            rollouts=1,
            illegal=np.zeros(1, np.int32),  # so that it chooses once more
        )
        return self.next_hops(asked)[0][0, len(path), : row.stop - row.start]

    def sample(
        self,
        problems: Problems,
        rollouts: int,
        key: int,
        *,
        chosen: Iterable[int] | None = None,
        threads: int = 1,
    ) -> Walks:
        """Draw walks, with one thread; the same key and weights give the same walks. π̄ follows them."""
        picked = np.arange(len(problems)) if chosen is None else np.array(list(chosen))
        self.problems = problems
        walks, visits = walk(self, problems, picked.astype(np.int32), rollouts, key)
        sums = np.add.reduceat(visits.edges, self.graph.offsets[:-1])
        seen = np.repeat(sums > 0, np.diff(self.graph.offsets))
        mean = visits.edges / np.repeat(np.where(sums > 0, sums, 1.0), np.diff(self.graph.offsets))
        self.probability = np.where(seen, mean, self.probability)
        return walks

    def hop_probabilities(self, walks: Walks) -> np.ndarray:
        """Probability of every recorded choice, float64, shape (walks, max_length); 1 beyond a walk's end."""
        return np.exp(self.log_probabilities(walks))

    def log_probabilities(self, walks: Walks) -> np.ndarray:
        """Log-probability (nats) of every recorded choice, float64, shape (walks, max_length); 0 beyond."""
        return reading.log_probabilities(self, walks)

    def next_hops(self, walks: Walks) -> tuple[np.ndarray, np.ndarray]:
        """Distribution over legal moves, and probability of an illegal one, wherever walks chose."""
        return reading.next_hops(self, walks)

    def mean_entropy(self, walks: Walks) -> float:
        """Mean entropy (nats) among legal moves where walks chose, each choice counted once."""
        legal = self.next_hops(walks)[0][walks.choices()]
        return float(-np.sum(legal * np.log(np.maximum(legal, np.finfo(float).tiny))) / len(legal))

    def ascent(self, walks: Walks, weights: np.ndarray, entropy: float = 0.0) -> Gradient:
        """Return Σ weight · ∇ log π over recorded choices, and entropy · Σ ∇H over them."""
        return reading.ascent(self, walks, weights, entropy)

    def state(self) -> dict[str, np.ndarray]:
        """Return the arrays that a checkpoint must keep."""
        weights = {WEIGHTS + name: weight.numpy() for name, weight in self.model.state_dict().items()}
        return {"probability": self.probability} | {name: array.copy() for name, array in weights.items()}

    def load(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take over what :meth:`state` returned."""
        import torch

        weights = {
            name.removeprefix(WEIGHTS): torch.from_numpy(np.array(array))
            for name, array in arrays.items()
            if name.startswith(WEIGHTS)
        }
        self.model.load_state_dict(weights)
        self.probability = np.array(arrays["probability"])


def make(
    settings: PolicySettings,
    graph: Graph,
    max_length: int,
    seed: int,
    arrays: Mapping[str, np.ndarray] | None = None,
) -> NeuralPolicy:
    """Return the transformer that a run begins with, which knows the edges; or that of a snapshot.

    Raises
    ------
    ConetError
        When the extra ``[neural]`` is not installed, or the settings do not fit together.
    """
    policy = NeuralPolicy(settings, graph, max_length, seed)
    if arrays is not None:
        policy.load(arrays)
    else:
        pretrained(policy, seed)
    return policy
