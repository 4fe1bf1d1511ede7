"""Texts whose concept web is known: walks on a web, each node told by one of several paraphrases.

Noise, each with a rate a step: hedges (stock phrases that belong to no node), distractors (sentences of which no
two are equal), steps split into two sentences, two steps merged into one, and steps left out.
"""

from dataclasses import dataclass

import numpy as np

TOPICS = (
    "the area of the triangle",
    "the number of red marbles",
    "the speed of the train",
    "the interest on the loan",
    "the price of a ticket",
    "the volume of the water tank",
    "the probability of drawing an ace",
    "the derivative of the cubic",
    "the remainder modulo seven",
    "the age of the grandmother",
    "the length of the fence",
    "the weight of the apples",
    "the angle at the vertex",
    "the sum of the digits",
    "the largest prime factor",
    "the number of school buses",
    "the salary of the clerk",
    "the height of the tower",
    "the radius of the circle",
    "the roots of the quadratic",
    "the median of the test scores",
    "the discount on the coat",
    "the time until sunrise",
    "the temperature in Celsius",
    "the number of handshakes at the party",
    "the determinant of the matrix",
    "the slope of the tangent line",
    "the concentration of the salt solution",
    "the number of pages left to read",
    "the fuel used by the lorry",
    "the eggs laid by the hens",
    "the tip for the waiter",
    "the distance between the two cities",
    "the binomial coefficient",
    "the population of the village",
    "the common denominator of the fractions",
    "the diagonal of the square",
    "the calories in the sandwich",
    "the seats in the theatre",
    "the wages for overtime",
    "the rainfall in April",
    "the greatest common divisor",
    "the score of the home team",
    "the postage for the parcel",
    "the limit of the sequence",
    "the tiles on the bathroom floor",
    "the integral of the exponential",
    "the flowers in the bouquet",
    "the battery life of the phone",
    "the logarithm to base two",
    "the votes for the mayor",
    "the shadow of the flagpole",
    "the exchange rate of the euro",
    "the vectors that are orthogonal",
    "the teeth of the gear wheel",
    "the permutations of the letters",
    "the milk in the recipe",
    "the rent of the flat",
    "the orbit of the satellite",
    "the stamps in the album",
)
PARAPHRASES = (
    "We now work out {}.",
    "Let us compute {}.",
    "So we need {} here.",
    "Next, {} is calculated.",
    "From this we get {}.",
    "This gives us {}.",
    "Therefore we determine {}.",
    "Then one finds {}.",
)
HEDGES = (
    "Hmm, let me think about this again.",
    "Wait, is that right?",
    "Okay, let me double-check that.",
    "I am not sure about this.",
    "Let me go on step by step.",
)
SPLIT = ("We have to be careful now about {}.", "That settles {}.")
MERGED = "We work out {} and after that {}."
WHO = ("My aunt", "The postman", "A penguin", "The old captain", "Her cousin", "A violinist", "The gardener")
DOES = ("painted", "sold", "lost", "repaired", "borrowed", "admired", "hid", "photographed", "described")
WHAT = (
    "a green kettle",
    "the broken piano",
    "seven umbrellas",
    "an empty suitcase",
    "a map of Norway",
    "two lemons",
    "the church organ",
    "a wooden spoon",
    "the neighbour's bicycle",
    "an angry goose",
)
WHERE = (
    "in Lisbon",
    "before breakfast",
    "on a Tuesday",
    "behind the station",
    "last winter",
    "by mistake",
    "near the harbour",
    "at the fair",
    "during the storm",
    "with great care",
)


@dataclass(frozen=True, kw_only=True)
class Noise:
    """Rates of noise, each a probability at every step of a walk."""

    hedges: float = 0.0
    distractors: float = 0.0
    split: float = 0.0
    merged: float = 0.0
    missing: float = 0.0


@dataclass(frozen=True)
class Told:
    """A text, and the node that each of its sentences tells of; -1: none, -2: two at once."""

    text: str
    nodes: list[int]


def distractor(rng: np.random.Generator) -> str:
    """Return a sentence that has nothing to do with any node; nearly every one is new."""
    who, does, what, where = (str(rng.choice(words)) for words in (WHO, DOES, WHAT, WHERE))
    return f"{who} {does} {what} {where}."


def tell(walk: list[int], rng: np.random.Generator, noise: Noise) -> Told:
    """Write the text of a walk."""
    said: list[tuple[str, int]] = []
    place = 0
    while place < len(walk):
        topic = TOPICS[walk[place]]
        draw = rng.random(5)
        if draw[0] < noise.hedges:
            said.append((str(rng.choice(HEDGES)), -1))
        if draw[1] < noise.distractors:
            said.append((distractor(rng), -1))
        if draw[2] < noise.merged and place + 1 < len(walk):
            said.append((MERGED.format(topic, TOPICS[walk[place + 1]]), -2))
            place += 2
            continue
        if draw[3] < noise.split:
            said += [(part.format(topic), walk[place]) for part in SPLIT]
        elif draw[4] >= noise.missing:
            said.append((str(rng.choice(PARAPHRASES)).format(topic), walk[place]))
        place += 1
    sentences = [sentence[0].upper() + sentence[1:] for sentence, _ in said]
    return Told(" ".join(sentences), [node for _, node in said])


def shuffled(told: Told, rng: np.random.Generator) -> Told:
    """Return the same sentences in an order that says nothing."""
    sentences = [part + "." if part[-1] not in ".?" else part for part in split_again(told.text)]
    order = rng.permutation(len(sentences))
    return Told(" ".join(sentences[place] for place in order), [told.nodes[place] for place in order])


def split_again(text: str) -> list[str]:
    """Return the sentences of a text that was written here."""
    return text.replace("? ", "?\n").replace(". ", ".\n").splitlines()
