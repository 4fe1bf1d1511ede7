"""The web of real texts: of our own trainings of language models, and of logs and texts of others.

    conet llm train routes --out runs/routes --set keep_text=true
    python verification/smollm2.py                                   # leaves runs/smollm2/RLVR and …/temperature
    python verification/real_webs.py --runs runs --minerva minerva.jsonl --write docs/results-web.md

Each is read by `conet web`; no thresholds, no verdicts. In `routes` each character names a node, so concepts are known
(a vector for each character), and so is what a right answer is made of: edges of the graph. In `smollm2-cpu` a line is a
step. What is done is not done again.
"""

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from pages import put, shown

from conet.base.files import write_atomic
from conet.llm import routes
from conet.runs import recipe
from conet.runs.run import Run

HERE = Path(__file__).parent
MARK, END = "<!-- real texts -->", "<!-- end of real texts -->"
MOST = 200
LAST = 50  # updates
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz:"


def hops(text: str) -> list[str]:
    """Split a route: each character is a node."""
    return list(text)


def nodes(texts: list[str]) -> np.ndarray:
    """Return a vector of its own for each character."""
    return np.eye(len(ALPHABET))[[ALPHABET.index(text) for text in texts]]


def totals(texts: list[str]) -> np.ndarray:
    """Return a vector of its own for each number that a line of a sum ends with: where the sum stands.

    Numbers above 200, and lines without one, share the last.
    """
    ends = [re.search(r"= *(\d+) *$", text) for text in texts]
    return np.eye(MOST + 2)[[min(int(end[1]), MOST + 1) if end else MOST + 1 for end in ends]]


@dataclass(frozen=True)
class Texts:
    """What is read, how, and where its web is kept."""

    name: str
    place: Path
    options: tuple[str, ...]
    kept: str


def known(given: argparse.Namespace) -> list[Texts]:
    """Return what there is."""
    lines, own = ("--split", "lines"), HERE / "real_webs.py"
    of_routes = ("--split", f"{own}:hops", "--embedding", f"{own}:nodes")
    of_sums = (*lines, "--embedding", f"{own}:totals")
    found = [Texts("`routes`: a node a step, known concepts", given.runs / "routes", of_routes, "routes")]
    if found[0].place.exists():
        end = end_of(given.runs / "routes", given.out / "routes-end.parquet")
        found.append(
            Texts("the same, last 50 updates", end, (*of_routes, "--map", "problem=problem"), "routes-end")
        )
    for arm in ("RLVR", "temperature"):
        place, name = given.runs / "smollm2" / arm, f"`smollm2-cpu`, {arm}: a line a step"
        found.append(Texts(name, place, lines, arm))
        found.append(Texts(f"{name}, concept its running total", place, of_sums, f"{arm}-totals"))
    verl = HERE.parent / "tests" / "data" / "verl" / "rollout"
    found.append(Texts("sums of a random model, as verl wrote them (`tests/data/verl`)", verl, lines, "verl"))
    if given.minerva:
        solutions = written_by_people(given.minerva, given.out / "minerva.jsonl")
        found.append(Texts("solutions of Minerva problems, written by people", solutions, (), "minerva"))
    return [one for one in found if one.place.exists()]


def end_of(run: Path, place: Path) -> Path:
    """Write the rollouts of the last updates as a log of their own, and return where."""
    rows = Run(run).rollouts().filter(pl.col("split") == "train").collect()
    last = rows.filter(pl.col("step") > rows["step"].max() - LAST)
    place.parent.mkdir(parents=True, exist_ok=True)
    last.select("step", "problem", "reward", completion="text").write_parquet(place)
    return place


def written_by_people(problems: Path, place: Path) -> Path:
    """Write problems with solutions as a log of one step, and return where."""
    rows = [json.loads(line) for line in problems.read_text(encoding="utf-8").splitlines()]
    lines = [
        {"step": 0, "prompt": row["problem"], "completion": row["solution"], "reward": 1.0} for row in rows
    ]
    place.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(place, "".join(json.dumps(line) + "\n" for line in lines))
    return place


def find_web(texts: Path, out: Path, options: Sequence[str]) -> dict[str, Any]:
    """Find the web of texts, if it is not there, and return its numbers."""
    if not (out / "web.json").exists():
        out.parent.mkdir(parents=True, exist_ok=True)
        called = [sys.executable, "-m", "conet", "web", str(texts), "--out", str(out), "--json"]
        subprocess.run([*called, *options], check=True, stdout=subprocess.DEVNULL)
    return dict(json.loads((out / "web.json").read_text(encoding="utf-8")))


def row(texts: Texts, place: Path) -> str:
    """Return what is told of a web."""
    web = find_web(texts.place, place, texts.options)
    numbers = [f"{web[name]:,}" for name in ("rollouts", "steps", "texts", "concepts")]
    numbers += [shown(web["silhouette"]), shown(web["stability"])]
    numbers += [f"{web['significant_edges']} of {web['edges']}", str(web["shuffled"]["significant_edges"])]
    numbers += [shown(web["web"]["mean_degree"]), str(web["web"]["islands"])]
    return f"| {texts.name} | " + " | ".join([*numbers, freezing(place)]) + " |"


def freezing(place: Path) -> str:
    """Return the effective out-degree in the first and in the last stretch, and of shuffled steps in brackets."""
    moments = pl.read_parquet(place / "moments.parquet")
    if moments.height < 2:
        return "–"
    ends = [moments.row(at, named=True) for at in (0, -1)]
    both = [
        f"{shown(end['effective_out_degree'])} ({shown(end['effective_out_degree_shuffled'])})"
        for end in ends
    ]
    return " → ".join(both)


def true_edges(place: Path) -> str:
    """Say how many of the significant edges of `routes` are edges of its graph, and of the taken ones."""
    settings = recipe.load("routes").problems
    graph = routes.graph_of(settings)
    concepts = pl.read_parquet(place / "concepts.parquet").sort("concept")["label"].to_list()
    node = {routes.written([at], settings.nodes): at for at in range(settings.nodes)}
    edges = pl.read_parquet(place / "edges.parquet").filter(pl.col("source") != pl.col("target"))
    shares = []
    for chosen in (edges.filter(pl.col("significant")), edges.filter(~pl.col("significant"))):
        ends = [(node.get(concepts[one]), node.get(concepts[other])) for one, other, *_ in chosen.rows()]
        there = [one is not None and other in routes.neighbours(graph, one) for one, other in ends]
        shares.append(f"{sum(there)} of {len(there)}")
    return (
        f"In `routes`, {shares[0]} significant transitions are edges of the graph; of the transitions that "
        f"are not significant {shares[1]}."
    )


def main() -> None:
    """Find the webs and put the table into the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--minerva", type=Path, help="its problems with solutions, as JSON lines")
    parser.add_argument("--out", type=Path, default=Path("runs/webs"))
    parser.add_argument("--write", type=Path)
    given = parser.parse_args()
    heads = ["texts", "rollouts", "steps", "different", "concepts", "silhouette", "stability"]
    heads += ["significant edges", "the same, shuffled", "degree", "islands"]
    heads += ["effective out-degree, begin → end (shuffled)"]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for texts in known(given):
        place = given.out / texts.kept
        lines.append(row(texts, place))
        print(lines[-1], flush=True)
        if texts.kept == "routes":
            print(true_edges(place))
    if (given.out / "routes" / "web.json").exists():
        lines += ["", true_edges(given.out / "routes")]
    if given.write:
        put(given.write, MARK, END, "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
