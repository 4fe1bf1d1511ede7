"""From embeddings to concepts: how many there are, by a stated criterion, and which text belongs to which.

A sample of the distinct texts is joined from single texts upwards (Ward 1963). Of all numbers of concepts
that this tree has, the one with the largest mean silhouette (Rousseeuw 1987) counts: texts are then near
those of their own concept, and far from those of the nearest other. Starting from the centres of these,
k-means groups all texts.
"""

from dataclasses import dataclass

import numpy as np

from conet.base.errors import ConetError
from conet.traces.agreement import adjusted_rand_index
from conet.traces.texts import Progress, silent

SAMPLE = 3000  # distinct texts that the number of concepts is chosen from (our choice)
MOST = 400  # concepts that are tried
STABLE = 0.6  # stability below which single concepts are not to be relied upon (our choice)
STRUCTURE = 0.25  # mean silhouette below which there are no groups (Kaufman and Rousseeuw 1990)
RECURRING = 5.0  # steps a text from which on texts repeat themselves (our choice)
AROUND = 40  # numbers of concepts that are tried near the best
HALVES = 8  # random halves of the texts that the stability rests on
ROUNDS = 20  # of k-means
MOST_GIVEN = 2000  # concepts that a user may ask for


@dataclass(frozen=True, kw_only=True)
class Grouping:
    """Concepts of texts.

    Attributes
    ----------
    concept : ndarray of int64, shape (texts,)
        Concept of each text, from 0; the one with most steps first.
    centres : ndarray of float64, shape (concepts, dimensions)
        Mean embedding of its texts.
    silhouette : float
        Mean over the sampled texts; NaN for one concept.
    stability : float
        Mean adjusted Rand index of the grouping with those of random halves of the texts; NaN where there are
        too few texts to take half of.
    candidates : tuple of (int, float)
        Numbers of concepts that were tried, each with its silhouette.
    criterion : str
        Why there are so many, in words.
    """

    concept: np.ndarray
    centres: np.ndarray
    silhouette: float
    stability: float
    candidates: tuple[tuple[int, float], ...]
    criterion: str


def group(
    vectors: np.ndarray,
    occurrences: np.ndarray,
    concepts: int | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> Grouping:
    """Group texts into concepts.

    Parameters
    ----------
    vectors : ndarray of float32, shape (texts, dimensions)
        Embeddings of the distinct texts, of length one.
    occurrences : ndarray of int64, shape (texts,)
        Steps with each text.
    concepts
        How many; chosen where absent.
    seed
        Of the sample and the halves.
    progress
        Told how many numbers of concepts are tried, and how many halves.

    Raises
    ------
    ConetError
        When there are fewer texts than concepts asked for, or these are too many.
    """
    texts = len(vectors)
    check_number(concepts, texts)
    rng = np.random.default_rng(seed)
    sample = np.sort(rng.permutation(texts)[:SAMPLE])
    chosen = vectors[sample].astype(np.float64)
    progress("distinct texts joined", 0, len(chosen), "")
    tree = _Tree(chosen) if len(chosen) > 2 else None
    number, candidates, criterion = _how_many(tree, texts, occurrences, concepts, progress)
    if tree is None or number == texts:
        labels, silhouette = np.arange(texts) % number, dict(candidates).get(number, np.nan)
        stability = np.nan
    else:
        cut = tree.cut(number)
        labels = k_means(vectors, _means(chosen, cut))
        silhouette, stability = tree.silhouette(cut), _stability(chosen, cut, number, rng, progress)
    concept = by_size(labels, occurrences)
    return Grouping(
        concept=concept,
        centres=_means(vectors.astype(np.float64), concept),
        silhouette=float(silhouette),
        stability=float(stability),
        candidates=candidates,
        criterion=criterion,
    )


def check_number(concepts: int | None, texts: int) -> None:
    """Refuse a number of concepts that so many distinct texts cannot make.

    Raises
    ------
    ConetError
        Naming both.
    """
    if concepts is not None and not 1 <= concepts <= min(texts, MOST_GIVEN):
        got = f"--concepts {concepts}, of {texts} distinct {'text' if texts == 1 else 'texts'}"
        raise ConetError(got, f"1 to {min(texts, MOST_GIVEN)}", "leave it out to have it chosen")


class _Tree:
    """Single texts joined into ever larger groups, and how well apart the groups are."""

    def __init__(self, vectors: np.ndarray) -> None:
        from scipy.cluster.hierarchy import linkage

        self.joins = linkage(vectors, "ward")
        self.distance = np.clip(1 - vectors @ vectors.T, 0, 2).astype(np.float32)
        np.fill_diagonal(self.distance, 0)

    def cut(self, number: int) -> np.ndarray:
        """Return the group of each text where there are so many, from 0."""
        return cut(self.joins, number)

    def silhouette(self, labels: np.ndarray) -> float:
        """Mean silhouette by cosine distance; that of a text which is alone is 0."""
        sizes = np.bincount(labels)
        if len(sizes) < 2:
            return float("nan")
        order = np.argsort(labels, kind="stable")
        starts = np.cumsum(sizes) - sizes
        sums = np.add.reduceat(self.distance[:, order], starts, axis=1)
        own = np.arange(len(labels))
        within = sums[own, labels] / np.maximum(sizes[labels] - 1, 1)
        sums = sums / sizes
        sums[own, labels] = np.inf
        nearest = sums.min(axis=1)
        larger = np.maximum(within, nearest)
        apart = np.divide(nearest - within, larger, out=np.zeros_like(larger), where=larger > 0)
        return float(np.where(sizes[labels] > 1, apart, 0.0).mean())


def cut(joins: np.ndarray, number: int) -> np.ndarray:
    """Cut a tree of joins, as scipy's ``linkage`` returns it, into so many groups, int64, shape (leaves,).

    Where joins are equally far apart, ``fcluster`` of scipy may make fewer groups; this makes just so many.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    leaves = len(joins) + 1
    made = leaves - number
    ends = joins[:made, :2].astype(np.int64).reshape(-1)
    parents = np.repeat(leaves + np.arange(made), 2)
    size = leaves + made
    links = coo_array((np.ones(2 * made, np.int8), (ends, parents)), shape=(size, size))
    return np.unique(connected_components(links, directed=False)[1][:leaves], return_inverse=True)[1]


def _how_many(
    tree: _Tree | None, texts: int, occurrences: np.ndarray, given: int | None, progress: Progress
) -> tuple[int, tuple[tuple[int, float], ...], str]:
    """Return the number of concepts, what was tried, and why."""
    if given is not None:
        return given, (), "given"
    if tree is None:
        return texts, (), "every distinct text is a concept: there are two at most"
    tried = _tried(tree, progress)
    best = max(tried, key=lambda number: (tried[number], -number))
    candidates = tuple(sorted(tried.items()))
    if tried[best] < STRUCTURE and texts <= MOST and occurrences.sum() >= RECURRING * texts:
        why = (
            f"every distinct text is a concept: each stands {occurrences.sum() / texts:.1f} times, and no "
            f"grouping has a mean silhouette of {STRUCTURE:g}"
        )
        return texts, candidates, why
    return best, candidates, "largest mean silhouette of the distinct texts"


def _tried(tree: _Tree, progress: Progress) -> dict[int, float]:
    """Mean silhouette by number of concepts: on a geometric grid, then at all numbers around the best."""
    most = min(len(tree.distance) - 1, MOST)
    grid = np.unique(np.geomspace(2, most, 32).round().astype(int)) if most > 2 else np.array([2])
    found: dict[int, float] = {}

    def take(numbers: list[int], more: int) -> None:
        total = len(found) + len(numbers) + more
        for number in numbers:
            progress("numbers of concepts tried", len(found), total, "")
            found[number] = tree.silhouette(tree.cut(number))

    take(grid.tolist(), AROUND)
    best = int(np.searchsorted(grid, max(found, key=lambda number: found[number])))
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    near = np.unique(np.linspace(low, high, AROUND).round().astype(int))
    take(np.setdiff1d(near, grid).tolist(), 0)
    return found


def k_means(vectors: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Group vectors around centres, which move to the middle of theirs, int64, shape (vectors,)."""
    centres = centres.astype(np.float32)
    labels = np.full(len(vectors), -1)
    for _ in range(ROUNDS):
        nearest = np.argmax(vectors @ centres.T - (centres**2).sum(1) / 2, axis=1)
        if np.array_equal(nearest, labels):
            break
        labels = nearest
        held = np.unique(labels)
        centres[held] = _means(vectors, np.searchsorted(held, labels))
    return np.unique(labels, return_inverse=True)[1].reshape(-1)


def by_size(labels: np.ndarray, occurrences: np.ndarray) -> np.ndarray:
    """Number groups anew: the one with most steps is 0; of equals the one whose text appeared first."""
    names, first, labels = np.unique(labels, return_index=True, return_inverse=True)
    steps = np.bincount(labels.reshape(-1), weights=occurrences, minlength=len(names))
    rank = np.empty(len(names), np.int64)
    rank[np.lexsort((first, -steps))] = np.arange(len(names))
    return rank[labels.reshape(-1)]


def _means(vectors: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Mean vector of each group; all numbers from 0 up have one."""
    from scipy.sparse import csr_array

    sizes = np.bincount(labels)
    members = csr_array((np.ones(len(labels)), (labels, np.arange(len(labels)))))
    return np.asarray(members @ vectors) / sizes[:, None]


def _stability(
    vectors: np.ndarray, whole: np.ndarray, number: int, rng: np.random.Generator, progress: Progress
) -> float:
    """Mean agreement with groupings of half of the texts, where the others go to the nearest centre."""
    half = len(vectors) // 2
    if number < 2 or half <= number:
        return float("nan")
    found = []
    for done in range(HALVES):
        progress("halves of the texts grouped", done, HALVES, "")
        part = vectors[np.sort(rng.permutation(len(vectors))[:half])]
        centres = _means(part, _cut_of(part, number))
        nearest = np.argmax(vectors @ centres.T - (centres**2).sum(1) / 2, axis=1)
        found.append(adjusted_rand_index(nearest, whole))
    return float(np.mean(found))


def _cut_of(vectors: np.ndarray, number: int) -> np.ndarray:
    from scipy.cluster.hierarchy import linkage

    return cut(linkage(vectors, "ward"), number)
