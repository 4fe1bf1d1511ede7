"""Claims of the paper and questions of our own: one module each, declared by its ``CLAIM``."""

from collections.abc import Mapping, Sequence

from conet.base.errors import ConetError
from conet.base.registry import Table, resolve
from conet.judging.claim import Claim

# One line a claim; in this order they stand on the pages.
CLAIMS: Mapping[str, Claim] = Table(
    {
        "C1": "conet.claims.c1:CLAIM",
        "C2": "conet.claims.c2:CLAIM",
        "C3": "conet.claims.c3:CLAIM",
        "C4": "conet.claims.c4:CLAIM",
        "C5": "conet.claims.c5:CLAIM",
        "C6": "conet.claims.c6:CLAIM",
        "C7": "conet.claims.c7:CLAIM",
        "C8": "conet.claims.c8:CLAIM",
        "C9": "conet.claims.c9:CLAIM",
        "v3": "conet.claims.v3:CLAIM",
        "capacity": "conet.claims.capacity:CLAIM",
        "dose": "conet.claims.dose:CLAIM",
        "exact-limit": "conet.claims.exact_limit:CLAIM",
        "finite-size": "conet.claims.finite_size:CLAIM",
        "heating-map": "conet.claims.heating_map:CLAIM",
        "league": "conet.claims.league:CLAIM",
        "melting": "conet.claims.melting:CLAIM",
        "quench": "conet.claims.quench:CLAIM",
        "percolation": "conet.claims.percolation:CLAIM",
        "phases": "conet.claims.phases:CLAIM",
    }
)


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
