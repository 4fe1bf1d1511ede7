"""The server's addresses: what each returns, as OpenAPI describes it."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable
from typing import Any, Literal

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic.json_schema import models_json_schema

from conet import __version__
from conet.base.errors import ConetError
from conet.base.panics import Panic
from conet.base.text import one_line
from conet.serve import bundle
from conet.serve.absent import Absent
from conet.serve.acting import add_actions
from conet.serve.library import Library, inside
from conet.serve.models import Failure, Headlines, Overview, RunRow, Spark
from conet.serve.models_rollouts import Sample
from conet.serve.overview import overview_of
from conet.serve.pictures import picture
from conet.serve.routes import FAILURES, Name, add_rollouts, add_saved, add_web
from conet.serve.safety import Guard
from conet.views.schema import View

STREAM: dict[str, Any] = {
    "description": "events called as a State, each with a Spark; or gone; or unreadable, with `got`",
    "content": {"text/event-stream": {"schema": {"$ref": "#/components/schemas/Spark"}}},
}
LOOK = 1.0  # seconds between two looks at a run that is followed


def application(library: Library) -> FastAPI:
    """Return the addresses for some runs, unguarded.

    Parameters
    ----------
    library : Library
    """
    app = _Described(title="CoNet's page", version=__version__, docs_url=None, redoc_url=None)
    _failures(app)
    _runs(app, library)
    add_web(app, library)
    add_rollouts(app, library)
    add_saved(app, library)
    add_actions(app, library)
    _live(app, library)
    return app


class _Described(FastAPI):
    """Describes also what the page reads without an address of its own: types are made of the description."""

    def openapi(self) -> dict[str, Any]:
        """Return the description, with what a saved page holds."""
        found = super().openapi()
        _, more = models_json_schema([(Sample, "serialization")], ref_template="#/components/schemas/{model}")
        found["components"]["schemas"] |= more["$defs"]
        return found


def guarded(library: Library, host: str, port: int) -> Guard:
    """Return the whole server: page and addresses behind the guard."""
    app = application(library)
    token = secrets.token_urlsafe(24)
    _page(app, token)
    return Guard(app, host, port, token)


def _failures(app: FastAPI) -> None:
    """Answer what can be mended in three parts, whatever address it was asked for at."""

    @app.exception_handler(ConetError)
    def unreadable(request: Request, error: ConetError) -> JSONResponse:
        failure = Failure(got=one_line(error.got), expected=error.expected, remedy=error.remedy)
        return JSONResponse(failure.model_dump(), 409)

    @app.exception_handler(Absent)
    def absent(request: Request, error: Absent) -> JSONResponse:
        name = one_line(str(error.args[0] if error.args else "")[:200])
        expected = "a run of the list, and a part that it has"
        failure = Failure(got=name, expected=expected, remedy="reload the page")
        return JSONResponse(failure.model_dump(), 404)

    @app.exception_handler(RequestValidationError)
    def misunderstood(request: Request, error: RequestValidationError) -> JSONResponse:
        """Answer what does not fit the description, with control characters written out."""
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        got = one_line(f"{place}: {str(first.get('input'))[:100]!r}")
        failure = Failure(got=got, expected=one_line(first["msg"]), remedy="see /openapi.json")
        return JSONResponse(failure.model_dump(), 422)

    @app.exception_handler(OSError)
    @app.exception_handler(Panic)
    def gone(request: Request, error: Exception) -> JSONResponse:
        got = one_line(f"{type(error).__name__}: {error}")
        failure = Failure(got=got, expected="files that can be read")
        return JSONResponse(failure.model_dump(), 409)


def _runs(app: FastAPI, library: Library) -> None:
    """Enter the addresses of the list, and of what there is of one run."""

    @app.get("/api/runs")
    def runs() -> list[RunRow]:
        """List the runs by name."""
        return library.rows()

    @app.get("/api/runs/{name}", responses=FAILURES)
    def overview(name: Name) -> Overview:
        """Say what there is of a run."""
        return overview_of(library, name, library.opened(name))

    @app.get("/api/runs/{name}/row", responses=FAILURES)
    def row(name: Name) -> RunRow:
        """Describe one run as the list does: nothing of it is read that grows."""
        inside(path := library.path(name), library.places)
        return library.row(name, path)

    @app.get("/api/runs/{name}/spark", responses=FAILURES)
    def spark(name: Name) -> Spark:
        """Return the accuracy in few points."""
        return library.opened(name).spark()

    @app.get("/api/runs/{name}/headlines", responses=FAILURES)
    def headlines(name: Name) -> Headlines:
        """Return what the diagnosis says, most urgent first."""
        return library.opened(name).headlines()

    @app.get("/api/runs/{name}/views/{view}", responses=FAILURES)
    def view(name: Name, view: str) -> View:
        """Return the data of one figure, as the reports draw it."""
        return library.opened(name).view(view)

    @app.get("/api/runs/{name}/figures/{view}", responses=FAILURES, response_class=Response)
    def figure(name: Name, view: str, suffix: Literal["svg", "png"] = "svg") -> Response:
        """Draw one figure, as the reports do."""
        return picture(library.opened(name).view(view), suffix)


def _live(app: FastAPI, library: Library) -> None:
    """Enter the address that is listened to while a run trains."""

    @app.get("/api/runs/{name}/stream", responses=FAILURES | {200: STREAM}, response_class=StreamingResponse)
    async def stream(name: Name, request: Request) -> StreamingResponse:
        """Send the spark of a run whenever it has changed, as server-sent events, until it ends.

        The event is the state of the run, its id the identity.
        """
        await asyncio.to_thread(library.opened, name)
        return StreamingResponse(_follow(library, name), media_type="text/event-stream")


async def _follow(library: Library, name: str) -> AsyncIterator[str]:
    """Yield an event for every change; a comment in between, by which a closed connection is noticed."""
    before: tuple[str, str, str] | None = None
    while True:
        state, which, spark = found = await asyncio.to_thread(_progress, library, name)
        if found != before:
            before = found
            yield f"event: {state}\ndata: {spark}\nid: {which}\n\n"
        else:
            yield ": unchanged\n\n"
        if state != "training":
            return
        await asyncio.sleep(LOOK)


def _progress(library: Library, name: str) -> tuple[str, str, str]:
    """Return state, identity and spark of a run."""
    try:
        opened = library.opened(name)
        row = library.row(name, opened.run.path)
        return row.state, row.identity, opened.spark().model_dump_json()
    except Absent:
        return "gone", "", "{}"
    except (ConetError, OSError, Panic) as error:
        return "unreadable", "", json.dumps({"got": one_line(str(error))})


def _page(app: FastAPI, token: str) -> None:
    """Enter the files of the page, each under its own name."""

    @app.get("/", include_in_schema=False)
    def page() -> Response:
        return Response(bundle.index(token), media_type="text/html; charset=utf-8")

    for name in bundle.files():
        app.get(f"/{name}", include_in_schema=False)(_file(name))


def _file(name: str) -> Callable[[], Response]:
    def file() -> Response:
        return Response(bundle.files()[name], media_type=bundle.media_type(name))

    return file
