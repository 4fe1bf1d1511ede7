"""Small policies of every sort, for the tests of the engine."""

import numpy as np
from hypothesis import strategies as st

from conet.config import GraphSettings
from conet.engine.tables import TablePolicy
from conet.network.graph import build
from conet.network.problems import Problems

KINDS = ("regular", "erdos_renyi", "scale_free")
SCALES = {"uniform": 0.0, "random": 1.0, "trained": 30.0}
MASK = 2**64 - 1  # the largest key of the generator

worlds = st.tuples(
    st.sampled_from(KINDS),
    st.sampled_from(sorted(SCALES)),
    st.integers(8, 30),
    st.sampled_from([2, 4, 6]),
    st.integers(0, 2**63 - 1),
)


def world(
    kind: str, scale: str, nodes: int, degree: int, seed: int, length: int = 9, stop: bool = False
) -> tuple[TablePolicy, Problems]:
    """Make a small policy of one sort, and questions whose answers may be other questions' answers."""
    graph = build(GraphSettings(kind=kind, nodes=nodes, degree=degree), seed)
    rng = np.random.default_rng(seed)
    logits = SCALES[scale] * rng.standard_normal(graph.edges)
    if scale == "trained":
        logits[rng.random(graph.edges) < 0.1] = -2000.0  # an edge that underflows to probability zero
    questions = rng.permutation(nodes)[:4].astype(np.int32)
    answers = (questions + rng.integers(1, nodes, 4, dtype=np.int32)) % nodes
    return TablePolicy(graph, logits), Problems(questions, answers.astype(np.int32), length, stop)


def same_bits(first: np.ndarray, second: np.ndarray) -> bool:
    return first.dtype == second.dtype and first.tobytes() == second.tobytes()
