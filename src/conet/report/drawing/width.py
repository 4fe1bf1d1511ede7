"""How wide a view is drawn."""

from typing import Literal

from conet.views.schema import View

Width = Literal["narrow", "column", "wide"]


def usual_width(view: View) -> Width:
    """Return the width that suits a view: three panels beside each other need more."""
    return "wide" if view.arrangement == "beside" and len(view.panels) > 2 else "column"
