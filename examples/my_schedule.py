"""A schedule of one's own: from a few problems to all, with a learning rate that falls at the end.

$ conet run --preset smoke --set schedule.name=examples/my_schedule.py:curriculum schedule.start=0.5
"""

from typing import Annotated

from pydantic import Field

from conet.runs.schedule import Clock, Linear, Phase, Setup


def curriculum(
    setup: Setup,
    start: Annotated[float, Field(gt=0, le=1)] = 0.25,
    known: Annotated[float, Field(gt=0, le=1)] = 0.8,
) -> tuple[Phase, ...]:
    """Train a share ``start`` of the problems until they are solved, or half of the run is over; then all.

    Few problems get in each other's way less, so each is learned faster; the rest then starts on a web that
    has some trunks already.

    Parameters
    ----------
    start
        Share of the problems in the first phase.
    known
        Accuracy of the last rollouts that ends it.
    """
    rate = setup.options["learning_rate"]
    few = range(max(1, round(start * setup.problems)))

    def solved(clock: Clock) -> bool | str:
        if clock.accuracy is not None and clock.accuracy >= known:
            return "the first problems are solved"
        return clock.step >= clock.steps // 2 and "half of the run is over"

    return (
        Phase("few", until=solved, problems=few),
        Phase("all", options={"learning_rate": Linear(rate, 0.2 * rate, over=setup.steps // 2)}),
    )
