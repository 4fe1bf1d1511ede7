"""Which problems a language model is asked where a phase trains some of them only."""

import numpy as np


def curriculum(drawn: list[int], allowed: np.ndarray, seed: int, batch: int) -> dict[int, int]:
    """Say which problem is asked in the place of each that an epoch's order drew.

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
