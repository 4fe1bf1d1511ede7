"""The reference of all settings, as `--describe` prints it and docs/settings.md keeps it."""

from collections.abc import Iterator
from typing import Any

from conet.config import describe
from conet.config.describe import Described
from conet.config.model import Root

VALUES = (
    "The value of `--set` is JSON, without blanks around it: `100`, `1e2`, `0.5`, `true`, `[0, 10]`. "
    "What is no JSON, such as `+5`, `0x10` or `1_000`, is a text, and no number."
)


def presets_page() -> str:
    """Describe every setting of a run: the sections, then the options of each graph, learner and schedule."""
    from conet.config import PRESETS, Config

    lines = [
        "# Settings of a run",
        "",
        "Given as `--set key=value`, or in a file for `--config`.",
        VALUES,
        "",
    ]
    lines += ["## Presets", ""]
    for name, (purpose, changes) in PRESETS.items():
        changed = ", ".join(f"`{key}={value}`" for key, value in changes.items())
        lines.append(f"- `{name}`: {purpose}" + (f": {changed}" if changed else ""))
    lines += ["", *_sections(Config), *_own_options(), *_observables(), *_disk()]
    return "\n".join(lines)


def recipes_page() -> str:
    """Describe every setting of a training on a language model."""
    from conet.detect import Detector
    from conet.runs.recipe import PINNED, Recipe, load, shipped

    lines = [
        "# Recipes of `conet llm`",
        "",
        "Given as `--set key=value`, or in a TOML or JSON file.",
        VALUES,
        "",
    ]
    lines += ["## Shipped", "", *(f"- `{name}`: {load(name).purpose}" for name in shipped()), ""]
    lines += [*_sections(Recipe), "## Options of the detector", "", _first_line(Detector), ""]
    lines += [row.line() for row in describe.of_function(Detector, 0, "heating.detector.")]
    lines += ["", "## What it costs on disk", ""]
    lines += [
        "- A checkpoint, of which the last two are kept: the weights, and twice as much for the "
        "optimizer; with `model.lora` those of the adapter alone.",
        "- The model at the end, and the one at the start where `model.path` names none: the weights.",
        "- Rollouts: with `keep_text` the completions' texts, compressed to about a third.",
        "",
    ]
    lines += ["## Options of TRL that are pinned", ""]
    lines += [
        "`training.NAME` takes any option of TRL's GRPOConfig. These are set whatever TRL's own "
        "defaults are:",
        "",
    ]
    lines += [f"- `training.{name}` = {describe.written(value)}" for name, value in PINNED.items()]
    return "\n".join(lines)


def presets_rows() -> list[dict[str, str]]:
    """Return every setting of a run; those of a graph, learner or schedule say whose they are."""
    from conet.config import Config

    found = [row.to_json() for _, _, section in _walk(Config) for row in section]
    return found + [row.to_json() | {"of": title.strip("`")} for title, _, own in _owners() for row in own]


def recipes_rows() -> list[dict[str, str]]:
    """Return every setting of a recipe."""
    from conet.runs.recipe import Recipe

    return [row.to_json() for _, _, section in _walk(Recipe) for row in section]


def _sections(root: type[Root]) -> Iterator[str]:
    for title, what, section in _walk(root):
        yield from (f"## {title}", "", what, "")
        yield from (row.line() for row in section)
        yield ""


def _walk(root: type[Root]) -> Iterator[tuple[str, str, list[Described]]]:
    """Yield title, purpose and settings of the top level, and of each section."""
    yield "Top level", _first_line(root), describe.of_model(root)
    for name, field in root.model_fields.items():
        if describe.is_section(field.annotation):
            model: Any = field.annotation
            yield f"`{name}`", _first_line(model), describe.of_model(model, f"{name}.")


def _owners() -> Iterator[tuple[str, str, list[Described]]]:
    """Yield every graph, learner and schedule that has options of its own."""
    from conet.learners import LEARNERS, Learner
    from conet.network.graph import GRAPHS
    from conet.runs.schedules import SCHEDULES

    for name, builder in GRAPHS.items():
        yield (
            f"`graph.kind={name}`",
            _first_line(builder),
            describe.of_function(builder, 3, "graph.", ["file"]),
        )
    for name, learner in LEARNERS.items():
        own = describe.of_model(learner, "learner.", Learner.model_fields)
        yield f"`learner.name={name}`", _first_line(learner), own
    for name, schedule in SCHEDULES.items():
        yield f"`schedule.name={name}`", _first_line(schedule), describe.of_function(schedule, 1, "schedule.")


def _own_options() -> Iterator[str]:
    yield from ("## Options of each graph, learner and schedule", "")
    for title, what, own in _owners():
        yield from (f"### {title}", "", what, "")
        yield from (row.line() for row in own)
        yield from ([""] if own else [])


def _observables() -> Iterator[str]:
    from conet.observables import OBSERVABLES

    yield from ("## Observables", "", "Named in `observables`; each adds columns to the metrics.", "")
    for name, observable in OBSERVABLES.items():
        yield f"- `{name}`: {_first_line(observable)}"
    yield ""


def _disk() -> Iterator[str]:
    yield from (
        "## What it costs on disk",
        "",
        "- A snapshot: 8 bytes an edge of the graph, and 12 for each edge that successful walks used. "
        "At most 22 are taken where `snapshots.steps` names none.",
        "- The checkpoint, of which there is one: 8 bytes an edge, with `learner.optimizer=adam` 24.",
        "- The graph: 4 bytes an edge and 8 a node.",
        "- Rollouts (`snapshots.rollouts`): some 2 bytes a rollout once compressed.",
        "- The report: about 1 MB, and as much for its figures.",
        "",
    )


def _first_line(thing: Any) -> str:
    return (thing.__doc__ or "").strip().splitlines()[0].replace("``", "`")
