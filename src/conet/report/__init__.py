"""The report of a run: figures as SVG, and one HTML page that needs nothing else."""

from conet.report.html import write

__all__ = ["write"]
