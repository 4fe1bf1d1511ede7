"""What may go wrong, one file a kind; ``verification/faults.py`` counts the cases."""

import os

# One thread each, and no screen: forks are many, and threads do not survive one.
ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "POLARS_MAX_THREADS")
os.environ |= dict.fromkeys(ONE_THREAD, "1") | {"MPLBACKEND": "agg"}
