"""Settings of a run: a JSON round trip, a content hash and named presets.

The settings of a graph and of a learner keep a name and raw options; the registry of graphs
(:mod:`conet.network.graph`) and of learners (:mod:`conet.learners`) validates the options before a
run starts, so a new graph or learner needs no change here.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from conet.base.errors import ConetError, nearest
from conet.config import aliases, reading
from conet.config.checking import FILE
from conet.config.model import Count, OpenSettings, Root, Settings, StepOrShare, Weight
from conet.config.presets import PRESETS

REMEDY = "see `conet presets --describe`"


class GraphSettings(OpenSettings):
    """The concept network: which graph, how large; further options belong to its kind."""

    kind: str = Field(default="regular", description="kind of graph, or `path/to/file.py:name`")
    nodes: int = Field(default=800, ge=2, lt=2**31, description="number of nodes N")
    degree: Count = Field(default=40, description="out-degree K of a node; of some kinds the mean")
    file: str | None = Field(
        default=None, description="GraphML file, for the kind `graphml`", json_schema_extra={FILE: True}
    )


class ProblemSettings(Settings):
    """Problems: pairs of a question node and an answer node, and the longest walk."""

    section: ClassVar[str | None] = "problems"

    count: Count = Field(
        default=128, description="number of problems M; with `problems.file` the file decides"
    )
    max_length: Count = Field(
        default=15, description="longest walk L, in hops; one that has not reached its answer failed"
    )
    stop_at_any_answer: bool = Field(
        default=False, description="whether a walk also ends, unrewarded, at another's answer"
    )
    file: str | None = Field(
        default=None,
        description="file of pairs: lines `question answer`, or JSON `[[q, a], …]`",
        json_schema_extra={FILE: True},
    )


class PolicySettings(Settings):
    """What walks: a table of logits, or a transformer, whose size and pretraining the others set."""

    section: ClassVar[str | None] = "policy"

    kind: Literal["table", "neural"] = Field(
        default="table",
        description="a logit an edge, which looks at the node alone; or a small causal transformer, which "
        "reads problem and path (the extra `[neural]`)",
    )
    architecture: Literal["gpt2", "llama"] = Field(
        default="gpt2", description="which of transformers' architectures, built from scratch"
    )
    width: int = Field(default=16, ge=1, lt=2**16, description="dimensions of its hidden states")
    depth: int = Field(default=2, ge=1, lt=2**10, description="number of its layers")
    heads: int = Field(
        default=2, ge=1, lt=2**10, description="attention heads of a layer, into which the width is divided"
    )
    answer: Literal["shown", "hidden"] = Field(
        default="shown",
        description="whether it reads the answer node before it walks; hidden: only where it started",
    )
    pretraining_steps: Count = Field(
        default=2000, description="updates of its pretraining on uniform walks, at most"
    )
    pretraining_rate: float = Field(
        default=0.02, gt=0, description="learning rate (Adam) of the pretraining, at its start"
    )
    max_illegal: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="probability of an illegal move at which the pretraining has learned the edges and ends",
    )


class LearnerSettings(OpenSettings):
    """Which learner; rollouts, rate and optimizer; its variants are further options."""

    name: str = Field(default="grpo", description="name of a learner, or `path/to/file.py:Name`")
    rollouts: Count = Field(default=8, description="rollouts G of a problem in one update")
    learning_rate: float = Field(
        300.0,
        gt=0,
        description="step along the gradient, which is divided by M·G: compare rates at equal rate/M",
    )
    optimizer: Literal["sgd", "adam"] = Field(
        default="sgd", description="plain ascent, or Adam (Kingma and Ba 2015)"
    )
    entropy: Weight = Field(
        0.0,
        description="weight β of an entropy bonus: β times the policy's entropy (nats) at every node that a "
        "rollout leaves is added to what the learner raises",
    )


class ScheduleSettings(OpenSettings):
    """Phases of a run; further options belong to the named schedule."""

    section: ClassVar[str | None] = "schedule"

    name: str = Field(default="rlvr", description="which phases a run has: a name, or `path/to/file.py:name`")
    heat_at: StepOrShare | Literal["detector"] = Field(
        "detector",
        description="update before which heating begins, or a share of the run; `detector`: when the heating "
        "signal fires",
    )
    heat_latest: float | None = Field(
        0.5,
        gt=0,
        le=1,
        description="share of the run after which heating begins without a signal; none: never",
    )
    heat_steps: Count = Field(default=10, description="SFT updates of a heating")
    sft_learning_rate: float = Field(
        default=0.15, gt=0, description="logit step of a problem in one SFT update"
    )
    max_accuracy: float = Field(
        default=0.1, gt=0, le=1, description="problems below this accuracy are heated on"
    )
    harvest_samples: int = Field(
        default=256, ge=64, lt=2**31, description="walks of each problem, drawn to find those to heat on"
    )
    pick: Literal["shortest", "random"] = Field(
        default="shortest", description="which correct walk is demonstrated"
    )
    sft_steps: Count = Field(default=10, description="SFT updates at the start of `sft_then_rlvr`")


class SnapshotSettings(Settings):
    """What is kept, and how often. The end of the run always is a snapshot; steps beyond it are left out."""

    steps: tuple[Annotated[int, Field(ge=0, lt=2**31)], ...] | None = Field(
        default=None,
        description="updates at which a snapshot is taken; none: roughly logarithmic, 22 at most",
    )
    web_every: int = Field(
        default=1,
        ge=0,
        lt=2**31,
        description="updates between two measurements of the web; 0: at snapshots alone",
    )
    checkpoint_every: Count = Field(default=200, description="updates between two checkpoints")
    traffic_walks: Count = Field(default=64, description="walks a problem at a snapshot, for the traffic web")
    pass_walks: Count = Field(default=256, description="walks a problem at a snapshot, for pass@k")
    rollouts: bool = Field(default=True, description="whether all rollouts are kept")


WEB_THRESHOLD = 0.3  # our choice: the paper states none


class WebSettings(Settings):
    """Which edges are the concept web."""

    threshold: float = Field(
        default=WEB_THRESHOLD, gt=0, le=1, description="least probability of an edge of the concept web"
    )


def as_list(value: Any) -> Any:
    """Take one name for a list of one."""
    return (value,) if isinstance(value, str) else value


class Config(Root):
    """All settings of one run.

    Examples
    --------
    >>> config = preset("smoke").override({"seed": 3, "learner.rollouts": 16})
    >>> Config.from_json(config.to_json()) == config
    True
    """

    old_names: ClassVar[Mapping[str, str]] = aliases.SETTINGS

    preset: str = Field(default="reference", description="what the settings started from; decides nothing")
    seed: int = Field(default=0, ge=0, lt=2**63, description="seed of graph, problems and walks")
    steps: Count = Field(default=800, description="number of updates")
    graph: GraphSettings = GraphSettings()
    problems: ProblemSettings = ProblemSettings()
    policy: PolicySettings = PolicySettings()
    learner: LearnerSettings = LearnerSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    snapshots: SnapshotSettings = SnapshotSettings()
    web: WebSettings = WebSettings()
    observables: Annotated[tuple[str, ...], BeforeValidator(as_list)] = Field(
        default=(), description="further columns of the metrics: names, or `path/to/file.py:name`"
    )


def load(path: str | Path, over: str | None = None) -> Config:
    """Read a JSON or TOML file over a preset: ``over``, else the one it names, else ``reference``.

    Raises
    ------
    ConetError
        When the file cannot be read, has a key twice, or a value does not fit.
    """
    data = reading.read(Path(path), "--config", REMEDY)
    own = str(data.pop("preset", "reference"))
    return preset(own if over is None else over).overlaid(data)


def preset(name: str) -> Config:
    """Return the named preset.

    Raises
    ------
    ConetError
        For an unknown name; the nearest is named.
    """
    if not isinstance(name, str):
        raise ConetError(f"preset {name!r}"[:200], "the name of a preset", "known: " + ", ".join(PRESETS))
    if name not in PRESETS:
        raise ConetError(f"unknown preset {name!r}", "a preset", nearest(name, PRESETS))
    return Config(preset=name).override(PRESETS[name][1])
