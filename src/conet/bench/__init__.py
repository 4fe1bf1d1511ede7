"""Speed of the engine beside other implementations, measured in turns in one run."""

from conet.bench.run import LARGE, SMALL, run_bench
from conet.bench.table import format_table
from conet.bench.timing import Size

__all__ = ["LARGE", "SMALL", "Size", "format_table", "run_bench"]
