"""Skeleton of a schedule: copy this file, fill in the phases, and name it in a config.

    $ conet run --set schedule.name=path/to/schedule.py:my_schedule schedule.cycles=2

It works for language models too: `conet llm train tiny --set schedule.name=path/to/schedule.py:my_schedule`.
The first argument says what the run is. Each further one is an option of its own, ``schedule.<name>``; its
annotation decides which values are valid.
"""

from typing import Annotated

from pydantic import Field

from conet.runs.schedule import After, Clock, Cosine, Phase, Setup


def my_schedule(setup: Setup, cycles: Annotated[int, Field(ge=1)] = 3) -> tuple[Phase, ...]:
    """Say in one line what it does: here RLVR whose rate falls, heated a little in every cycle.

    At hand: ``setup.steps``, ``.problems`` (how many), ``.learner`` (its name) and ``.options`` (the
    learner's own, such as ``learning_rate``).
    """

    # 1. When a phase ends: a function of the Clock to True, False, or a text that says why. At hand: .step,
    #    .steps, .elapsed (in this phase), .accuracy, .correct_length and .entropy of the last rollouts (None
    #    before the first), .heating_signal, .detector (its evidence) and .evaluation. Keep nothing between
    #    calls, and read nothing else: then a run that was killed goes on as if nothing had happened.
    def low_entropy(clock: Clock) -> bool | str:
        sure = clock.entropy is not None and clock.entropy < 0.5
        return (sure and "the entropy is low") or After(setup.steps // cycles)(clock)

    # 2. What changes in a phase: options of the learner by name, each a value or a function of the Clock.
    rate = setup.options["learning_rate"]
    falling = {"learning_rate": Cosine(rate, 0.1 * rate)}

    # 3. The phases in order. Without a learner a phase has the run's own; "sft" learns from demonstrations
    #    ("hard": of rarely solved problems, "shortest", "random"), and waits while there are none. The
    #    argument problems=... of a Phase trains some problems only: indices, or a function of the Clock.
    phases = []
    for _ in range(cycles - 1):
        phases += [
            Phase("rlvr", until=low_entropy, options=falling),
            Phase("heat", until=After(1), learner="sft", demonstrations="hard"),
        ]
    return (*phases, Phase("rlvr", options=falling))
