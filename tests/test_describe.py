"""The reference of all settings: complete, right, and the page in docs is what the command prints."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field

from conet.cli import describe as reference
from conet.cli import main
from conet.config import Config, Settings, describe, flatten, keys_of, preset
from conet.learners import LEARNERS
from conet.runs.recipe import Recipe

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.parametrize(
    ("name", "command", "page"),
    [
        ("settings.md", "conet presets --describe", reference.presets_page),
        ("settings-llm.md", "conet llm recipes --describe", reference.recipes_page),
    ],
)
def test_the_page_in_docs_is_what_the_command_prints(name, command, page, capsys):
    main(command.split()[1:])
    printed = capsys.readouterr().out
    assert printed == page() + "\n"
    assert (DOCS / name).read_text() == printed, f"write it anew: {command} > docs/{name}"


@pytest.mark.parametrize(
    ("root", "rows"), [(Config, reference.presets_rows), (Recipe, reference.recipes_rows)]
)
def test_every_setting_is_described_with_its_default(root, rows):
    described = {row["key"]: row for row in rows() if "of" not in row}
    assert set(described) == set(keys_of(root))
    assert all(row["type"] and row["meaning"] and row["default"] for row in rows())
    if root is Config:
        for key, value in flatten(preset("reference").model_dump()).items():
            assert described[key]["default"] == describe.written(value)


def test_options_of_graphs_learners_and_schedules_say_whose_they_are():
    options = {(row["of"], row["key"]) for row in reference.presets_rows() if "of" in row}
    assert ("graph.kind=small_world", "graph.rewiring") in options
    assert {("learner.name=grpo", f"learner.{key}") for key in ("clip", "epochs", "kl")} <= options
    of_learners = {of.removeprefix("learner.name=") for of, _ in options if of.startswith("learner")}
    assert of_learners <= set(LEARNERS)
    assert ("schedule.name=annealed_rlvr", "schedule.heat_at") in options
    assert not {key for of, key in options if of == "learner.name=grpo"} & {
        "learner.rollouts",
        "learner.name",
    }


class Example(Settings):
    """An example.

    Parameters
    ----------
    share
        What is
        kept.
    """

    share: float = Field(0.5, gt=0, lt=1)
    text: str = ""
    names: tuple[Annotated[str, Field()], ...] = ("a",)
    counts: list[Annotated[int, Field(ge=1, le=9)]] | None = Field(None, description="How many.")
    kind: Literal["one", "two", "three"] = "one"
    needed: int = Field(ge=0, description="ABC stays.")


def test_types_ranges_and_meanings_in_words():
    found = {row.key: row for row in describe.of_model(Example, "x.", without=["text"])}
    assert list(found) == ["x.share", "x.names", "x.counts", "x.kind", "x.needed"]
    assert found["x.share"].line() == "- `x.share` = 0.5 (number, above 0 and below 1): what is kept"
    assert (found["x.names"].type, found["x.names"].default) == ("list of texts", "[`a`]")
    counts = found["x.counts"]
    assert (counts.type, counts.range, counts.meaning) == (
        "list of whole numbers or none",
        "1 to 9",
        "how many",
    )
    assert found["x.kind"].type == "`one`, `two` or `three`"
    assert (found["x.needed"].default, found["x.needed"].meaning) == ("required", "ABC stays")


def build(nodes: int, degree: int, seed: int, *, share: Annotated[float, Field(ge=0)] = 0.5, loose=3) -> None:
    """Build.

    Parameters
    ----------
    share, loose
        Two options
        of one kind.

    Returns
    -------
    nothing
        At all.
    """


def test_functions_are_described_by_their_signature():
    first, second = describe.of_function(build, 3, "graph.")
    assert first.line() == "- `graph.share` = 0.5 (number, at least 0): two options of one kind"
    assert (second.key, second.type, second.meaning) == ("graph.loose", "anything", first.meaning)


def test_json_and_plain_lists(capsys):
    main(["presets", "--describe", "--json"])
    assert json.loads(capsys.readouterr().out) == reference.presets_rows()
    main(["llm", "recipes", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["tiny"]["heating"]["below"] == found["tiny"]["heating"]["max_accuracy"]


def test_recipes_are_described_without_torch():
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from conet.cli import main; main(['llm', 'recipes', '--describe'])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def test_a_description_keeps_the_capitals_of_a_name():
    described = {row["key"]: row for row in reference.presets_rows() if "of" not in row}
    assert "GraphML" in described["graph.file"]["meaning"]
    assert "(text or none): GraphML file" in reference.presets_page()
