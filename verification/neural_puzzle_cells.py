"""One training of verification/neural_puzzles.py as a cell: the puzzles of RLVR, seen alike in table and transformer."""

from collections.abc import Callable
from typing import Any

import numpy as np

from conet.cells.training import QUIET, start, train
from conet.engine.gradient import from_walks
from conet.engine.sample import EVALUATE, HARVEST, Walks, stream_key
from conet.engine.tables import TablePolicy
from conet.learners.optim import SGD
from conet.network.problems import Problems
from conet.neural import reading
from conet.neural.model import prefix
from conet.neural.policy import NeuralPolicy
from conet.observables.diversity import path_diversity
from conet.observables.markov import effective_labels, predictive_states
from conet.observables.pass_at_k import pass_at_k
from conet.observables.transitions import transitions
from conet.observables.web import threshold_web
from conet.runs.demonstrations import demonstrations
from conet.runs.trainer import Trainer

PASSES = (1, 16, 64)
LOOKS = (0, *range(10, 201, 10), *range(225, 401, 25))
WALKS = 64  # a problem, at each look
FOREIGN = 8  # problems of the foreign SFT
LEARNED = 0.05  # geometric mean of the probability of its demonstrations, at which it ends: the same dose
MOST_STEPS = 800
RECOVERY = (10, 50)  # updates of RLVR after it
HORIZONS = (1, 2, 3, 5, 10)  # hops ahead
RARE = 0.01  # futures less probable than this are left out
Step = Callable[[np.ndarray], np.ndarray]


def ascent(policy: Any, walks: Walks, weights: np.ndarray) -> Any:
    """Return the gradient of Σ weight · log π, of either kind of policy."""
    return (
        policy.ascent(walks, weights)
        if isinstance(policy, NeuralPolicy)
        else from_walks(policy, walks, weights)
    )


def look(trainer: Trainer) -> dict[str, Any]:
    """Return islands, what cancels of the problems' gradients, pass@k and path entropy."""
    walks = trainer.sample(WALKS, EVALUATE)
    web = threshold_web(trainer.policy, trainer.config.web.threshold)
    gradients = []
    for problem in range(len(trainer.problems)):
        rows = walks.select(np.arange(WALKS * problem, WALKS * (problem + 1)))
        gradients.append(ascent(trainer.policy, rows, (rows.correct - rows.correct.mean()) / WALKS).values)
    norms, together = np.linalg.norm(gradients, axis=1).sum(), np.linalg.norm(np.sum(gradients, axis=0))
    paths = path_diversity(walks)
    solved = paths.correct > 0
    correct = walks.correct.reshape(-1, WALKS).sum(axis=1)
    return {
        "islands": web.summary(trainer.problems.questions)["islands"],
        "cancellation": norms - together,
        "path_entropy": float(paths.entropy[solved].mean()) if solved.any() else np.nan,
        "pass": [pass_at_k(correct, WALKS, k).mean() for k in PASSES],
    }


def foreign(trainer: Trainer) -> tuple[Problems, Walks]:
    """Return problems between other nodes, and of each the first correct walk of a policy that knows only the edges."""
    problems, graph, seed = trainer.problems, trainer.policy.graph, trainer.config.seed
    used = np.r_[problems.questions, problems.answers]
    free = np.random.default_rng([seed, 3]).permutation(np.setdiff1d(np.arange(graph.nodes), used))
    pairs = free[: len(free) // 2 * 2].reshape(-1, 2).astype(np.int32)
    asked = Problems(pairs[:, 0], pairs[:, 1], problems.max_length)
    walks = TablePolicy(graph).sample(asked, 4096, stream_key(seed, 0, HARVEST))
    found = demonstrations(walks, np.inf, "first", seed)
    return asked, found.select(np.arange(min(FOREIGN, len(found.length))))


def forget(trainer: Trainer, rate: float) -> dict[str, np.ndarray]:
    """Teach foreign problems until they are learned, and see what is lost, and what RLVR regains."""
    asked, shown = foreign(trainer)
    policy, before = trainer.policy, accuracy(trainer)
    if isinstance(policy, NeuralPolicy):
        policy.problems = asked
    optimizer, steps = SGD(), 0
    while steps < MOST_STEPS and np.exp(policy.log_probabilities(shown).sum(axis=1).mean()) < LEARNED:
        optimizer.step(policy, ascent(policy, shown, np.ones(len(shown.length))), rate)
        steps += 1
    learned = np.exp(policy.log_probabilities(shown).sum(axis=1).mean())
    after = accuracy(trainer)
    found, end = {"before": before, "after": after}, trainer.step
    for updates in RECOVERY:
        train(trainer, end + updates)
        found[f"regained_{updates}"] = accuracy(trainer)
    return {f"forget.{name}": np.array(value) for name, value in found.items()} | {
        "forget.steps": np.array(steps),
        "forget.learned": np.array(learned),
        "forget.shown": np.array(len(shown.length)),
    }


def accuracy(trainer: Trainer) -> float:
    """Share of correct ones among 64 walks a problem."""
    return float(trainer.sample(WALKS, EVALUATE).correct.mean())


def contexts(trainer: Trainer) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the different contexts of the policy's own walks: problem and path as nodes (-1 beyond), and their visits."""
    walks = trainer.sample(WALKS, EVALUATE)
    chose = walks.choices()
    targets = trainer.policy.graph.targets.astype(np.int64)
    path = np.where(walks.used(), targets[np.where(walks.used(), walks.edges, 0)], -1)
    hop = np.arange(chose.shape[1])
    before = np.where(hop[None, None, :] < hop[None, :, None], path[:, None, :], -1)[chose]
    problem = np.broadcast_to(walks.problem[:, None], chose.shape)[chose]
    found, times = np.unique(np.column_stack([problem, before]), axis=0, return_counts=True)
    return found[:, 0], found[:, 1:], times


def step_of(trainer: Trainer) -> Step:
    """Return what names the next token: from tokens of shape (contexts, length) to (contexts, vocabulary)."""
    policy = trainer.policy
    graph = policy.graph
    if not isinstance(policy, NeuralPolicy):
        matrix = np.zeros((graph.nodes, graph.nodes))
        matrix[np.repeat(np.arange(graph.nodes), np.diff(graph.offsets)), graph.targets] = policy.probability
        return lambda tokens: matrix[tokens[:, -1]]
    import torch

    def step(tokens: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            read = policy.model(torch.from_numpy(tokens), use_cache=False).logits[:, -1]
            found: np.ndarray = torch.softmax(read.double(), dim=1).numpy()
        return found

    return step


def ahead(step: Step, tokens: np.ndarray, answers: np.ndarray, edges: np.ndarray, hops: int) -> list[Any]:
    """Return what comes next after contexts of one length.

    Parameters
    ----------
    step
        Names the next token.
    tokens : ndarray of int64, shape (contexts, length)
    answers : ndarray of int, shape (contexts,)
        A walk ends there.
    edges : ndarray of bool, shape (nodes, vocabulary)
        Legal moves: another one ends the walk.
    hops
        How far to look.

    Returns
    -------
    list
        Context, probability, and the tokens of each future.
    """
    found: list[Any] = []
    of, chance, first = np.arange(len(tokens)), np.ones(len(tokens)), tokens.shape[1]
    for hop in range(hops):
        joint = chance[:, None] * step(tokens)
        rows, named = np.nonzero(joint > RARE)
        chance, legal = joint[rows, named], edges[tokens[rows, -1], named]
        of, tokens = of[rows], np.column_stack([tokens[rows], named])
        ends = ~legal | (named == answers[of]) | (hop + 1 == hops)
        found += zip(of[ends], chance[ends], map(tuple, tokens[ends, first:]))
        of, chance, tokens = of[~ends], chance[~ends], tokens[~ends]
        if not len(of):
            break
    return found


def futures(trainer: Trainer) -> dict[str, np.ndarray]:
    """Return predictive states of a node by how far one looks ahead, and the problems that visit it."""
    problem, path, times = contexts(trainer)
    graph, problems, step = trainer.policy.graph, trainer.problems, step_of(trainer)
    length = (path >= 0).sum(axis=1)
    nodes = np.where(length, path[np.arange(len(path)), length - 1], problems.questions[problem])
    edges = np.zeros((graph.nodes, graph.nodes + 2), bool)
    edges[np.repeat(np.arange(graph.nodes), np.diff(graph.offsets)), graph.targets] = True
    weight, states = times / times.sum(), []
    for hops in HORIZONS:
        seen: dict[tuple[int, ...], int] = {}
        rows: list[tuple[int, int, float]] = []
        for done in np.unique(length):
            some = np.flatnonzero(length == done)
            ends = problems.questions[problem[some]], problems.answers[problem[some]]
            read = np.column_stack([prefix(trainer.config.policy, graph.nodes, *ends), path[some, :done]])
            left = min(hops, problems.max_length - int(done))
            for of, chance, next_ in ahead(step, read.astype(np.int64), ends[1], edges, left):
                rows.append((some[of], seen.setdefault((nodes[some[of]], *next_), len(seen)), chance))
        states.append(effective_labels(nodes, grouped(rows, nodes), weight))
    return {"states": np.array(states), "problems": np.array(effective_labels(nodes, problem, weight))}


def grouped(rows: list[tuple[int, int, float]], nodes: np.ndarray) -> np.ndarray:
    """Return the predictive state of each context, from its futures: context, number of the future, probability."""
    of, future, chance = (np.array(column) for column in zip(*rows))
    order = np.lexsort([future, nodes[of]])
    columns = np.zeros(len(of), np.int64)  # number of each future among those of its node
    for node in np.unique(nodes):
        mine = order[nodes[of[order]] == node]
        columns[mine] = np.unique(future[mine], return_inverse=True)[1].reshape(-1)
    matrix = np.zeros((len(nodes), columns.max() + 1))
    np.add.at(matrix, (of.astype(np.int64), columns), chance)
    return predictive_states(matrix, nodes)


def layers(trainer: Trainer) -> dict[str, np.ndarray]:
    """Return how much of the hidden states each layer explains by node, problem, place and next hop (adjusted R²)."""
    import torch

    walks = trainer.sample(WALKS, EVALUATE)
    every = reading.sequences(trainer.policy, walks)
    with torch.inference_mode():
        read = trainer.policy.model(
            torch.from_numpy(every.tokens), use_cache=False, output_hidden_states=True
        )
    problem = np.zeros(len(every.named), np.int64)
    problem[every.of_walk] = walks.problem
    sequence, place = np.nonzero(every.chose)
    so_far = np.where(np.arange(every.named.shape[1]) < place[:, None], every.named[sequence], -1)
    _, first = np.unique(np.column_stack([problem[sequence], so_far]), axis=0, return_index=True)
    sequence, place = sequence[first], place[first]
    at = place + every.before - 1
    labels = {
        "node": every.nodes[sequence, place],
        "problem": problem[sequence],
        "place": place,
        "next node": read.logits[:, :, : trainer.policy.graph.nodes].argmax(dim=2).numpy()[sequence, at],
    }
    hidden = [layer.double().numpy()[sequence, at] for layer in read.hidden_states]
    found = {
        f"layers.{name}": np.array([explained(layer, label) for layer in hidden])
        for name, label in labels.items()
    }
    for name in ("problem", "next node"):  # of what the node leaves
        both = np.unique(np.column_stack([labels["node"], labels[name]]), axis=0, return_inverse=True)[1]
        left = [1 - explained(layer, both.reshape(-1)) for layer in hidden]
        found[f"layers.{name} at a node"] = 1 - np.array(left) / (1 - found["layers.node"])
    return found


def explained(values: np.ndarray, labels: np.ndarray) -> float:
    """Share of the variance between groups, adjusted for their number."""
    different, of = np.unique(labels, return_inverse=True)
    sums = np.zeros((len(different), values.shape[1]))
    np.add.at(sums, of.reshape(-1), values)
    inside = ((values - (sums / np.bincount(of.reshape(-1))[:, None])[of.reshape(-1)]) ** 2).sum()
    whole = ((values - values.mean(axis=0)) ** 2).sum()
    free = len(values) - len(different)
    return float(1 - (inside / free) / (whole / (len(values) - 1))) if free > 0 else float("nan")


def run(seed: int, changes: dict[str, Any], rate: float) -> dict[str, np.ndarray]:
    """Train, look on the way, then look ahead, into the layers, and forget."""
    trainer = start("neural", seed, {**QUIET, **changes})
    record = train(trainer, looks={"look": (LOOKS, look)}, problems=True)
    seen = record.looks["look"]
    arrays = {name: np.array([one[name] for one in seen.values()]) for name in next(iter(seen.values()))}
    counts = np.array(record.correct_count, np.int64)
    fits = transitions(counts, trainer.learner.rollouts)
    arrays |= {"steps": np.array(list(seen)), "accuracy": record.column("accuracy")}
    arrays |= {name: fits[name] for name in ("low", "high", "midpoint", "width", "beats_ramp")}
    arrays |= futures(trainer)
    if isinstance(trainer.policy, NeuralPolicy):
        arrays |= layers(trainer)
    return arrays | forget(trainer, rate)
