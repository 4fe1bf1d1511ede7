"""The questions: where a walk starts, where it should end, and how long it may last."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from conet.base.errors import ConetError
from conet.config import ProblemSettings


@dataclass(frozen=True)
class Problems:
    """Pairs of a question node and an answer node.

    Parameters
    ----------
    questions, answers : ndarray of int32, shape (M,)
        Questions are distinct, and none is its own answer; answers may repeat.
    max_length : int
        A walk that has not reached its answer after this many steps has failed.
    stop_at_any_answer : bool
        Whether a walk also ends, with reward 0, at another question's answer.
    """

    questions: np.ndarray
    answers: np.ndarray
    max_length: int
    stop_at_any_answer: bool = False

    def __repr__(self) -> str:
        stops = ", ending at any answer" if self.stop_at_any_answer else ""
        return f"Problems({len(self)}, walks of at most {self.max_length} hops{stops})"

    def __len__(self) -> int:
        return len(self.questions)

    def stops(self, nodes: int) -> np.ndarray:
        """Mark the nodes at which every walk ends: uint8, shape (nodes,), or (0,) where none does."""
        if not self.stop_at_any_answer:
            return np.zeros(0, np.uint8)
        marks = np.zeros(nodes, np.uint8)
        marks[self.answers] = 1
        return marks


Tasks = Problems  # its name in version 0.1


def make(settings: ProblemSettings, nodes: int, seed: int) -> Problems:
    """Draw the questions and answers, all distinct, or read them from the settings' file.

    Raises
    ------
    ConetError
        When there are not enough nodes, or the file's pairs do not fit the graph.
    """
    if settings.file is not None:
        pairs = read_pairs(Path(settings.file), nodes)
    else:
        count = settings.count
        if 2 * count > nodes:
            raise ConetError(
                f"problems.count={count}",
                f"at most {nodes // 2}, half of the {nodes} nodes",
                "ask fewer questions or enlarge the graph",
            )
        # The graph is drawn from the seed itself; a child of it keeps the two draws independent.
        pairs = np.random.default_rng([seed, 1]).permutation(nodes)[: 2 * count].reshape(2, count).T
    questions, answers = np.ascontiguousarray(pairs.T, dtype=np.int32)
    return Problems(questions, answers, settings.max_length, settings.stop_at_any_answer)


def read_pairs(path: Path, nodes: int) -> np.ndarray:
    """Read question-answer pairs from JSON (``[[q, a], …]``) or from lines ``q a`` or ``q,a``.

    Returns
    -------
    ndarray of int64, shape (M, 2)
    """
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".json":
            rows = json.loads(text)
        else:
            lines = (line.split("#")[0].replace(",", " ").split() for line in text.splitlines())
            rows = [[int(part) for part in line] for line in lines if line]
        if not all(isinstance(x, int) and not isinstance(x, bool) for row in rows for x in row):
            raise ValueError("a node that is no whole number")
        pairs = np.array(rows, dtype=np.int64)
        if pairs.ndim != 2 or pairs.shape[1] != 2:
            raise ValueError(f"shape {pairs.shape}")
    except (OSError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise ConetError(
            f"problems.file={path}: {error}", "lines 'question answer', or JSON [[q, a], …]", "mend the file"
        ) from None
    _check_pairs(pairs, nodes, path)
    return pairs


def _check_pairs(pairs: np.ndarray, nodes: int, path: Path) -> None:
    outside = pairs[(pairs < 0) | (pairs >= nodes)]
    if len(outside):
        raise ConetError(
            f"{path}: node {outside[0]}", f"0 to {nodes - 1}", "mend the file or enlarge the graph"
        )
    own = pairs[pairs[:, 0] == pairs[:, 1], 0]
    if len(own):
        raise ConetError(
            f"{path}: question {own[0]} is its own answer", "two different nodes", "mend the file"
        )
    values, counts = np.unique(pairs[:, 0], return_counts=True)
    if counts.max() > 1:
        raise ConetError(
            f"{path}: question {values[counts.argmax()]} stands {counts.max()} times",
            "each question once",
            "remove the duplicates",
        )
