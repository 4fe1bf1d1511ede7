"""One module for each trainer or format, with its reader as ``READER``."""

from importlib import import_module

from conet.readers.base import Reader

# In the order in which they are tried; the last one takes whatever is a table. A new reader is one name here.
MODULES = ("conet", "trl", "verl", "table")


def _readers() -> dict[str, Reader]:
    found = (import_module(f"{__name__}.{name}").READER for name in MODULES)
    return {reader.name: reader for reader in found}


READERS: dict[str, Reader] = _readers()
