"""Addresses of the parts of a run: web and nodes, problems and rollouts."""

from typing import Annotated, Any

from fastapi import FastAPI, Path, Query
from fastapi.responses import Response
from pydantic import Field

from conet.serve.history import history
from conet.serve.library import Library
from conet.serve.models import Failure
from conet.serve.models_rollouts import Cell, Found, ProblemMap, TextOf
from conet.serve.models_web import Fight, NodeDetail, WebHistory
from conet.serve.nodes import detail, fights
from conet.serve.problems import problem_map
from conet.serve.reading import cell, search, texts
from conet.serve.saved import saved_page

FAILURES: dict[int | str, dict[str, Any]] = {
    404: {"model": Failure, "description": "there is no such run, or no such part of it"},
    409: {"model": Failure, "description": "it is there, and cannot be read"},
    422: {"model": Failure, "description": "a parameter is not what is described"},
}
Name = Annotated[str, Path(description="name of a run, as the list has it", min_length=1)]
LARGEST = 2**31 - 1
Problem = Annotated[
    list[Annotated[int, Field(ge=0, le=LARGEST)]] | None,
    Query(description="numbers of problems; all where absent", max_length=4000),
]
Step = Annotated[int, Query(ge=-LARGEST, le=LARGEST)]
Index = Annotated[int, Field(ge=-LARGEST, le=2**53)]
Node = Annotated[int, Path(ge=0, le=LARGEST)]
Snapshot = Annotated[
    int | None, Query(description="of a snapshot; the last one where absent", ge=0, le=LARGEST)
]


def add_web(app: FastAPI, library: Library) -> None:
    """Enter the addresses of the concept web."""

    @app.get("/api/runs/{name}/web", responses=FAILURES)
    def web(name: Name) -> WebHistory:
        """Return the concept web at every snapshot, in one layout."""
        opened = library.opened(name)
        found: WebHistory = opened.made("web", lambda: history(opened.run))
        return found

    @app.get("/api/runs/{name}/nodes/{node}", responses=FAILURES)
    def node(name: Name, node: Node, step: Snapshot = None) -> NodeDetail:
        """Describe one node at one snapshot: where walks go from it."""
        opened = library.opened(name)
        with opened.locks["nodes"]:
            return detail(opened.run, node, step)

    @app.get("/api/runs/{name}/nodes/{node}/fights", responses=FAILURES)
    def node_fights(name: Name, node: Node, step: Snapshot = None) -> list[Fight]:
        """Return the problems whose gradients oppose each other most at a node."""
        opened = library.opened(name)
        with opened.locks["nodes"]:
            return fights(opened.run, node, step)


def add_saved(app: FastAPI, library: Library) -> None:
    """Enter the address of a page that needs no server."""

    @app.get("/api/runs/{name}/page", responses=FAILURES, response_class=Response)
    def page(name: Name, texts: bool = True) -> Response:
        """Return the page of one run as one file of HTML, with or without prompts and answers."""
        library.path(name)
        data = saved_page(library, [name], texts).html
        headers = {"content-disposition": 'attachment; filename="conet-page.html"'}
        return Response(data, media_type="text/html; charset=utf-8", headers=headers)


def add_rollouts(app: FastAPI, library: Library) -> None:
    """Enter the addresses of problems and rollouts."""

    @app.get("/api/runs/{name}/problems", responses=FAILURES)
    def problems(name: Name) -> ProblemMap:
        """Return the accuracy of each problem in bins of steps, and what became of it."""
        opened = library.opened(name)
        found: ProblemMap = opened.made("problems", lambda: problem_map(opened.diagnosis))
        return found

    @app.get("/api/runs/{name}/rollouts", responses=FAILURES)
    def rollouts(
        name: Name,
        problem: Problem = None,
        first: Step = 0,
        last: Step = LARGEST,
        offset: Annotated[int, Query(ge=0, le=2**40)] = 0,
    ) -> Cell:
        """Return rollouts of a problem, or of all, from the first step up to the last, without texts."""
        return cell(library.opened(name).record, problem or (), first, last, offset)

    @app.get("/api/runs/{name}/texts", responses=FAILURES)
    def rollout_texts(name: Name, index: Annotated[list[Index], Query(max_length=64)]) -> list[TextOf]:
        """Read prompts and completions of some rollouts from their files."""
        opened = library.opened(name)
        with opened.locks["texts"]:
            return texts(opened.record, index)

    @app.get("/api/runs/{name}/search", responses=FAILURES)
    def find(
        name: Name,
        words: Annotated[str, Query(max_length=500)],
        problem: Problem = None,
        first: Step = 0,
        last: Step = LARGEST,
        correct: bool | None = None,
    ) -> Found:
        """Return rollouts whose completion holds some words; of very many, the first are searched."""
        opened = library.opened(name)
        with opened.locks["texts"]:
            return search(opened.record, words, problem or (), first, last, correct)
