"""Which column holds the gold answer, by what people call it."""

import re
from collections.abc import Collection, Mapping

from conet.readers.base import GOLD

# Words of which a gold answer has one in its name, the surest first; then words that none has.
_NAMED = (
    r"gold|golden|truth|gt|gts",
    r"expected|correct_answers?|correct_solutions?|true_answers?|official",
    r"references?|ref|answer_?keys?|reward_model|reward_spec|verification_info",
    r"answers?|solutions?|targets?|labels?",
)
_OTHERS = (
    "len|length|tokens?|count|num|n|score|reward(?!_model|_spec)|acc|accuracy",
    "pred|predicted|predictions?",
    "extracted|extraction|parsed|model(?<!reward_model)|student|generated|output|response|mask|logp",
    "logprobs?|time|ids?|type|is|has|matched|match|marked|format|kl|advantages?|entropy",
)
_NOT_GOLD = re.compile(rf"(?:^|[^a-z])(?:{'|'.join(_OTHERS)})(?:[^a-z]|$)")


def gold_column(columns: Mapping[str, int], taken: Collection[str]) -> str | None:
    """Return the column of the gold answer; None where no name says so.

    Parameters
    ----------
    columns
        Names of a file's columns, and which numbers they hold.
    taken
        Columns that play another role.
    """
    free = {_words(name): name for name in reversed(list(columns)) if name not in taken}
    exact = next((free[name] for name in GOLD if name in free), None)
    if exact is not None:
        return exact
    for words in _NAMED:
        pattern = re.compile(rf"(?:^|_)(?:{words})(?:_|$)")
        for name in reversed(free):
            if pattern.search(name) and not _NOT_GOLD.search(name):
                return free[name]
    return None


def _words(name: str) -> str:
    """Write ``groundTruth`` and ``Ground-Truth`` as ``ground_truth``, without the place in an object."""
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)
    return re.sub(r"[^a-z0-9]+", "_", parted.lower()).strip("_").replace("groundtruth", "ground_truth")
