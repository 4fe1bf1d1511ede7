"""The files of the page, built from ``web/`` and shipped with the package."""

from functools import lru_cache
from pathlib import Path

from conet.base.errors import ConetError

FOLDER = Path(__file__).parent / "static"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
TOKEN = "conet-token-goes-here"  # in index.html


@lru_cache(maxsize=1)
def files() -> dict[str, bytes]:
    """Return the bundle: contents by name, read once, so that no request can name another file.

    Raises
    ------
    ConetError
        When it is not there.
    """
    found = {
        path.relative_to(FOLDER).as_posix(): path.read_bytes()
        for path in sorted(FOLDER.rglob("*"))
        if path.suffix in TYPES and path.is_file()
    }
    if "index.html" not in found:
        raise ConetError(f"{FOLDER}, which holds no page", "the bundle of the page", "install CoNet again")
    return found


def index(token: str) -> bytes:
    """Return the page, with the token by which its actions are known."""
    return files()["index.html"].replace(TOKEN.encode(), token.encode())


def media_type(name: str) -> str:
    """Return what kind of file a name of the bundle is."""
    return TYPES["." + name.rpartition(".")[2]]
