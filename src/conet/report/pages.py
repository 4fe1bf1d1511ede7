"""Pages: one HTML file each without scripts or network, from templates; and the figures beside it."""

import json
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conet.base.files import write_atomic
from conet.base.places import make_folder
from conet.report.drawing.drawers import Drawers
from conet.report.drawing.width import usual_width
from conet.report.picture import Picture
from conet.views.schema import View

if TYPE_CHECKING:
    from jinja2 import Environment

HERE = Path(__file__).parent


@lru_cache
def environment() -> "Environment":
    """Return the templates; whatever is put into them is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )


def render(template: str, **values: Any) -> str:
    """Fill a template of this package.

    Parameters
    ----------
    template
        Its file name in ``templates/``.
    values
        What it names; text is escaped.
    """
    from markupsafe import Markup

    css = Markup((HERE / "page.css").read_text(encoding="utf-8"))
    return environment().get_template(template).render(style=css, **values)


def pictures(views: Iterable[View], drawers: Drawers | None = None) -> list[Picture]:
    """Draw views at two widths; they may be made while others are drawn.

    Parameters
    ----------
    drawers
        Other processes to draw in; this one where absent.
    """
    drawers = drawers or Drawers()
    taken = [(view, _files(view, drawers)) for view in views]
    environment()  # loaded while the last are drawn
    return [_picture(view, [file.result() for file in files]) for view, files in taken]


def _files(view: View, drawers: Drawers) -> "list[Future[bytes]]":
    return [drawers.draw(view, width) for width in (None, "narrow")] if view.panels else []


def _picture(view: View, files: Sequence[bytes]) -> Picture:
    if not files:
        return Picture(name=view.name, title=view.title, caption=view.absent, svg=None)
    broad, narrow = (file.decode() for file in files)
    return Picture(
        name=view.name,
        title=view.title,
        caption=view.caption,
        definition=view.definition,
        svg=broad,
        narrow=narrow,
        wide=usual_width(view) == "wide",
    )


def write_page(out: Path, drawn: Sequence[Picture], page: str) -> Path:
    """Write figures and page, each replaced as a whole; the page last, so that one that is there is complete.

    Raises
    ------
    ConetError
        When the place cannot be written.
    """
    folder = out / "figures"
    make_folder(out)
    make_folder(folder)
    for picture in drawn:
        if picture.svg is not None:
            write_atomic(folder / f"{picture.name}.svg", picture.svg)
    write_atomic(out / "report.html", page)
    return out / "report.html"


def links(drawn: Sequence[Picture], *more: tuple[str, str]) -> Iterator[tuple[str, str]]:
    """Anchor and text of each part of a page."""
    yield from ((picture.name, picture.title) for picture in drawn)
    yield from more


def as_text(content: Any) -> str:
    """Return a record as indented JSON."""
    return json.dumps(content, indent=2, ensure_ascii=False)
