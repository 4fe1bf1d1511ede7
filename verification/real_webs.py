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
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from conet.base.files import write_atomic
from conet.llm import routes
from conet.runs import recipe

HERE = Path(__file__).parent
MARK, END = "<!-- real texts -->", "<!-- end of real texts -->"
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz:"


def hops(text: str) -> list[str]:
    """Split a route: each character is a node."""
    return list(text)


def nodes(texts: list[str]) -> np.ndarray:
    """Return a vector of its own for each character."""
    return np.eye(len(ALPHABET))[[ALPHABET.index(text) for text in texts]]


@dataclass(frozen=True)
class Texts:
    """What is read, and how."""

    name: str
    place: Path
    options: tuple[str, ...]


def known(given: argparse.Namespace) -> list[Texts]:
    """Return what there is."""
    lines = ("--split", "lines")
    of_routes = ("--split", f"{HERE / 'real_webs.py'}:hops", "--embedding", f"{HERE / 'real_webs.py'}:nodes")
    verl = HERE.parent / "tests" / "data" / "verl" / "rollout"
    found = [
        Texts("`routes`: characters, a node each", given.runs / "routes", of_routes),
        Texts("`smollm2-cpu`, RLVR: a line a step", given.runs / "smollm2" / "RLVR", lines),
        Texts("`smollm2-cpu`, temperature", given.runs / "smollm2" / "temperature", lines),
        Texts("rollouts that verl wrote (`tests/data/verl`), sums of a random model", verl, lines),
    ]
    if given.minerva:
        found.append(Texts("solutions of Minerva problems, written by people", given.minerva, ()))
    return [one for one in found if one.place.exists()]


def web_of(texts: Texts, out: Path) -> Path:
    """Find the web, if it is not there, and return its place."""
    place = out / texts.place.name
    if not (place / "web.json").exists():
        called = [sys.executable, "-m", "conet", "web", str(texts.place), "--out", str(place), "--json"]
        subprocess.run([*called, *texts.options], check=True, stdout=subprocess.DEVNULL)
    return place


def row(texts: Texts, place: Path) -> str:
    """Return what is told of a web."""
    web = json.loads((place / "web.json").read_text(encoding="utf-8"))
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


def shown(value: float | None) -> str:
    """Write a number with three digits; a dash where there is none."""
    return "–" if value is None or not np.isfinite(value) else f"{value:.3g}"


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
        place = web_of(texts, given.out)
        lines.append(row(texts, place))
        print(lines[-1], flush=True)
        if texts.place.name == "routes":
            print(true_edges(place))
    if (given.out / "routes" / "web.json").exists():
        lines += ["", true_edges(given.out / "routes")]
    if given.write:
        page = given.write.read_text(encoding="utf-8")
        before, mark, rest = page.partition(MARK + "\n")
        assert mark, f"{given.write} has no {MARK}"
        write_atomic(given.write, before + mark + "\n".join(lines) + "\n" + rest[rest.index(END) :])


if __name__ == "__main__":
    main()
