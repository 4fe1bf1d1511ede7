# %% [markdown]
# # Does a transformer obey the theory? And what web do texts have?
#
# CoNet's table knows the node alone; a transformer reads the whole path. Here a small one walks the
# same graph, then its walks are told as sentences, and the web is found again from the sentences
# alone. Needs the extras `[neural]` and `[traces]`. `SIZE` is small, for a first look: a minute of
# one core; with `SIZE = {}` the preset `neural` is trained as it is.

# %%
import json
from itertools import pairwise
from pathlib import Path

import conet
from conet.engine.sample import EVALUATE
from conet.observables.markov import markov
from conet.runs.trainer import Trainer
from conet.traces.concept_web import concept_web
from conet.traces.splitting import sentences
from conet.traces.texts import steps_of

SIZE = {"graph.nodes": 30, "graph.degree": 4, "problems.count": 10, "problems.max_length": 6, "steps": 60}
WALKS = 32

trainer = Trainer(conet.preset("neural").override({**SIZE, "seed": 1}))

# %% [markdown]
# How Markov is it? From the model's own probabilities, in nats (log 4 = 1.39 of them is a choice among
# four nodes with equal odds): H, how uncertain the next node is once this one is known; the first I, how
# much of that the problem explains; the second, how much more the path explains that led here. The theory's
# walker knows node and problem alone: it is obeyed as far as the second I is near nothing.


# %%
def look() -> None:
    """Print how Markov the model is where its walks go."""
    walks = trainer.sample(WALKS, EVALUATE)
    found = markov(trainer.policy, walks)
    print(
        f"update {trainer.step:3}: accuracy {walks.correct.mean():.2f}, "
        f"H(next | node) {found.given_node:.2f}, "
        f"I(next; problem | node) {found.problem:.3f}, I(next; path | node, problem) {found.history:.3f}"
    )


look()
while trainer.step < trainer.config.steps:
    trainer.advance()
look()

# %% [markdown]
# Its walks, told: each node is a sentence. A language model's rollouts are such texts, only that we
# do not know their nodes.

# %%
THINGS = [
    "a right angle",
    "a prime number",
    "the speed of a train",
    "red marbles",
    "the age of an aunt",
    "a water tank",
    "two dice",
    "a bank loan",
    "the roots of a cubic",
    "a flat tyre",
    "ripe apples",
    "the height of a mast",
    "an hour of overtime",
    "a parcel's postage",
    "snow in April",
    "a goal in football",
    "the median",
    "a circle's radius",
    "train tickets",
    "salt in a solution",
    "a recipe for bread",
    "the tiles of a roof",
    "a school bus",
    "the logarithm",
    "hens and eggs",
    "a broken clock",
    "a fence post",
    "the theatre's seats",
    "a matrix",
    "wine in a cellar",
]


def sentence(node: int) -> str:
    """Return the sentence that tells a node."""
    return f"Now consider {THINGS[node % len(THINGS)]}{' again' * (node // len(THINGS))}."


walks = trainer.sample(10 * WALKS, EVALUATE)
targets = trainer.policy.graph.targets
paths = [
    [int(start), *(int(node) for node in targets[edges[:length]])]
    for start, edges, length in zip(walks.starts, walks.edges, walks.length)
]
file = Path("runs/told.jsonl")
file.parent.mkdir(exist_ok=True)
with file.open("w") as out:
    for path, problem, correct in zip(paths, walks.problem, walks.correct):
        row = {
            "step": 0,
            "prompt": f"Problem {problem}",
            "completion": " ".join(map(sentence, path)),
            "reward": float(correct),
        }
        out.write(json.dumps(row) + "\n")

# %% [markdown]
# The web of the sentences beside the edges that were walked. Every edge found should be one that a
# walk took; how many are found depends on how often each was taken.

# %%
record = conet.read(file)
found = concept_web(record, steps_of(record, sentences))
walked = {(sentence(node), sentence(later)) for path in paths for node, later in pairwise(path)}
labels = found.concepts["label"].to_list()
edges = [
    (labels[source], labels[target])
    for source, target, kept in zip(found.tested.source, found.tested.target, found.tested.significant)
    if kept
]
right = sum(edge in walked for edge in edges)
print(f"{len(edges)} edges found, {right} of them walked; {len(walked)} walked in all")
print(f"degree {found.web.mean_degree:.2f}, {found.web.components} islands")

# %% [markdown]
# So, of this one: after training H has fallen and the second I is a small part of the first, so the
# walks are nearly those of the theory's walker. An edge that was found and not walked would be an
# invention; one that was walked and not found was taken too seldom to be told from chance. One seed and a
# minute decide nothing: `docs/neural.md` has ten seeds and what does not hold, `docs/results-web.md` what
# is known of real texts.
