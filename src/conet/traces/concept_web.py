"""All of it: a run's rollouts with text, to a web of concepts with significant edges."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from conet.base.errors import ConetError
from conet.network.web import Web
from conet.rollouts import RolloutRecord
from conet.traces import reasoning_graph
from conet.traces.by_step import by_step, concept_shares, observables, web_of
from conet.traces.caveats import caveats, missing_web
from conet.traces.embedding import Embedding, embedding
from conet.traces.embedding_cache import embed
from conet.traces.grouping import Grouping, group
from conet.traces.predictive import group_by_future
from conet.traces.significance import RATE, Null, Tested, count_and_test
from conet.traces.texts import Progress, Steps, silent
from conet.traces.transitions import Paths, effective_out_degree

if TYPE_CHECKING:
    import polars

TYPICAL = 3  # texts that stand for a concept


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a web is made of steps.

    Attributes
    ----------
    concepts : int or None
        How many; chosen where None.
    grouping : str
        "likeness" (texts that mean the same) or "future" (texts after which the same comes next).
    null : str
        See :mod:`conet.traces.significance`.
    rate : float
        False discovery rate of the edges.
    seed : int
        Of samples and shuffles.
    """

    concepts: int | None = None
    grouping: Literal["likeness", "future"] = "likeness"
    null: Null = "order"
    rate: float = RATE
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class ConceptWeb:
    """The concept web of traces; what :func:`concept_web` returns.

    Attributes
    ----------
    record : RolloutRecord
        What was read.
    steps : Steps
        Steps of reasoning.
    vectors : ndarray of float32, shape (texts, dimensions)
        Embedding of each distinct text.
    grouping : Grouping
    paths : Paths
        Each rollout's way through the concepts.
    tested : Tested
        Transitions, and which are significant.
    options : Options
    embedding : str
        How texts were embedded.
    progress
        Told how far the moments of the training are, when they are first asked for.
    """

    record: RolloutRecord
    steps: Steps
    vectors: np.ndarray
    grouping: Grouping
    paths: Paths
    tested: Tested
    options: Options
    embedding: str
    progress: Progress = silent

    @cached_property
    def web(self) -> Web:
        """The significant edges; the weight is the share of the transitions that leave the source."""
        size = self.paths.concepts
        edges = np.zeros((size, size), bool)
        kept = self.tested.significant
        edges[self.tested.source[kept], self.tested.target[kept]] = True
        return web_of(self.paths.counts(), edges, size)

    @cached_property
    def concepts(self) -> "polars.DataFrame":
        """A row a concept.

        ``concept``, ``label``, ``typical``, ``steps``, ``texts``, ``rollouts``, ``place``:

        ``typical`` are the texts nearest to its centre, the first of which is the ``label``; ``place`` is the
        mean place of its steps in their rollouts, from 0 (the first) to 1 (the last).
        """
        return describe(self)

    @cached_property
    def moments(self) -> "polars.DataFrame":
        """See :func:`conet.traces.by_step.by_step`."""
        options = self.options
        return by_step(
            self.steps, self.paths, self.tested, options.null, options.rate, options.seed, self.progress
        )

    @cached_property
    def shares(self) -> "polars.DataFrame":
        """See :func:`conet.traces.by_step.concept_shares`."""
        return concept_shares(self.steps, self.paths)

    @cached_property
    def numbers(self) -> dict[str, Any]:
        """All numbers of the web as a whole, as ``conet web --json`` prints them."""
        return summary(self)

    @cached_property
    def why_no_web(self) -> str | None:
        """Why there is no web, or None where there is one."""
        return missing_web(self.numbers)

    @cached_property
    def notes(self) -> list[str]:
        """What the numbers cannot tell, or rest on; first why there is no web, where there is none."""
        return caveats(self.numbers, self.options.concepts)


def concept_web(
    record: RolloutRecord,
    steps: Steps,
    how: Embedding | None = None,
    options: Options | None = None,
    folder: Path | None = None,
    progress: Progress = silent,
) -> ConceptWeb:
    """Make the concept web of steps.

    Parameters
    ----------
    record, steps
        The run, and what :func:`conet.traces.texts.steps_of` made of it.
    how
        How to embed; by all-MiniLM-L6-v2 where absent.
    folder
        Where embeddings are kept; nowhere where absent.
    progress
        Told what is being counted, and how far it is.
    """
    how, options = how or embedding(), options or Options()
    if not 0 < options.rate < 1:
        raise ConetError(f"false discovery rate {options.rate}", "above 0 and below 1", f"for example {RATE}")
    if options.seed < 0:
        raise ConetError(f"seed {options.seed}", "0 or more", "for example 0")
    vectors = embed(steps.texts, how, folder, progress)
    grouping = grouped(steps, vectors, options, progress)
    paths = Paths(steps.rollout, grouping.concept[steps.text], len(grouping.centres))
    return ConceptWeb(
        record=record,
        steps=steps,
        vectors=vectors,
        grouping=grouping,
        paths=paths,
        tested=count_and_test(paths, options.null, options.rate),
        options=options,
        embedding=how.name,
        progress=progress,
    )


def grouped(steps: Steps, vectors: np.ndarray, options: Options, progress: Progress = silent) -> Grouping:
    """Group the texts as the options say."""
    asked = options.concepts, options.seed, progress
    if options.grouping == "future":
        return group_by_future(vectors, steps.occurrences, steps.rollout, steps.text, *asked)
    return group(vectors, steps.occurrences, *asked)


def describe(found: ConceptWeb) -> "polars.DataFrame":
    """Return the table of the concepts; see :attr:`ConceptWeb.concepts`."""
    import polars as pl

    steps, paths, concept = found.steps, found.paths, found.grouping.concept
    near = (found.vectors * found.grouping.centres[concept]).sum(1)
    order = np.lexsort((-steps.occurrences, -near.round(4), concept))
    starts = np.searchsorted(concept[order], np.arange(paths.concepts))
    ends = np.append(starts[1:], len(order))
    typical = [
        [steps.texts[text] for text in order[start : min(start + TYPICAL, end)]]
        for start, end in zip(starts, ends)
    ]
    of_rollout = np.unique(paths.rollout, return_counts=True)[1]
    lengths = np.repeat(of_rollout, of_rollout)  # of the rollout of each step
    place = steps.position / np.maximum(lengths - 1, 1)
    counts = np.bincount(paths.concept, minlength=paths.concepts)
    visits = np.unique(np.stack([paths.concept, paths.rollout]), axis=1)[0]
    return pl.DataFrame(
        {
            "concept": np.arange(paths.concepts),
            "label": [texts[0] for texts in typical],
            "typical": typical,
            "steps": counts,
            "texts": ends - starts,
            "rollouts": np.bincount(visits, minlength=paths.concepts),
            "place": np.bincount(paths.concept, weights=place, minlength=paths.concepts) / counts,
        }
    )


def summary(found: ConceptWeb) -> dict[str, Any]:
    """Return all numbers of the web as a whole."""
    steps, paths, grouping = found.steps, found.paths, found.grouping
    return {
        "traces": str(found.record.path),
        "format": found.record.format,
        "rollouts": steps.rollouts.height,
        "rollouts_without_steps": int((steps.rollouts["steps"] == 0).sum()),
        "steps": len(steps.text),
        "texts": len(steps.texts),
        "embedding": found.embedding,
        "grouping": found.options.grouping,
        "concepts": paths.concepts,
        "criterion": grouping.criterion,
        "silhouette": grouping.silhouette,
        "stability": grouping.stability,
        **of_edges(found),
        "reasoning_graph": reasoning_graph.measures(
            paths.rollout, paths.concept, found.vectors[steps.text], found.options.seed
        ),
        "candidates": [{"concepts": number, "silhouette": value} for number, value in grouping.candidates],
    }


def of_edges(found: ConceptWeb) -> dict[str, Any]:
    """Return the numbers of transitions, significant edges and webs, and those of shuffled steps."""
    paths, tested, options = found.paths, found.tested, found.options
    counts, size = paths.counts(), paths.concepts
    order = paths.random_order(np.random.default_rng(options.seed))
    mixed = Paths(paths.rollout, paths.concept[order], size)
    by_chance = mixed.counts()
    return {
        "transitions": int(counts.sum() - np.trace(counts)),
        "stays": int(np.trace(counts)),
        "edges": int((tested.source != tested.target).sum()),
        "tested_edges": tested.tests,
        "significant_edges": int(tested.significant.sum()),
        "null": options.null,
        "false_discovery_rate": options.rate,
        "effective_out_degree": effective_out_degree(counts),
        "web": observables(found.web, paths.starts()),
        "traffic_web": observables(web_of(counts, counts > 0, size), paths.starts()),
        "shuffled": {
            "significant_edges": int(count_and_test(mixed, options.null, options.rate).significant.sum()),
            "effective_out_degree": effective_out_degree(by_chance),
            "traffic_web": observables(web_of(by_chance, by_chance > 0, size), mixed.starts()),
            "reasoning_graph": reasoning_graph.measures(
                mixed.rollout, mixed.concept, found.vectors[found.steps.text[order]], options.seed
            ),
        },
    }
