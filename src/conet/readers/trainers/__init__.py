"""One module for each trainer or format, with its reader as ``READER``."""

from collections.abc import Mapping

from conet.base.registry import Table
from conet.readers.base import Reader

# In the order in which they are tried; the last one takes whatever is a table. A new reader is one line here.
READERS: Mapping[str, Reader] = Table(
    {
        "conet": "conet.readers.trainers.conet:READER",
        "trl": "conet.readers.trainers.trl:READER",
        "verl": "conet.readers.trainers.verl:READER",
        "table": "conet.readers.trainers.table:READER",
    }
)
