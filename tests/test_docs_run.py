"""The code of the documents runs as it stands: commands and Python, in the order of a page, on tiny runs."""

import json
import os
import re
import runpy
import shutil

import pytest
from documents import ROOT, blocks, commands

import conet
from conet import cli, report
from conet.config import PRESETS
from conet.report import comparison as report_of_comparison
from conet.report import diagnosis as report_of_diagnosis

# Pages whose code is run as it stands; that of the others is held against the command line and what can be imported.
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PAGES = [page for page in PAGES if not all(block.reason for block in blocks(page))]
# Not run, only held against the command line; why, and where they are run.
NOT_RUN = {
    "reproduce": "minutes to an hour: tests/test_reproduce.py",
    "sweep": "minutes, in processes of its own: tests/test_sweep.py",
    "serve": "until it is stopped: tests/test_serve.py",
    "watch": "until it is stopped: tests/test_watch.py",
    "bench": "a minute: tests/test_bench.py",
    "capacity": "a minute: tests/test_ground_state.py",
    "animate": "draws for a minute: tests/test_export.py",
    "llm": "needs the extra [llm]: tests/test_llm_cli.py",
    "web": "needs the extra [traces]: tests/test_traces_model.py",
}
SMALL = {
    "steps": 12,
    "graph.nodes": 700,
    "graph.degree": 6,
    "problems.count": 6,
    "problems.max_length": 8,
    "learner.learning_rate": 12.0,
    "snapshots.web_every": 50,
}
# What a line of Python prints of a file in the repository, shown behind it.
PRINTED = re.compile(r"# ([A-Z]\w+\('tests/data/.+\))$", re.MULTILINE)
RUNS = ("RUN", "first", "my-observable", "reference-s0-<time>")
RUNS += tuple(f"{arm}-s{seed}" for arm in ("a", "b", "g8", "g32") for seed in (0, 1))
LOGS = (
    "path/to/rollouts",
    "before/rollouts",
    "after/rollouts",
    "logs/before",
    "logs/after",
    "OUTPUT_DIR",
    "PATH",
)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """What the documents speak of: runs and logs by their names, tiny."""
    place = tmp_path_factory.mktemp("docs")
    for seed in (0, 1):
        for rollouts in (4, 8):
            own = SMALL | {"seed": seed, "learner.rollouts": rollouts}
            conet.run(conet.preset("smoke").override(own), place / f"runs/{seed}-{rollouts}")
    for name in RUNS:
        made = f"{int('s1' in name)}-{8 if name.startswith(('b', 'g32')) else 4}"
        shutil.copytree(place / "runs" / made, place / "runs" / name)
    shutil.copytree(place / "runs/RUN", place / "RUN")
    for name in LOGS:
        shutil.copytree(ROOT / "tests/data/trl/plain", place / name)
    rows = [
        {
            "step": step,
            "global_step": step,
            "prompt": f"p{problem}",
            "question": f"q{problem}",
            "completion": "c" * (step + 1),
            "match_reward": float((step + problem) % 2),
            "brevity_reward": 0.5,
            "reward_status": ("failed", "verified_pass")[(step + problem) % 2],
        }
        for step in range(9)
        for problem in range(4)
        for _ in range(2)
    ]
    (place / "rollouts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    own = place / "path/to/logs/epoch-1"
    own.mkdir(parents=True)
    asked = {"question": "q", "answer": "a", "verified": True, "tokens": 7}
    lines = (json.dumps(asked | {"update": step, "question": f"q{p}"}) for step in range(9) for p in range(4))
    (own / "rollouts.jsonl").write_text("\n".join(lines))
    grouped = place / "path/to/groups"
    grouped.mkdir()
    answers = [{"text": "a", "verified": True}, {"text": "b", "verified": False}]
    groups = (
        {"update": step, "question": f"q{p}", "answers": answers} for step in range(9) for p in range(4)
    )
    (grouped / "rollouts.jsonl").write_text("\n".join(map(json.dumps, groups)))
    for name in ("tests", "docs", "examples"):
        os.symlink(ROOT / name, place / name)
    for name in ("reader", "finding", "figure", "learner", "graph", "schedule", "observable"):
        shutil.copy(ROOT / f"docs/skeletons/{name}.py", place / f"my_{name}.py")
        shutil.copy(ROOT / f"docs/skeletons/{name}.py", place / f"path/to/{name}.py")
    return place


@pytest.fixture
def world(prepared, tmp_path, monkeypatch):
    place = tmp_path / "world"
    shutil.copytree(prepared, place, symlinks=True)
    monkeypatch.chdir(place)
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.setattr(report, "write", lambda run, *_, **__: (run.path / "report.html").write_text("x"))
    for module in (report_of_comparison, report_of_diagnosis):
        monkeypatch.setattr(module, "write", plainly(module.write))
    for name, (text, _) in list(PRESETS.items()):
        monkeypatch.setitem(PRESETS, name, (text, SMALL))
    return place


def plainly(write):
    """Leave out the figures of a report, which take seconds to draw, where none of one's own is asked for."""

    def plain(found, out, drawers=None, figures=()):
        if figures:
            return write(found, out, drawers, figures=figures)
        (out / "report.html").write_text("x")
        return out / "report.html"

    return plain


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_code_of_a_page_runs(page, world, capsys):
    """Commands and Python in the order of the page, each in the folder that the ones before it left."""
    names: dict = {}
    for block in blocks(page):
        if block.reason:
            continue
        if block.kind == "python":
            capsys.readouterr()
            exec(compile(block.text, str(block), "exec"), names)
            said = capsys.readouterr().out
            for shown in PRINTED.findall(block.text):
                agrees(shown, said, str(block), whole=False)
        for words, output in commands(block) if block.kind == "console" else ():
            if words[0] == "cp":
                shutil.copy(words[1], words[2])
            elif words[0] == "conet" and words[1] not in NOT_RUN:
                capsys.readouterr()
                call(words[1:], output)
                said = capsys.readouterr()
                if "tests/data" in " ".join(words):
                    agrees(output, said.out, str(block))


def call(words: list[str], output: str) -> None:
    """Run a command; a place that an earlier page's command would fill is cleared, as for a reader who begins."""
    if "--out" in words and words[0] == "run":
        shutil.rmtree(words[words.index("--out") + 1], ignore_errors=True)
    if "--format" in words and "PATH" in words:
        own = "path/to/groups" if "my_reader.py:rows" in words else "path/to/logs"
        words = [own if word == "PATH" else word for word in words]
    if output.startswith("conet: got"):  # shown to be refused
        with pytest.raises(SystemExit, match="2"):
            cli.main(words)
    elif "logs/" not in words:  # which stands for columns that are not at hand
        cli.main(words)


def agrees(shown: str, said: str, where: str, whole: bool = True) -> None:
    """Hold the shown output against the real one, all of it; an ellipsis stands for anything."""
    real, at = " ".join(said.split()), 0
    pieces = [" ".join(part.split()) for part in shown.split("…")]
    for piece in pieces:
        found = real.find(piece, at)
        assert found >= 0, f"{where}: {piece!r} is not in {real[at : at + 600]!r}"
        at = found + len(piece)
    if whole and shown.strip():
        assert real.startswith(pieces[0]), f"{where}: it begins with {real[:200]!r}"
        assert not pieces[-1] or at == len(real), f"{where}: {real[at:]!r} follows, without an ellipsis"


@pytest.mark.parametrize("shown", ["b c", "a b", "a … b", "… b", "a x c"])
def test_an_output_that_is_not_all_of_it_is_seen(shown):
    agrees("a … c", "a b\nc", "here")
    with pytest.raises(AssertionError, match="here: "):
        agrees(shown, "a b\nc", "here")


@pytest.mark.parametrize("name", ["an_idea_of_your_own", "watch_a_web_grow", "your_own_run"])
def test_a_notebook_runs_from_the_first_cell_to_the_last(name, world):
    run_notebook(name)


@pytest.mark.neural
@pytest.mark.traces
def test_the_notebook_on_transformers_finds_only_edges_that_were_walked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    left = run_notebook("does_a_transformer_obey")
    assert left["edges"]
    assert set(left["edges"]) <= left["walked"]


def run_notebook(name):
    """Run all cells, and return what they leave."""
    path = ROOT / f"examples/notebooks/{name}.py"
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# %% [markdown]\n# # ")
    assert text.count("# %%\n") >= 2
    return runpy.run_path(str(path))
