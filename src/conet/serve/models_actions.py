"""What the page asks for, and is answered."""

from pydantic import Field, StrictFloat

from conet.runs.steering import Action
from conet.serve.models import Reply


class ActionRequest(Reply):
    """What is asked of a run that trains; ``value``: updates of a heating, weight of the entropy bonus."""

    action: Action
    value: StrictFloat | None = None


class Asked(Reply):
    """That a request has been handed to the run."""

    asked: Action


class Preset(Reply):
    """Named settings."""

    name: str
    purpose: str


class StartRequest(Reply):
    """A run to begin: as the options of ``conet run``; settings as ``key=value``."""

    preset: str = "reference"
    seed: int = Field(default=0, ge=0, le=2**31 - 1)
    steps: int | None = Field(default=None, ge=1, le=10_000_000)
    settings: list[str] = Field(default=[], max_length=100)


class Started(Reply):
    """The name of a run that has begun, and the command that begins the same."""

    name: str
    command: str
