"""What the documentation says is there: declarations, links, commands, settings, imports."""

import ast
import importlib.util
import json
import re
import runpy
import shlex
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
from documents import DOCUMENTS, ROOT, anchors, blocks, commands, links, names_in

import conet
from conet import cli
from conet.base.errors import ConetError
from conet.cells.sweep_file import read as read_grid
from conet.claims import CLAIMS
from conet.config import aliases
from conet.config.pairs import parse_pairs
from conet.runs import events, recipe

BLOCKS = [block for page in DOCUMENTS for block in blocks(page)]
OTHER_PROGRAMS = {
    ".",
    "accelerate",
    "bash",
    "cd",
    "cp",
    "git",
    "jupyter",
    "jupytext",
    "pip",
    "python",
    "python3",
}


def test_the_page_of_results_says_what_the_claims_declare():
    """But for a claim whose run is not in the documentation yet."""
    pages = ("results.md", "results-regimes.md", "results-annealing.md")
    page = "".join((ROOT / "docs" / name).read_text(encoding="utf-8") for name in pages)
    shown = [claim for claim in CLAIMS.values() if claim.title in page]
    assert len(shown) >= 13
    for claim in shown:
        assert claim.method in page, claim.name


# Links --------------------------------------------------------------------------------------------------


def test_every_link_leads_to_a_file_and_every_anchor_to_a_heading():
    wrong, seen = [], 0
    for page in DOCUMENTS:
        for target in links(page):
            if re.match(r"\w+:", target):
                continue
            seen += 1
            place, _, anchor = target.partition("#")
            file = (page.parent / place).resolve() if place else page
            if not file.exists():
                wrong.append(f"{page.relative_to(ROOT)}: {target}")
            elif anchor and anchor not in anchors(file):
                wrong.append(f"{page.relative_to(ROOT)}: {target}, which has no such heading")
    assert not wrong
    assert seen > 150  # else nothing was tested


def test_every_row_of_a_table_has_as_many_cells_as_its_head():
    """A bar within a cell ends it, unless a backslash stands before it: what follows moves a column on."""
    wrong, seen = [], 0
    for page in DOCUMENTS:
        head, fenced = 0, False
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
            fenced ^= line.lstrip().startswith("```")
            if fenced or not line.startswith("|"):
                head = 0
                continue
            cells = len(re.findall(r"(?<!\\)\|", line))
            head = head or cells
            seen += 1
            if cells != head:
                wrong.append(f"{page.relative_to(ROOT)}:{number}")
    assert not wrong
    assert seen > 500  # else nothing was tested


def test_the_site_has_every_page_once():
    """What mkdocs.yml does not name, the site shows under *Further*."""
    named = re.findall(r"([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)
    made = {"index.md", "contributing.md", "changelog.md", "verification.md"}
    made |= {"reference/python.md", "reference/command-line.md"}
    assert len(named) == len(set(named))
    assert not [name for name in named if name not in made and not (ROOT / "docs" / name).exists()]


def test_links_of_the_site_lead_to_its_own_pages():
    mkdocs = pytest.importorskip("mkdocs", reason="needs the extra [docs]; the site is built in .ci/run")
    assert mkdocs
    hooks = runpy.run_path(str(ROOT / "docs/site/hooks.py"))
    moved = hooks["moved_links"]
    assert moved("how-to/add.md", "[a](../schedules.md#x)") == "[a](../schedules.md#x)"
    assert moved("index.md", "[a](docs/page.md)") == "[a](page.md)"
    assert moved("unknown.md", "[a](../README.md#two-commands)") == "[a](index.md#two-commands)"
    assert moved("llm.md", "[a](../examples/my_learner.py)") == "[a](files/examples/my_learner.py)"
    assert moved("llm.md", "```\n[a](../README.md)\n```") == "```\n[a](../README.md)\n```"


def test_the_reference_shows_placeholders_and_names_as_they_are():
    """A <name> would be a tag of which nothing is seen; a role of reST is no text."""
    pytest.importorskip("mkdocs", reason="needs the extra [docs]; the site is built in .ci/run")
    hooks = runpy.run_path(str(ROOT / "docs/site/hooks.py"))
    page = hooks["command_page"]()
    assert "runs/&lt;preset&gt;-s&lt;seed&gt;-&lt;time&gt; by default" in page
    assert page.count("(#conet-run)") == 1  # one list of the commands, not two
    reference = SimpleNamespace(file=SimpleNamespace(src_uri="reference/python.md"))
    html = hooks["on_page_content"](
        "(:class:<code>~conet.runs.Setup</code>, :func:<code>conet.run</code>)", reference
    )
    assert html == "(<code>Setup</code>, <code>conet.run</code>)"


def test_the_page_of_run_directories_lists_every_event():
    text = (ROOT / "docs/run-directory.md").read_text()
    (row,) = (line for line in text.splitlines() if line.startswith("| `events.jsonl`"))
    assert set(events.NAMES) <= set(re.findall(r"`(\w+)`", row))


# What is said of 0.1 ------------------------------------------------------------------------------------


def table(name: str) -> dict[str, str]:
    text = (ROOT / "docs/migration.md").read_text(encoding="utf-8")
    part = text.partition(f"<!-- {name} -->")[2].partition("<!-- end -->")[0]
    return dict(re.findall(r"^\| `(.+?)` \| `(.+?)` \|$", part, re.MULTILINE))


@pytest.mark.parametrize(
    ("name", "known"),
    [("settings", aliases.SETTINGS), ("recipes", aliases.RECIPES), ("events", events._OLD)],
)
def test_the_page_of_migration_has_every_old_name(name, known):
    assert table(name) == known


# Code ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.kind == "python"], ids=str)
def test_every_block_of_python_is_python_and_imports_what_there_is(block):
    for node in ast.walk(ast.parse(block.text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("conet"):
            spec = importlib.util.find_spec(node.module)
            assert spec is not None, node.module
            there = names_in(Path(spec.origin)) if spec.origin else set()
            for alias in node.names:
                inner = (
                    importlib.util.find_spec(f"{node.module}.{alias.name}") if alias.name not in there else 1
                )
                assert inner, f"{block}: {node.module} has no {alias.name}"


def test_blocks_are_of_known_kinds():
    known = {"python", "console", "output", "toml", "json"}
    assert not [str(block) for block in BLOCKS if block.kind not in known]
    assert sum(block.kind == "console" for block in BLOCKS) > 30
    for block in BLOCKS:
        if block.kind in ("toml", "json"):
            (tomllib if block.kind == "toml" else json).loads(block.text)


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.kind == "console"], ids=str)
def test_every_command_is_one(block):
    for words, _ in commands(block):
        line = shlex.join(words)
        program = next(word for word in words if not re.match(r"[A-Z_]+=", word)).rpartition("/")[2]
        if program == "conet":
            check_options(words[words.index(next(w for w in words if w.endswith("conet"))) + 1 :])
        elif program in ("python", "python3") and any(word.endswith(".py") for word in words):
            script = ROOT / next(word for word in words if word.endswith(".py"))
            script = script if script.exists() else ROOT / "verification" / script.name
            text = script.read_text(encoding="utf-8")
            for option in (word.partition("=")[0] for word in words if word.startswith("--")):
                assert option in text, f"{block}: {line}"
        elif program == "pip":
            extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
            for wanted in re.findall(r"(?:\.|conet-rlvr)\[([\w,-]+)\]", line):
                assert set(wanted.split(",")) <= set(extras), f"{block}: {line}"
        else:
            assert program in OTHER_PROGRAMS | {"pytest", "pre-commit"}, f"{block}: {line}"


def check_options(words: list[str]) -> None:
    """Hold a command against the command line, and its settings against the settings."""
    words = words[: words.index("--")] if "--" in words else words
    cli.app.parse_args(words, exit_on_error=False, print_error=False)
    if "--set" not in words:
        return
    given = words[words.index("--set") + 1 :]
    pairs = given[: next((i for i, word in enumerate(given) if word.startswith("--")), len(given))]
    changes = {key: value for key, value in parse_pairs(pairs).items() if ".py:" not in str(value)}
    own = len(changes) < len(pairs)  # options of the user's own file are known to it alone
    if own:
        changes = {}
    if words[:2] == ["llm", "train"]:
        recipe.load(words[2]).override(changes)
    elif words[0] in ("run", "capacity"):
        conet.preset("reference").override(changes)


def test_the_grid_of_the_page_is_a_grid(tmp_path):
    (text,) = [block.text for block in BLOCKS if block.kind == "toml" and block.page.name == "sweeps.md"]
    (tmp_path / "grid.toml").write_text(text)
    assert read_grid(tmp_path / "grid.toml").measures


def test_a_setting_that_is_not_there_would_be_found():
    with pytest.raises(ConetError):
        check_options(["run", "--set", "problems.number=3"])
