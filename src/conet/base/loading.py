"""Loading without looking for garbage."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collection() -> Iterator[None]:
    """Look for no garbage inside the block, nor later among what it made.

    Modules and compiled loops are hundreds of thousands of objects that stay to the end. Python would look
    through them again and again while they are made, which takes a sixth of the time.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.freeze()
            gc.enable()
