"""Look that the built site can be read from the disk: ``python docs/site/check.py site``.

It fetches nothing from elsewhere, and its search works without a server. Links to other sites are for the
reader to follow, and are left alone.
"""

import re
import sys
from pathlib import Path

FETCHED = re.compile(
    r"<(?:script|img|iframe|source|video|audio|embed)\b[^>]*?\bsrc=[\"']?(?P<src>(?:\w+:)?//[^\"'\s>]+)"
    r"|<link\b(?![^>]*rel=[\"']?canonical)[^>]*?\bhref=[\"']?(?P<href>(?:\w+:)?//[^\"'\s>]+)"
)
STYLE = re.compile(r"(?:url\(|@import\s+)[\"']?(?P<url>(?:\w+:)?//[^\"')\s]+)")


def fetched(site: Path) -> list[str]:
    """Return what pages and styles would fetch from elsewhere, each with its file."""
    found = []
    for path in sorted(site.rglob("*")):
        if path.suffix in (".html", ".css"):
            text = path.read_text(encoding="utf-8")
            for match in [*FETCHED.finditer(text), *STYLE.finditer(text)]:
                found.append(f"{path}: {next(filter(None, match.groups()))}")
            if path.suffix == ".html" and "Content-Security-Policy" not in text:
                found.append(f"{path}: no Content-Security-Policy")
    for needed in ("search/search_index.js", "assets/iframe-worker.js"):
        if not (site / needed).is_file():
            found.append(f"{site / needed}: not there, so that pages opened from the disk cannot be searched")
    return found


if __name__ == "__main__":
    place = Path(sys.argv[1])
    wrong = fetched(place)
    print(
        "\n".join(wrong) or f"{len(list(place.rglob('*.html')))} pages, none fetches anything from elsewhere"
    )
    sys.exit(bool(wrong))
