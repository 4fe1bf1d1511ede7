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
from conet.traces.embedding import Embedding, embedding
from conet.traces.embedding_cache import embed
from conet.traces.grouping import STABLE, STRUCTURE, Grouping, group
from conet.traces.predictive import group_by_future
from conet.traces.significance import RATE, Null, Tested, count_and_test
from conet.traces.texts import Progress, Steps
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
    """

    record: RolloutRecord
    steps: Steps
    vectors: np.ndarray
    grouping: Grouping
    paths: Paths
    tested: Tested
    options: Options
    embedding: str

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
        return by_step(self.steps, self.paths, self.tested, options.null, options.rate, options.seed)

    @cached_property
    def shares(self) -> "polars.DataFrame":
        """See :func:`conet.traces.by_step.concept_shares`."""
        return concept_shares(self.steps, self.paths)

    @cached_property
    def numbers(self) -> dict[str, Any]:
        """All numbers of the web as a whole, as ``conet web --json`` prints them."""
        return summary(self)

    @cached_property
    def notes(self) -> list[str]:
        """What the numbers cannot tell, or rest on."""
        return caveats(self)


def concept_web(
    record: RolloutRecord,
    steps: Steps,
    how: Embedding | None = None,
    options: Options | None = None,
    folder: Path | None = None,
    progress: Progress = lambda what, done, total, state: None,
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
    """
    how, options = how or embedding(), options or Options()
    if not 0 < options.rate < 1:
        raise ConetError(f"false discovery rate {options.rate}", "above 0 and below 1", f"for example {RATE}")
    if options.seed < 0:
        raise ConetError(f"seed {options.seed}", "0 or more", "for example 0")
    vectors = embed(steps.texts, how, folder, progress)
    grouping = grouped(steps, vectors, options)
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
    )


def grouped(steps: Steps, vectors: np.ndarray, options: Options) -> Grouping:
    """Group the texts as the options say."""
    if options.grouping == "future":
        return group_by_future(
            vectors, steps.occurrences, steps.rollout, steps.text, options.concepts, options.seed
        )
    return group(vectors, steps.occurrences, options.concepts, options.seed)


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


def caveats(found: ConceptWeb) -> list[str]:
    """Say what the numbers cannot tell, or rest on."""
    numbers = found.numbers
    said = []
    if numbers["concepts"] == 1:
        said.append("There is one concept, so there is no transition and no web.")
    elif not numbers["transitions"]:
        said.append(
            "No rollout has two steps of different concepts, so there is no transition and no web: split the "
            "texts otherwise, if they hold more steps (--split lines, or re: and what stands between two)."
        )
    elif not numbers["significant_edges"]:
        few = numbers["tested_edges"] == 0
        why = "none could be told from chance with so few rollouts" if few else "none is more than chance"
        said.append(f"No edge is significant: {why}. What else the pages count is the traffic.")
    asked = found.options.concepts
    if asked is not None and asked != numbers["concepts"]:
        said.append(
            f"{asked} concepts were asked for, and {numbers['concepts']} made: vectors of different texts "
            "are equal, or what follows some texts is seen too seldom to tell them apart."
        )
    if numbers["rollouts_without_steps"]:
        said.append(f"{numbers['rollouts_without_steps']} rollouts hold no step: their texts are empty.")
    if numbers["silhouette"] < STRUCTURE:
        said.append(
            f"The texts hardly form groups (mean silhouette {numbers['silhouette']:.2f}; below {STRUCTURE:g} "
            "there is no structure to speak of): concepts are a partition of what is continuous."
        )
    if numbers["stability"] < STABLE:
        said.append(
            f"Half of the texts give other concepts (adjusted Rand index {numbers['stability']:.2f}): "
            "numbers that depend on single concepts are not to be relied upon."
        )
    if found.options.null == "configuration":
        said.append(
            "By this null model, concepts that only meet in the same rollouts are joined by edges too."
        )
    if found.options.null == "disparity":
        said.append("This null model never finds the only edge of a concept, and takes no heed of order.")
    return said
