"""Settings of a run: frozen, validated, with a JSON round trip, a content hash and named presets.

The settings of a graph and of a learner keep a name and raw options; the registry of graphs
(:mod:`conet.network.graph`) and of learners (:mod:`conet.learners`) validates the options before a
run starts, so a new graph or learner needs no change here.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from conet.base.errors import ConetError, nearest
from conet.config import aliases
from conet.config.presets import PRESETS

Model = TypeVar("Model", bound=BaseModel)
Count = Annotated[int, Field(ge=1, lt=2**31)]  # steps, nodes and edges are kept as int32


class Settings(BaseModel):
    """Base of all settings: immutable, finite numbers only, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class OpenSettings(Settings):
    """Settings with further raw options, which the named graph or learner validates."""

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False)

    @property
    def options(self) -> dict[str, Any]:
        """Raw options beyond the declared ones."""
        return dict(self.model_extra or {})


class GraphSettings(OpenSettings):
    """The concept network: which graph, how large; further options belong to its kind."""

    kind: str = "regular"
    nodes: int = Field(800, ge=2, lt=2**31)
    degree: Count = 40
    file: str | None = None


class ProblemSettings(Settings):
    """Questions, answers and the longest walk."""

    count: Count = 128
    max_length: Count = 15
    stop_at_any_answer: bool = False
    file: str | None = None


class LearnerSettings(OpenSettings):
    """Which learner; rollouts, rate and optimizer; its variants are further options."""

    name: str = "grpo"
    rollouts: Count = 8
    learning_rate: float = Field(300.0, gt=0)
    optimizer: Literal["sgd", "adam"] = "sgd"


class ScheduleSettings(Settings):
    """Phases of a run.

    ``heat_at`` is a step or ``"detector"``; ``heat_latest`` bounds the detector's patience, as a
    share of the run. ``sft_learning_rate`` is the logit step a problem and SFT step.
    """

    name: Literal["rlvr", "annealed_rlvr", "sft_then_rlvr"] = "rlvr"
    heat_at: int | Literal["detector"] = "detector"
    heat_latest: float = Field(0.5, gt=0, le=1)
    heat_steps: Count = 10
    sft_learning_rate: float = Field(0.15, gt=0)
    max_accuracy: float = Field(0.1, gt=0, le=1)
    harvest_samples: int = Field(256, ge=64, lt=2**31)
    pick: Literal["shortest", "random"] = "shortest"
    sft_steps: Count = 10


class SnapshotSettings(Settings):
    """What is kept, and how often.

    ``steps`` names the snapshot steps (None: roughly logarithmic, 22 at most); the end of the run always
    is one, and those beyond it are left out. ``web_every`` is the spacing of the web metrics (0: only at
    snapshots), ``checkpoint_every`` that of the checkpoints.
    """

    steps: tuple[Annotated[int, Field(ge=0, lt=2**31)], ...] | None = None
    web_every: int = Field(1, ge=0, lt=2**31)
    checkpoint_every: Count = 200
    traffic_walks: Count = 64
    pass_walks: Count = 256
    rollouts: bool = True


class WebSettings(Settings):
    """Edges with probability of at least ``threshold`` form the concept web."""

    threshold: float = Field(0.3, gt=0, le=1)


class Config(Settings):
    """All settings of one run.

    Examples
    --------
    >>> config = preset("smoke").override({"seed": 3, "learner.rollouts": 16})
    >>> Config.from_json(config.to_json()) == config
    True
    """

    preset: str = "reference"
    seed: int = Field(0, ge=0, lt=2**63)
    steps: Count = 800
    graph: GraphSettings = GraphSettings()
    problems: ProblemSettings = ProblemSettings()
    learner: LearnerSettings = LearnerSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    snapshots: SnapshotSettings = SnapshotSettings()
    web: WebSettings = WebSettings()
    observables: tuple[str, ...] = ()

    def override(self, changes: Mapping[str, Any]) -> "Config":
        """Return a config with dotted keys changed, as ``{"graph.nodes": 200}``.

        Raises
        ------
        ConetError
            For an unknown key (the nearest is named) or a value out of range.
        """
        data = self.model_dump()
        for key, value in aliases.renamed(changes, aliases.SETTINGS).items():
            *path, last = key.split(".")
            node = data
            for part in path:
                if not isinstance(node.get(part), dict):
                    raise ConetError(
                        f"unknown key {key!r}", "a key of the config", nearest(key, known_keys())
                    )
                node = node[part]
            if last in node and isinstance(node[last], dict):
                raise ConetError(
                    f"{key}={value!r}", f"a key inside {key!r}", nearest(key + ".", known_keys())
                )
            open_section = path in (["graph"], ["learner"])
            if last not in node and not open_section:
                raise ConetError(f"unknown key {key!r}", "a key of the config", nearest(key, known_keys()))
            node[last] = value
        return validated(Config, data)

    def to_json(self) -> str:
        """Write as indented JSON."""
        return json.dumps(self.model_dump(mode="json"), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str, source: str = "config") -> "Config":
        """Read what :meth:`to_json` wrote; missing keys take their defaults.

        Raises
        ------
        ConetError
            When the text is no JSON object or a value does not fit.
        """
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ConetError(f"{source}: {error}", "a JSON object", "mend or restore the file") from None
        if not isinstance(data, dict):
            raise ConetError(f"{source}: {type(data).__name__}", "a JSON object", "see `conet presets`")
        try:
            return validated(cls, aliases.renamed_nested(data, aliases.SETTINGS, quiet=True))
        except ConetError as error:
            raise ConetError(f"{source}: {error.got}", error.expected, error.remedy) from None

    @property
    def content_hash(self) -> str:
        """SHA-256 of the settings that decide the result (the preset's name does not)."""
        return hash_of(self.model_dump(mode="json"))


def validated(model: type[Model], data: Mapping[str, Any], prefix: str = "") -> Model:
    """Validate ``data`` against ``model``, with the first problem as one plain line.

    Raises
    ------
    ConetError
        Naming the key, what was got and what was expected.
    """
    try:
        return model.model_validate(dict(data))
    except ValidationError as error:
        problems = error.errors()
    first = problems[0]
    path = _inside(data, first["loc"])
    key = prefix + ".".join(str(part) for part in path)
    if first["type"] == "extra_forbidden":
        names = known_keys() + [prefix + name for name in model.model_fields if prefix]
        raise ConetError(f"unknown key {key!r}", "a key of the config", nearest(key, names))
    if first["type"] == "missing":
        raise ConetError(f"no {key}", "a value for it", f"set {key}=...")
    # A value that may be of several types has one problem for each of them.
    reasons = [problem["msg"] for problem in problems if _inside(data, problem["loc"]) == path]
    expected = " or ".join(
        reason.removeprefix("Input should be ").removeprefix("Value error, ").replace("valid tuple", "list")
        for reason in reasons
    )
    shown = repr(first["input"])
    shown = shown if len(shown) < 100 else shown[:97] + "…"
    raise ConetError(f"{key}={shown}", expected, "see `conet presets --json` for valid values")


def _inside(data: Any, location: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Return the part of a problem's location that is a place in the data, without names of types."""
    for depth, part in enumerate(location):
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            missing_key = depth == len(location) - 1 and isinstance(data, Mapping)
            return location[: depth + missing_key]
    return location


def hash_of(data: Mapping[str, Any]) -> str:
    """SHA-256 of settings as `config.json` holds them, but for the preset's name.

    Taken over what the file says, under the names it uses, so that the ``config_hash`` of any version's
    provenance can be compared with its `config.json`, also where settings have been renamed since.
    """
    kept = {key: value for key, value in data.items() if key != "preset"}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def known_keys() -> list[str]:
    """List every declared dotted key of the config."""
    keys = []
    for name, field in Config.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            keys += [f"{name}.{key}" for key in inner.model_fields]
        else:
            keys.append(name)
    return keys


def load(path: str | Path, over: str | None = None) -> Config:
    """Read a config file (JSON) over a preset: ``over``, else the one it names, else ``reference``."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
        data = json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise ConetError(f"--config {path}: {error}", "a JSON file", "see `conet presets --json`") from None
    if not isinstance(data, dict):
        raise ConetError(
            f"--config {path}: {type(data).__name__}", "a JSON object", "see `conet presets --json`"
        )
    own = str(data.pop("preset", "reference"))
    base = preset(own if over is None else over)
    return base.override(aliases.renamed(flatten(data), aliases.SETTINGS, from_file=True))


def flatten(data: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Turn nested mappings into dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in data.items():
        flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {prefix + key: value}
    return flat


def preset(name: str) -> Config:
    """Return the named preset.

    Raises
    ------
    ConetError
        For an unknown name; the nearest is named.
    """
    if name not in PRESETS:
        raise ConetError(f"unknown preset {name!r}", "a preset", nearest(name, PRESETS))
    return Config(preset=name).override(PRESETS[name][1])
