"""How well `conet web` finds a web that is known: regenerates the tables of docs/results-web.md.

    python verification/concept_webs.py --seeds 5 --write docs/results-web.md

Walks of a trained table policy are told as texts (verification/trace_texts.py), with noise, and their web is found
again from the texts alone. Needs the extra [traces]. Embeddings and rows are kept in --cache, so that an interrupted
call goes on; one process, about ten minutes of one core.

THRESHOLDS were fixed before the first full run.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from trace_texts import Noise, Told, shuffled, tell

import conet
from conet.base.progress import line
from conet.engine.sample import EVALUATE, stream_key
from conet.network.web import Web
from conet.traces import reasoning_graph
from conet.traces.agreement import adjusted_rand_index
from conet.traces.embedding import Embedding, embedding
from conet.traces.embedding_cache import embed
from conet.traces.grouping import group
from conet.traces.predictive import group_by_future
from conet.traces.significance import RATE, count_and_test
from conet.traces.splitting import sentences
from conet.traces.transitions import Paths, effective_out_degree

NODES, DEGREE, PROBLEMS, LONGEST = 60, 6, 10, 8
COMMITTED = 0.3  # probability from which an edge belongs to the true web, as in all of CoNet
ALL = Noise(hedges=0.15, distractors=0.15, split=0.15, merged=0.15, missing=0.05)


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is told, and how it is read again."""

    updates: int = 120  # of the policy
    traces: int = 400
    noise: Noise = field(default_factory=Noise)
    shuffle: bool = False
    null: str = "order"
    grouping: str = "likeness"
    concepts: int | None = None


BASE = Case()
CASES: dict[str, Case] = {
    **{f"{traces} traces": replace(BASE, traces=traces) for traces in (50, 100, 200, 400, 1000)},
    "hedges 0.3": replace(BASE, noise=Noise(hedges=0.3)),
    "distractors 0.3": replace(BASE, noise=Noise(distractors=0.3)),
    "split 0.3": replace(BASE, noise=Noise(split=0.3)),
    "merged 0.3": replace(BASE, noise=Noise(merged=0.3)),
    "missing 0.1": replace(BASE, noise=Noise(missing=0.1)),
    **{f"all noise, {traces} traces": replace(BASE, noise=ALL, traces=traces) for traces in (200, 400, 1000)},
    "early (30 updates)": replace(BASE, updates=30),
    "untrained": replace(BASE, updates=0, traces=1000),
    "null: configuration": replace(BASE, null="configuration"),
    "null: disparity": replace(BASE, null="disparity"),
    "by future, 1000 traces": replace(BASE, grouping="future", traces=1000),
    "k = 200": replace(BASE, concepts=200),
    "shuffled": replace(BASE, shuffle=True),
    "shuffled, all noise, 1000 traces": replace(BASE, shuffle=True, noise=ALL, traces=1000),
    "shuffled, null: configuration": replace(BASE, shuffle=True, null="configuration"),
    "shuffled, null: disparity": replace(BASE, shuffle=True, null="disparity"),
    "shuffled, k = 200": replace(BASE, shuffle=True, concepts=200),
}
# Case, quantity, what the mean over seeds must be, in words and as a test.
THRESHOLDS: list[tuple[str, str, str, Callable[[float], bool]]] = [
    ("400 traces", "ari", "≥ 0.95", lambda mean: mean >= 0.95),
    ("400 traces", "precision", "≥ 0.95", lambda mean: mean >= 0.95),
    ("400 traces", "recall", "≥ 0.80", lambda mean: mean >= 0.8),
    ("400 traces", "degree_ratio", "0.85 to 1.15", lambda mean: 0.85 <= mean <= 1.15),
    ("early (30 updates)", "islands_off", "≤ 1", lambda mean: mean <= 1),
    ("all noise, 1000 traces", "precision", "≥ 0.90", lambda mean: mean >= 0.9),
    ("all noise, 1000 traces", "recall", "≥ 0.60", lambda mean: mean >= 0.6),
    ("shuffled", "edges", "≤ 0.05", lambda mean: mean <= 0.05),
    ("shuffled, all noise, 1000 traces", "edges", "≤ 0.05", lambda mean: mean <= 0.05),
]


@dataclass(frozen=True)
class World:
    """A policy, its walks as nodes, and the web that they are of."""

    walks: list[list[int]]
    used: set[tuple[int, int]]
    true: set[tuple[int, int]]


def world(seed: int, updates: int, traces: int) -> World:
    """Train, and sample as many walks of each problem."""
    config = conet.preset("smoke").override(
        {
            "seed": seed,
            "steps": max(updates, 1),
            "graph.nodes": NODES,
            "graph.degree": DEGREE,
            "problems.count": PROBLEMS,
            "problems.max_length": LONGEST,
            "learner.learning_rate": 23.0 if updates else 1e-9,
        }
    )
    _, trainer = conet.simulate(config, threads=1)
    policy, graph = trainer.policy, trainer.policy.graph
    sampled = policy.sample(
        trainer.problems, traces // PROBLEMS, stream_key(seed, updates, EVALUATE), threads=1
    )
    walks = [
        [int(start), *graph.targets[edges[:length]].tolist()]
        for start, edges, length in zip(sampled.starts, sampled.edges, sampled.length)
    ]
    edges = np.unique(sampled.edges[sampled.used()])
    source = np.searchsorted(graph.offsets, edges, side="right") - 1
    ends = list(zip(source.tolist(), graph.targets[edges].tolist()))
    committed = policy.probability[edges] >= COMMITTED
    return World(walks, set(ends), {one for one, kept in zip(ends, committed) if kept})


def row(case: Case, seed: int, how: Embedding, cache: Path) -> dict[str, float]:
    """Tell the walks of one seed, read them again, and compare."""
    rng = np.random.default_rng([seed, 77])
    made = world(seed, case.updates, case.traces)
    told = [tell(walk, rng, case.noise) for walk in made.walks]
    if case.shuffle:
        told = [shuffled(one, rng) for one in told]
    return compared(case, seed, made, told, how, cache)


def compared(
    case: Case, seed: int, made: World, told: list[Told], how: Embedding, cache: Path
) -> dict[str, float]:
    """Find the web of the texts, and say how far it is the true one."""
    steps = [sentences(one.text) for one in told]
    assert all(len(said) == len(one.nodes) for said, one in zip(steps, told))
    known: dict[str, int] = {}
    text = np.array([known.setdefault(step, len(known)) for said in steps for step in said])
    rollout = np.repeat(np.arange(len(steps)), [len(said) for said in steps])
    node = np.array([node for one in told for node in one.nodes])
    vectors = embed(list(known), how, cache / "embeddings")
    occurrences = np.bincount(text)
    if case.grouping == "future":
        found = group_by_future(vectors, occurrences, rollout, text, case.concepts, seed)
    else:
        concepts = None if case.concepts is None else min(case.concepts, len(known))
        found = group(vectors, occurrences, concepts, seed)
    concept = found.concept[text]
    paths = Paths(rollout, concept, len(found.centres))
    tested = count_and_test(paths, case.null, RATE)  # type: ignore[arg-type]
    meaning = majority(concept, node, paths.concepts)
    kept = tested.significant
    edges = set(zip(meaning[tested.source[kept]].tolist(), meaning[tested.target[kept]].tolist()))
    web, true = as_web(edges), as_web(made.true)
    one_node = node >= 0
    return {
        "concepts": paths.concepts,
        "ari": adjusted_rand_index(concept[one_node], node[one_node]),
        "stability": found.stability,
        "edges": len(edges),
        "precision": len(edges & made.used) / len(edges) if edges else float("nan"),
        "recall": len(edges & made.true) / len(made.true) if made.true else float("nan"),
        "degree": web.mean_degree,
        "true_degree": true.mean_degree,
        "degree_ratio": web.mean_degree / true.mean_degree if true.mean_degree else float("nan"),
        "islands": web.components,
        "true_islands": true.components,
        "islands_off": abs(web.components - true.components),
        "out_degree": effective_out_degree(paths.counts()),
        **reasoning_graph.measures(rollout, concept, vectors[text], seed),
    }


def majority(concept: np.ndarray, node: np.ndarray, concepts: int) -> np.ndarray:
    """Return the node that most steps of each concept tell of; below 0 for noise, each concept of it its own."""
    counts = np.zeros((concepts, NODES + 2), np.int64)
    np.add.at(counts, (concept, node), 1)  # -1 and -2 are the last two columns
    best = counts.argmax(1)
    return np.where(best < NODES, best, -1 - np.arange(concepts))


def as_web(edges: set[tuple[int, int]]) -> Web:
    """Return the web of some edges; ends below 0 become nodes beyond the others."""
    ends = np.array(sorted(edges), np.int64).reshape(-1, 2)
    ends = np.where(ends < 0, NODES - ends, ends)
    return Web.from_edges(ends[:, 0], ends[:, 1])


def rows(seeds: int, cache: Path) -> dict[str, list[dict[str, float]]]:
    """Return the rows of all cases; those that are kept are not made again."""
    cache.mkdir(parents=True, exist_ok=True)
    file = cache / "rows.json"
    kept = json.loads(file.read_text()) if file.exists() else {}
    how = embedding()
    with line() as show:
        for place, (name, case) in enumerate(CASES.items()):
            for seed in range(seeds):
                key = f"{name} / {seed}"
                if key not in kept:
                    kept[key] = row(case, seed, how, cache)
                    file.write_text(json.dumps(kept))
                show("row", place * seeds + seed + 1, len(CASES) * seeds, name)
    return {name: [kept[f"{name} / {seed}"] for seed in range(seeds)] for name in CASES}


def mean(values: list[dict[str, float]], name: str) -> float:
    known = [value[name] for value in values if np.isfinite(value[name])]
    return float(np.mean(known)) if known else float("nan")


def table(found: dict[str, list[dict[str, float]]], columns: dict[str, tuple[str, int]]) -> list[str]:
    """Return the means over seeds as a table of markdown."""
    lines = ["| texts | " + " | ".join(title for title, _ in columns.values()) + " |"]
    lines.append("|---" * (len(columns) + 1) + "|")
    for name, values in found.items():
        cells = [mean(values, column) for column in columns]
        shown = [
            "–" if not np.isfinite(cell) else f"{cell:.{digits}f}"
            for cell, (_, digits) in zip(cells, columns.values())
        ]
        lines.append(f"| {name} | " + " | ".join(shown) + " |")
    return lines


WEB = {
    "concepts": ("concepts", 0),
    "ari": ("ARI", 3),
    "stability": ("stability", 2),
    "edges": ("edges found", 1),
    "precision": ("precision", 3),
    "recall": ("recall", 3),
    "degree": ("degree", 2),
    "true_degree": ("true degree", 2),
    "islands": ("islands", 1),
    "true_islands": ("true islands", 1),
    "out_degree": ("effective out-degree", 2),
}
TOPOLOGY = {
    "cyclic_share": ("rollouts with a cycle", 2),
    "cycles": ("cycles", 2),
    "diameter": ("diameter", 2),
    "path_length": ("path length", 2),
    "small_world_index": ("small-world index", 2),
}


def written(found: dict[str, list[dict[str, float]]], seeds: int) -> str:
    """Return verdicts and tables as markdown."""
    verdicts = ["| texts | quantity | threshold, fixed before | mean | verdict |", "|---|---|---|---|---|"]
    for name, quantity, words, holds in THRESHOLDS:
        value = mean(found[name], quantity)
        verdicts.append(
            f"| {name} | {quantity} | {words} | {value:.3f} | {'holds' if holds(value) else 'fails'} |"
        )
    return "\n".join(
        [*verdicts, "", f"Means over {seeds} seeds:", "", *table(found, WEB), "", *table(found, TOPOLOGY)]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--cache", type=Path, default=Path("runs/concept-webs"))
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    text = written(rows(given.seeds, given.cache), given.seeds)
    if given.write is None:
        print(text)
        return
    page = given.write.read_text(encoding="utf-8")
    before, _, rest = page.partition("<!-- tables -->\n")
    after = rest.partition("<!-- end of tables -->")[2]
    given.write.write_text(
        f"{before}<!-- tables -->\n{text}\n<!-- end of tables -->{after}", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
