"""A drawn figure, and how it becomes part of a page."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from conet.report.colours import VARIABLES

if TYPE_CHECKING:
    from markupsafe import Markup


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One figure of a report.

    Attributes
    ----------
    name : str
        File name without suffix, and anchor in the page.
    title : str
    caption : str
        What to see, in plain text.
    svg : str or None
        None where the run gives nothing to draw; the caption then says why.
    wide : bool
        Whether it takes the whole width of a page.
    narrow : str or None
        The same figure as SVG for a narrow page.
    definition : str
        How each quantity is defined, in plain text.
    """

    name: str
    title: str
    caption: str
    svg: str | None
    wide: bool = False
    narrow: str | None = None
    definition: str = ""

    def inline(self, narrow: bool = False) -> "Markup":
        """Return the drawing for use inside a page."""
        from markupsafe import Markup, escape

        svg = self.narrow if narrow else self.svg
        label = f"{self.title}. {self.caption.split('. ')[0].rstrip('.')}."
        return Markup(
            to_inline(svg or "", f"{self.name}-narrow" if narrow else self.name, str(escape(label)))
        )


def to_inline(svg: str, name: str, label: str) -> str:
    """Return the SVG for use inside a page: ids of its own, colours that follow the page's.

    Parameters
    ----------
    svg
        What :func:`to_svg` returned.
    name
        Prefix of the ids, so that figures of one page do not clash.
    label
        What a screen reader says.
    """
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", body, flags=re.DOTALL)
    body = re.sub(r'\bid="', f'id="{name}-', body)
    body = re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", body)
    body = re.sub(r"#[0-9a-f]{6}\b(?![-\w])", lambda found: _variable(found.group()), body)
    opening, rest = body.split(">", 1)
    opening = re.sub(r' (width|height)="[^"]*"', "", opening)
    return re.sub(r"\n\s*\n+", "\n", f'{opening} role="img" aria-label="{label}">{rest}')


def _variable(colour: str) -> str:
    return f"var(--{VARIABLES[colour]})" if colour in VARIABLES else colour
