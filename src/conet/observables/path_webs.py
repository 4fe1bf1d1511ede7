"""The web that the paths of committed problems make, beside webs of random paths of the same lengths.

What random paths that lead from the same questions to the same answers have as well, learning did not make.
"""

import numpy as np

from conet.engine.policy import Policy
from conet.network.problems import Problems
from conet.network.topology import topology_summary
from conet.network.web import Web
from conet.observables.path_islands import committed_paths, random_paths, web_of

SHAPE = ("web_nodes", "mean_degree", "islands", "giant_component", "second_component", "cycle_rank")


def path_webs(
    policy: Policy,
    problems: Problems,
    ways: np.ndarray,
    rng: np.random.Generator,
    draws: int = 10,
    whole: bool = False,
) -> tuple[dict[str, float], dict[str, float]]:
    """Describe the web of the committed problems' paths, and the webs of random paths in their place.

    Parameters
    ----------
    draws
        Webs of random paths, of which the mean is returned.
    whole
        Whether to add the slow part: trees, bridges, articulation points and distances.

    Returns
    -------
    tuple of two dicts
        Of the run and of random paths, each with the names of :data:`SHAPE`, and with ``whole`` those of
        :func:`conet.network.topology.topology_summary`. NaN where no problem is committed.
    """
    graph, paths = policy.graph, committed_paths(policy, problems)
    webs = [web_of(list(paths.values()), graph.nodes)]
    webs += [web_of(random_paths(graph, problems, paths, ways, rng), graph.nodes) for _ in range(draws)]
    found = [_described(web, whole) for web in webs]
    chance = {name: float(np.mean([one[name] for one in found[1:]])) for name in found[0]}
    return found[0], chance


def _described(web: Web, whole: bool) -> dict[str, float]:
    summary = web.summary()
    known = bool(len(web.nodes))
    found = {name: float(summary[name]) if known else float("nan") for name in SHAPE}
    return found | (topology_summary(web) if whole else {})
