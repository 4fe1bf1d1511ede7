"""The ground state of a config: searched for in pieces, written down on the way, with its certificate."""

import hashlib
import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from conet.base.arrays import read_arrays, write_arrays
from conet.base.errors import ConetError
from conet.base.files import damaged, write_atomic
from conet.base.kinds import CAPACITY
from conet.base.places import filling
from conet.config import Config
from conet.engine.ground_state import GroundState, Search, moves_for
from conet.network import graph as graphs
from conet.network import problems as problem_sets

STATE, CERTIFICATE = "state.safetensors", "certificate.json"
PIECE = 0.2  # seconds, about, between two looks at the clock
KEEP_EVERY = 5.0  # seconds between two states on disk

# Moves made, of how many, problems solved.
Progress = Callable[[int, int, int], None]


def capacity(
    config: Config,
    out: str | Path | None = None,
    *,
    moves: int | None = None,
    progress: Progress = lambda made, of, solved: None,
) -> dict[str, Any]:
    """Search for the policy that solves most problems (see :mod:`conet.engine.ground_state`).

    Parameters
    ----------
    config
        Its graph, problems and seed count; the seed is that of the search as well.
    out
        A directory, new or of an earlier search of the same, which then goes on. It gets the result, its
        certificate (the path of every problem that is solved) and the state of the search.
    moves
        At most so many in all; 20,000, or fifty a problem, where absent.
    progress
        Called now and then.

    Returns
    -------
    dict
        What ``conet capacity --json`` prints.

    Raises
    ------
    ConetError
        For settings that do not fit, or a place that holds something else.
    """
    graph = graphs.build(config.graph, config.seed)
    problems = problem_sets.make(config.problems, graph.nodes, config.seed)
    search = Search(graph, problems, config.seed)
    most = moves_for(problems) if moves is None else moves
    place = None if out is None else Path(out)
    with ExitStack() as held:
        before = 0.0 if place is None else _opened(place, search, held)
        seconds = _run(search, most, before, place, progress)
        found = search.result()
        result = _result(config, search, found, seconds)
        if place is not None:
            _keep(place, search, seconds)
            paths = {str(one): found.path(problems, one) for one in np.flatnonzero(found.length).tolist()}
            unsolved = np.flatnonzero(found.length == 0).tolist()
            certificate = {"paths": paths, "unsolved": unsolved}
            write_atomic(place / CERTIFICATE, json.dumps(certificate) + "\n")
            result |= {"out": str(place.resolve()), "certificate": str((place / CERTIFICATE).resolve())}
            write_atomic(place / CAPACITY.mark, json.dumps(result, indent=2) + "\n")
    return result


def _run(search: Search, most: int, before: float, place: Path | None, progress: Progress) -> float:
    """Search to the end; return the seconds that it took in all."""
    search.run(0)  # compiles, which is no part of the search
    started = kept = time.perf_counter()
    piece, now = 1, started
    while search.moves < most and not search.ended:
        search.run(min(piece, most - search.moves))
        progress(search.moves, most, search.most)
        before_piece, now = now, time.perf_counter()
        piece = max(1, 2 * piece if now - before_piece < PIECE / 2 else piece)
        if place is not None and now - kept > KEEP_EVERY:
            _keep(place, search, before + now - started)
            kept = now
    return before + time.perf_counter() - started


def _result(config: Config, search: Search, found: GroundState, seconds: float) -> dict[str, Any]:
    count = len(found.length)
    return {
        "problems": count,
        "nodes": search.graph.nodes,
        "load": count / search.graph.nodes,
        "seed": config.seed,
        "solved": found.solved,
        "solved_share": found.solved_share,
        "unreachable": found.unreachable,
        "bound": found.bound,
        "gap": found.gap,
        "mean_length": float(found.length[found.length > 0].mean()) if found.solved else None,
        "moves": found.moves,
        "found_at": found.found_at,
        "seconds": seconds,
    }


def _opened(place: Path, search: Search, held: ExitStack) -> float:
    """Take a directory, and the state of an earlier search in it; return the seconds that it took."""
    held.enter_context(filling(place, CAPACITY))
    path = place / STATE
    if not path.exists():
        return 0.0
    arrays, labels = read_arrays(path)
    if labels.get("world") != _world(search):
        got = f"--out {place}, a search on another graph, other problems or another seed"
        raise ConetError(got, "a new directory, or the settings of that search", "choose another directory")
    try:
        search.load(arrays)
        return float(labels["seconds"])
    except (KeyError, ValueError) as error:
        raise damaged(path, error, f"delete {path}, and the search begins anew") from None


def _keep(place: Path, search: Search, seconds: float) -> None:
    write_arrays(place / STATE, search.state(), {"world": _world(search), "seconds": repr(seconds)})


def _world(search: Search) -> str:
    """Return a hash of what is searched: graph, problems and seed."""
    graph, problems = search.graph, search.problems
    parts = [graph.offsets.astype(np.int64), graph.targets.astype(np.int64)]
    parts += [problems.questions.astype(np.int64), problems.answers.astype(np.int64)]
    parts.append(np.array([problems.max_length, problems.stop_at_any_answer, search.seed], np.uint64))
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()
