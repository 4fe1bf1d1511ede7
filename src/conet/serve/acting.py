"""Addresses that do something: start a run, steer one. The guard has asked for the token before."""

from fastapi import FastAPI

from conet.base.errors import ConetError
from conet.runs.control import ask
from conet.serve.library import Library
from conet.serve.models_actions import ActionRequest, Asked, Preset, Started, StartRequest
from conet.serve.routes import FAILURES, Name
from conet.serve.starting import Starter, presets


def add_actions(app: FastAPI, library: Library) -> None:
    """Enter the addresses that act."""
    starter = Starter(library)

    @app.get("/api/presets")
    def list_presets() -> list[Preset]:
        """List the presets of a run of walks."""
        return presets()

    @app.post("/api/runs", responses={number: FAILURES[number] for number in (409, 422)})
    def start(asked: StartRequest) -> Started:
        """Start a run of walks that can be steered, as the command line does."""
        return starter.start(asked)

    @app.post("/api/runs/{name}/actions", responses=FAILURES)
    def act(name: Name, asked: ActionRequest) -> Asked:
        """Ask a run that trains to pause, go on, heat, change its temperature or stop."""
        opened = library.opened(name)
        if library.row(name, opened.run.path).state != "training":
            raise ConetError(f"{name}, which is not training", "a run that trains", "begin or resume one")
        ask(opened.run.path, asked.action, asked.value)
        return Asked(asked=asked.action)
