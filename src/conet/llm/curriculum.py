"""Which problems a language model is asked: by the number of the generation alone.

TRL's data loader goes on with every step, also with those of a heating, and begins a resumed training with
the first epoch's order. So its batches only say which places belong together; the problems are ours.
"""

import numpy as np


def epoch(problems: int, places: int, generation: int, seed: int, shuffle: bool = True) -> list[int]:
    """Return the problems of a generation.

    An epoch goes once through all problems, in a new order, but for those that no longer fill a generation.

    Parameters
    ----------
    problems
        How many there are.
    places
        Problems of one generation.
    generation
        Its number, from 0; heating draws none.
    seed
        Of the training.
    shuffle
        False keeps the order of the data.
    """
    import torch

    turn, place = divmod(generation, problems // places)
    drawn = torch.Generator().manual_seed(seed + 7919 * turn)
    order = torch.randperm(problems, generator=drawn).tolist() if shuffle else list(range(problems))
    return order[place * places : (place + 1) * places]


def curriculum(drawn: list[int], allowed: np.ndarray, seed: int, batch: int) -> dict[int, int]:
    """Say which problem is asked in the place of each that the epoch's order has, where a phase trains some.

    The problems that may be asked go round in permutations, so that each is asked equally often; what is
    asked depends on seed and number of the batch alone, and a resumed training asks the same.

    Parameters
    ----------
    drawn
        The problems of the batch.
    allowed : ndarray of int
        Those that may be asked.
    seed, batch
        Of the training, and the number of the batch.
    """
    places = dict.fromkeys(drawn)
    turns = batch * len(places) + np.arange(len(places))
    rounds, rests = np.divmod(turns, len(allowed))
    orders = {turn: np.random.default_rng([seed, 6, int(turn)]).permutation(allowed) for turn in set(rounds)}
    return {problem: int(orders[turn][rest]) for problem, turn, rest in zip(places, rounds, rests)}
