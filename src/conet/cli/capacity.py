"""The command on the ground state: how many problems one policy can solve at all."""

import json
from pathlib import Path
from typing import Any

from conet.base.errors import ConetError
from conet.base.terminal import tell
from conet.base.text import listed
from conet.cli.options import Json, Pairs, Whole, all_changes

QUIET = 2.0  # seconds of a search of which nothing is shown


def capacity(
    *,
    preset: str | None = None,
    seed: Whole = None,
    set_: Pairs = None,
    moves: Whole = None,
    out: Path | None = None,
    json_: Json = False,
) -> None:
    """Search for the policy that solves most problems: how far any training could get.

    Every node of such a policy goes one way, and each problem that it solves comes with its path.

    Parameters
    ----------
    preset
        Named settings, `reference` by default; `conet presets` lists them.
    seed
        Seed of graph, problems and search.
    set_
        Settings as key=value, such as problems.count=320; those of graph and problems count.
    moves
        Moves of the search at most; 20,000, or fifty a problem, by default.
    out
        A directory for the result, the paths and the state of the search; in that of an earlier search
        of the same settings, it goes on.
    json_
        Print the result as one JSON object on the last line.
    """
    from conet.cli.progress import search_line
    from conet.config import preset as named
    from conet.runs.capacity import capacity as search

    if moves is not None and not 1 <= moves < 2**40:
        raise ConetError(f"--moves {moves}", "1 to 2⁴⁰ − 1", "for example 20000")
    settings = named("reference" if preset is None else preset).override(all_changes(set_, seed=seed))
    try:
        with search_line(QUIET) as progress:
            found = search(settings, out, moves=moves, progress=progress)
    except KeyboardInterrupt:
        if out is not None:
            tell(f"interrupted; the same command goes on in {out}, where it was a few seconds ago")
        raise
    print(json.dumps(found) if json_ else describe(found))


def describe(found: dict[str, Any]) -> str:
    """Put the result into a few lines."""
    length = "-" if found["mean_length"] is None else f"{found['mean_length']:.2f} hops on average"
    unreachable = f", {found['unreachable']} of them out of reach" if found["unreachable"] else ""
    asked = f"{found['problems']} on {found['nodes']} nodes, {found['load']:.3f} a node{unreachable}"
    solved = f"{found['solved']}, a share of {found['solved_share']:.4f}, by one deterministic policy"
    effort = f"{found['moves']} moves in {found['seconds']:.2f} s, found after {found['found_at']}"
    rows = [
        f"problems        {asked}",
        f"solved          {solved}",
        f"bound           {found['bound']}; a better search could find {found['gap']:.4f} more at most",
        f"length          {length}",
        f"search          {effort}",
    ]
    return listed([*rows, *([f"certificate     {found['certificate']}"] if "certificate" in found else [])])
