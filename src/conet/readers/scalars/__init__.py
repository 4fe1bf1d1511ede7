"""Numbers that a trainer logged by step, without rollouts: as one table, under one name for each quantity.

A kind of files is one module with its reader as ``READER``, and one line in :data:`READERS`.
"""

from collections.abc import Mapping

from conet.base.registry import Table
from conet.readers.scalars.base import ScalarReader

# In the order in which a file is tried; what one takes, no later one gets.
READERS: Mapping[str, ScalarReader] = Table(
    {
        "trainer_state": "conet.readers.scalars.state:READER",
        "tensorboard": "conet.readers.scalars.events:READER",
        "wandb": "conet.readers.scalars.wandb:READER",
        "metrics": "conet.readers.scalars.lines:READER",
    }
)
