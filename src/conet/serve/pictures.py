"""A view as a picture, drawn as the reports draw it."""

import threading

from fastapi.responses import Response

from conet.base.errors import ConetError
from conet.views.schema import View

TYPES = {"svg": "image/svg+xml", "png": "image/png"}
_DRAWING = threading.Lock()  # matplotlib keeps its state in one place


def picture(view: View, suffix: str) -> Response:
    """Draw a view.

    Parameters
    ----------
    suffix
        "svg" or "png".

    Raises
    ------
    ConetError
        When the view has nothing to draw.
    """
    from conet.report import style
    from conet.report.drawing.figure import draw

    if not view.panels:
        raise ConetError(f"the figure {view.name}: {view.absent}", "something to draw", "choose another")
    with _DRAWING, style.look():
        data = style.to_file(draw(view), suffix)
    disposition = f'inline; filename="{view.name}.{suffix}"'
    return Response(data, media_type=TYPES[suffix], headers={"content-disposition": disposition})
