"""The page as one file of HTML, which needs no server: the bundle, and the data that it would ask for."""

import base64
import hashlib
import json
import re
from collections.abc import Callable
from functools import partial
from html import escape
from typing import Any, BinaryIO, NamedTuple
from urllib.parse import quote

import numpy as np

from conet.base.errors import ConetError
from conet.base.panics import Panic
from conet.serve import bundle
from conet.serve.absent import Absent
from conet.serve.history import history
from conet.serve.library import Library
from conet.serve.models import RunRow
from conet.serve.models_rollouts import Sample
from conet.serve.overview import overview_of
from conet.serve.problems import problem_map
from conet.serve.reading import described, texts

MARK = '<meta name="conet-page" content="saved">'
MOST_ROLLOUTS = 600  # of a run, evenly over its steps (our choice)


class SavedPage(NamedTuple):
    """A page as one text of HTML, and what could not be read for it, with reasons; it says so too."""

    html: str
    left_out: list[str]


def saved_page(library: Library, names: list[str] | None = None, with_texts: bool = True) -> SavedPage:
    """Return the page of some runs, or all of them.

    Parameters
    ----------
    names
        Of the runs.
    with_texts
        Whether prompts and completions may be in it, as far as the library shows any.

    Raises
    ------
    Absent
        When there is no run of a name.
    ConetError
        When there is nothing to save, or the bundle is not there.
    """
    chosen = list(library.paths()) if names is None else names
    rows = [library.row(name, library.path(name)) for name in chosen]
    if not any(row.kind for row in rows):
        raise ConetError("no run that can be read", "at least one", "name a directory of runs, or a log")
    data: dict[str, Any] = {"api/runs": [_row(row) for row in rows]}
    left_out = [f"{row.name}: {row.why}" for row in rows if not row.kind]
    for row in rows:
        if row.kind:
            data |= _data(library, row.name, with_texts, left_out)
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return SavedPage(_html(text, left_out), left_out)


def is_saved_page(file: BinaryIO) -> bool:
    """Whether an open file is a page that was saved."""
    return MARK.encode() in file.read(4096)


def _row(row: RunRow) -> dict[str, Any]:
    return row.model_dump(mode="json")


def address(*parts: str) -> str:
    """Return an address as the page writes it."""
    return "api/" + "/".join(quote(part, safe="!~*'()") for part in parts)


def _data(library: Library, name: str, with_texts: bool, left_out: list[str]) -> dict[str, Any]:
    """Return what the page asks for of one run, by address; what cannot be read joins what is left out."""
    opened = library.opened(name) if with_texts else library.opened(name).hiding()
    data: dict[str, Any] = {}

    def put(make: Callable[[], Any], *parts: str) -> None:
        try:
            data[address("runs", name, *parts)] = make().model_dump(mode="json")
        except (ConetError, Absent, OSError, Panic) as error:
            left_out.append(f"{' '.join((name, *parts))}: {error}")

    overview = overview_of(library, name, opened)
    put(lambda: overview.model_copy(update={"steerable": False}))
    put(opened.spark, "spark")
    put(opened.headlines, "headlines")
    if why := opened.headlines().why:
        left_out.append(f"{name} headlines: {why}")
    for view in overview.views:
        put(partial(opened.view, view), "views", view)
    if overview.web:
        put(lambda: opened.made("web", lambda: history(opened.run)), "web")
    put(lambda: problem_map(opened.diagnosis), "problems")
    if overview.texts:
        put(lambda: _sample(opened.record), "sample")
    return data


def _sample(record: Any) -> Sample:
    """Return some rollouts with their texts, evenly over the record."""
    count = record.rows.height
    chosen = np.unique(np.linspace(0, count - 1, min(count, MOST_ROLLOUTS)).astype(int)).tolist()
    rows = record.rows.with_row_index("index")[chosen]
    return Sample(
        total=count,
        rows=[described(row, record.components) for row in rows.iter_rows(named=True)],
        texts=texts(record, chosen, most=MOST_ROLLOUTS),
    )


def _html(data: str, left_out: list[str]) -> str:
    """Put bundle and data into one file, of which nothing but our own script may run."""
    files = bundle.files()
    script = re.sub(r"</(script)", r"<\\/\1", files["page.js"].decode(), flags=re.IGNORECASE)
    style = re.sub(r"url\(([^)]+)\)", _inlined, files["page.css"].decode())
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (script, style)]
    policy = (
        f"default-src 'none'; script-src 'sha256-{hashes[0]}'; style-src 'sha256-{hashes[1]}'; "
        "img-src data: blob:; font-src data:; base-uri 'none'; form-action 'none'"
    )
    lacks = escape("; ".join(left_out))
    note = f'<p class="failure lacking">This page is incomplete, without {lacks}</p>' if lacks else ""
    data = data.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'{MARK}<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><title>CoNet</title>'
        f'<style>{style}</style></head><body>{note}<div id="page"></div>'
        f'<script type="application/json" id="conet-data">{data}</script>'
        f'<script type="module">{script}</script></body></html>\n'
    )


def _inlined(found: re.Match[str]) -> str:
    name = found[1].strip("\"'").removeprefix("./")
    data = bundle.files().get(name)
    if data is None:
        return found[0]
    return f"url(data:{bundle.media_type(name)};base64,{base64.b64encode(data).decode()})"
