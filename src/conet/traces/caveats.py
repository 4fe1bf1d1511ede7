"""What the numbers of a concept web cannot tell, and why there may be no web."""

from typing import Any

from conet.traces.grouping import STABLE, STRUCTURE


def missing_web(numbers: dict[str, Any]) -> str | None:
    """Say why there is no web, from the numbers of a web; None where there is one."""
    if numbers["concepts"] == 1:
        return "There is one concept, so there is no transition and no web."
    if not numbers["transitions"]:
        return (
            "No rollout has two steps of different concepts, so there is no transition and no web: split the "
            "texts otherwise, if they hold more steps (--split lines, or re: and what stands between two)."
        )
    if numbers["significant_edges"]:
        return None
    few = numbers["tested_edges"] == 0
    why = "none could be told from chance with so few rollouts" if few else "none is more than chance"
    return (
        f"No edge is significant: {why}. Degree and out-degree of all that is taken count every transition."
    )


def caveats(numbers: dict[str, Any], asked: int | None) -> list[str]:
    """Say what the numbers cannot tell, or rest on; first why there is no web, where there is none.

    Parameters
    ----------
    numbers
        Those of the web as a whole.
    asked
        How many concepts were asked for.
    """
    why = missing_web(numbers)
    said = [] if why is None else [why]
    if asked is not None and asked != numbers["concepts"]:
        said.append(
            f"{asked} concepts were asked for, and {numbers['concepts']} made: vectors of different texts "
            "are equal, or what follows some texts is seen too seldom to tell them apart."
        )
    if numbers["rollouts_without_steps"]:
        said.append(f"{numbers['rollouts_without_steps']} rollouts hold no step: their texts are empty.")
    if numbers["silhouette"] < STRUCTURE:
        said.append(
            f"The texts hardly form groups (mean silhouette {numbers['silhouette']:.2f}; below {STRUCTURE:g} "
            "there is no structure to speak of): concepts are a partition of what is continuous."
        )
    if numbers["stability"] < STABLE:
        said.append(
            f"Half of the texts give other concepts (adjusted Rand index {numbers['stability']:.2f}): "
            "numbers that depend on single concepts are not to be relied upon."
        )
    if numbers["null"] == "configuration":
        said.append(
            "By this null model, concepts that only meet in the same rollouts are joined by edges too."
        )
    if numbers["null"] == "disparity":
        said.append("This null model never finds the only edge of a concept, and takes no heed of order.")
    return said
