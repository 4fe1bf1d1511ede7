"""Reports: figures as SVG, PDF or PNG, and pages that need nothing else. What it draws are views."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conet.report.run import write as write

__all__ = ["write"]


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is; the processes that draw need little of this package."""
    if name == "write":
        from conet.report.run import write

        return write
    raise AttributeError(f"module 'conet.report' has no attribute {name!r}")
