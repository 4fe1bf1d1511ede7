"""Claims of the paper and questions of our own: one module each, declared by its ``CLAIM``."""

import importlib
from collections.abc import Sequence

from conet.base.errors import ConetError
from conet.base.registry import resolve
from conet.judging.claim import Claim

# One line a claim; in this order they stand on the pages.
_MODULES = (
    "c1",
    "c2",
    "c3",
    "c4",
    "c5",
    "c6",
    "c7",
    "c8",
    "c9",
    "capacity",
    "exact_limit",
    "finite_size",
    "heating_map",
    "phases",
)
CLAIMS: dict[str, Claim] = {
    claim.name: claim
    for claim in (importlib.import_module(f"conet.claims.{module}").CLAIM for module in _MODULES)
}


def chosen(names: Sequence[str], level: str) -> dict[str, Claim]:
    """Return the named claims, each by its name or file; without names those that the level is for.

    Parameters
    ----------
    names
        Names in any case, or ``path/to/file.py:NAME``; a claim that is named twice is there once.
    level
        "quick", "full" or "exhaustive".

    Raises
    ------
    ConetError
        For an unknown name (the nearest is named), or a name in a file that is no claim.
    """
    if not names:
        return {name: claim for name, claim in CLAIMS.items() if claim.quick or level != "quick"}
    exact = {name.lower(): name for name in CLAIMS}
    found: dict[str, Claim] = {}
    for name in names:
        given = exact.get(name.lower(), name)
        claim = resolve(given, CLAIMS, "claim", lambda thing: isinstance(thing, Claim))
        if not isinstance(claim, Claim):
            raise ConetError(f"{name}: {type(claim).__name__}", "a Claim", "see docs/skeletons/claim.py")
        found[given] = claim
    return found
