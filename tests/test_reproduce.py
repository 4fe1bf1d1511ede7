"""``conet reproduce``: rows, pages and figures; faults are told and sink nothing else."""

import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import work

from conet import cli
from conet.base.errors import ConetError
from conet.cells.cell import Cell
from conet.claims import CLAIMS, chosen
from conet.judging.claim import Claim, Table
from conet.judging.judgement import judge
from conet.judging.pages import NOT_OURS, OURS
from conet.judging.reproduce import reproduce
from conet.report import style


def answer_to(names=(), **arguments):
    return reproduce(chosen(names, "full"), **arguments)


def tiny(name="C1", functions=("double",), place="", **parts) -> Claim:
    def cells(scale):
        return [
            Cell(f"work:{function}", {"number": seed, "place": f"{place}/{function}{seed}"})
            for function in functions
            for seed in range(scale.seeds)
        ]

    def judge_rows(results):
        return [judge("C1", "twice the seed", [float(run["number"]) for _, run in results.pairs], 100.0)]

    defaults = {"title": "a < b & c", "method": "none", "cells": cells, "judge": judge_rows}
    return Claim(name=name, **{**defaults, **parts})


@pytest.fixture
def declared(monkeypatch, tmp_path):
    import conet.claims

    def enter(*claims):
        monkeypatch.setattr(conet.claims, "CLAIMS", {each.name: each for each in claims})
        return tmp_path

    return enter


def test_reproduce_leaves_verdicts_pages_and_figures(declared, tmp_path):
    def draw(results):
        figure = style.figure(1.0)
        figure.subplots().plot([float(run["number"]) for _, run in results.pairs])
        return [
            style.Picture(
                name="some-picture", title="A picture", caption="What it shows", svg=style.to_svg(figure)
            )
        ]

    table = Table("Numbers", ("a", "b"), (("1", "2|3"),))
    out = declared(tiny(place=tmp_path, draw=draw, tables=lambda results: [table])) / "out"
    answer = answer_to(["c1"], out=out, seeds=6)
    (row,) = answer["verdicts"]
    assert set(row) >= {"claim", "statistic", "estimate", "ci", "threshold", "seeds", "verdict"}
    assert (row["claim"], row["estimate"], row["verdict"], row["seeds"]) == ("C1", 5.0, "fails", 6)
    assert json.loads((out / "verdicts.json").read_text()) == answer
    page = (out / "report.html").read_text()
    assert "a &lt; b &amp; c" in page
    assert "<svg" in page
    assert "2\\|3" in (out / "results.md").read_text()
    ElementTree.parse(out / "figures" / "some-picture.svg")


def test_failed_cells_are_told_and_the_rest_is_estimated(declared, tmp_path):
    out = declared(tiny(functions=("double", "wrong"), place=tmp_path)) / "out"
    answer = answer_to(out=out, seeds=6)
    assert [row["estimate"] for row in answer["verdicts"]] == [5.0]
    assert len(answer["failures"]) == 6
    assert "no luck with 1" in (out / "results.md").read_text()
    assert "no luck with 1" in (out / "report.html").read_text()


def test_a_claim_without_any_result_is_undecided(declared, tmp_path):
    out = (
        declared(tiny(functions=("wrong",), place=tmp_path, of_paper=True), tiny(name="C2", place=tmp_path))
        / "out"
    )
    answer = answer_to(out=out, seeds=6)
    first, second = answer["verdicts"]
    assert (first["claim"], first["verdict"], first["seeds"]) == ("C1", "undecided", 0)
    assert "no luck" in first["statistic"]
    assert first["estimate"] is None
    assert second["verdict"] == "fails"
    json.dumps(answer, allow_nan=False)


def test_quick_is_for_the_first_eight_claims():
    quick = list(chosen([], "quick"))
    assert quick == [f"C{number}" for number in range(1, 9)]
    assert list(chosen([], "full")) == list(CLAIMS)
    assert list(chosen(["c3", "C1", "C3"], "quick")) == ["C3", "C1"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["C1O"],
        ["C1", "--seeds", "1"],
        ["--quick", "--exhaustive"],
        ["--jobs", "0"],
        ["--seeds", "2.5"],
        ["--jobs", "1.5"],
        ["--backend", "dask"],
    ],
)
def test_a_wrong_call_is_one_line(arguments, tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main(["reproduce", *arguments, "--out", str(tmp_path / "out")])
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("conet: got ")


def test_the_command_prints_verdicts(declared, tmp_path, capsys):
    declared(tiny(place=tmp_path))
    cli.main(["reproduce", "--seeds", "2", "--out", str(tmp_path / "out"), "--jobs", "1"])
    assert capsys.readouterr().out.startswith("C1   undecided twice the seed, at least 100: 1 [-11.7, 13.7]")
    cli.main(["reproduce", "--seeds", "2", "--out", str(tmp_path / "out"), "--jobs", "1", "--json"])
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["verdicts"][0]["claim"] == "C1"


def test_an_unknown_claim_names_the_nearest():
    with pytest.raises(ConetError, match="unknown claim 'finite-sise'") as caught:
        chosen(["finite-sise"], "full")
    assert "finite-size" in str(caught.value)


def test_verdicts_are_undecided_where_more_than_a_tenth_of_the_cells_failed(declared, tmp_path):
    def mostly(count):
        def cells(scale):
            good = [Cell("work:double", {"number": n, "place": f"{tmp_path}/d{n}"}) for n in range(9)]
            return good + [
                Cell("work:wrong", {"number": n, "place": f"{tmp_path}/w{n}"}) for n in range(count)
            ]

        return tiny(place=tmp_path, cells=cells)

    out = declared(mostly(1)) / "one"
    assert answer_to(out=out, seeds=6)["verdicts"][0]["verdict"] == "fails"
    out = declared(mostly(2)) / "two"
    (row,) = answer_to(out=out, seeds=6)["verdicts"]
    assert row["verdict"] == "undecided"
    assert "(2 of 11 cells failed)" in row["statistic"]


def test_a_further_claim_without_any_result_has_no_row_and_is_named(declared, tmp_path, capsys):
    out = (
        declared(tiny(name="finite-size", functions=("wrong",), place=tmp_path), tiny(place=tmp_path)) / "out"
    )
    answer = answer_to(out=out, seeds=2)
    assert [row["claim"] for row in answer["verdicts"]] == ["C1"]
    assert len(answer["failures"]) == 2
    with pytest.raises(SystemExit, match="2"):
        cli.main(["reproduce", "--seeds", "2", "--out", str(out), "--jobs", "1", "--json"])
    printed = capsys.readouterr()
    assert "failed number=1 place=" in printed.err
    assert printed.err.splitlines()[-1].startswith("conet: got no result from 2 cells")
    assert len(json.loads(printed.out.splitlines()[-1])["failures"]) == 2


def test_a_folder_that_holds_something_else_is_left_alone(declared, tmp_path, capsys):
    declared(tiny(place=tmp_path))
    out = tmp_path / "mine"
    out.mkdir()
    (out / "results.md").write_text("mine")
    with pytest.raises(SystemExit, match="2"):
        cli.main(["reproduce", "--seeds", "2", "--out", str(out), "--jobs", "1"])
    (line,) = capsys.readouterr().err.splitlines()
    assert "which is not empty" in line
    assert [path.name for path in out.iterdir()] == ["results.md"]
    assert (out / "results.md").read_text() == "mine"


def test_pages_of_a_few_claims_do_not_replace_those_of_more(declared, tmp_path):
    out = declared(tiny(place=tmp_path), tiny(name="C2", place=tmp_path)) / "out"
    answer_to(["C2"], out=out, seeds=2)
    assert "## C2" in (out / "results.md").read_text()
    whole = answer_to(out=out, seeds=2)
    assert whole["pages"] == whole["out"] == str(out)
    kept = {name: (out / name).read_text() for name in ("results.md", "report.html", "verdicts.json")}
    part = answer_to(["C2"], out=out, seeds=2)
    assert part["pages"] == str(out / "C2")
    assert {name: (out / name).read_text() for name in kept} == kept
    assert json.loads((out / "C2" / "verdicts.json").read_text())["claims"] == ["C2"]
    assert "## C1" not in (out / "C2" / "results.md").read_text()


def test_pages_that_version_0_1_left_are_known_by_their_rows(declared, tmp_path):
    out = declared(tiny(place=tmp_path)) / "out"
    answer_to(out=out, seeds=2)
    old = {"verdicts": [{"claim": "C1"}, {"claim": "C7"}]}
    (out / "verdicts.json").write_text(json.dumps(old))
    assert answer_to(["C1"], out=out, seeds=2)["pages"] == str(out / "C1")


def test_the_documentation_is_written_from_the_kept_cells(declared, tmp_path, monkeypatch):
    def draw(results):
        figure = style.figure(1.0)
        figure.subplots().plot([1, 2])
        return [
            style.Picture(
                name="some-picture", title="A picture", caption="What it shows", svg=style.to_svg(figure)
            )
        ]

    declared(
        tiny(place=tmp_path, of_paper=True, draw=draw),
        tiny(name="sizes", place=tmp_path, functions=("killed_once",)),
    )
    docs, out = tmp_path / "docs", tmp_path / "out"
    monkeypatch.setattr("work.killed_once", work.double)
    answer = answer_to(out=out, seeds=2, write=docs, command="conet reproduce --seeds 2")
    assert "## C1: " in (docs / "results.md").read_text()
    assert "sizes" not in (docs / "results.md").read_text()
    assert "## sizes: " in (docs / "results-regimes.md").read_text()
    assert (docs / "figures" / "some-picture.svg").exists()
    kept = json.loads((docs / "verdicts.json").read_text())
    assert kept == {name: value for name, value in answer.items() if name not in ("out", "pages")}
    before = (docs / "results.md").read_bytes()
    (docs / "results.md").write_text(f"{OURS}\n\n{NOT_OURS}\n\nOf another program.\n")
    calls = work.called(str(tmp_path / "double0"))
    cli.main(["reproduce", "--seeds", "2", "--out", str(out), "--jobs", "1", "--write", str(docs)])
    assert work.called(str(tmp_path / "double0")) == calls
    own = f"\n{NOT_OURS}\n\nOf another program.\n".encode()
    assert (docs / "results.md").read_bytes() == before + own


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("# My results\n", "which `conet reproduce` did not write"),
        (
            "# Results\n\nMade by `conet reproduce`.\n\n## C1: a\n\n## C7: b\n",
            "with C7, which this call does not judge",
        ),
    ],
)
def test_pages_that_would_be_lost_are_refused_before_anything_runs(
    content, words, declared, tmp_path, capsys
):
    declared(tiny(place=tmp_path, of_paper=True))
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "results.md").write_text(content)
    with pytest.raises(SystemExit, match="2"):
        cli.main(["reproduce", "C1", "--seeds", "2", "--out", str(tmp_path / "out"), "--write", str(docs)])
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line
    assert (docs / "results.md").read_text() == content
    assert not (tmp_path / "out").exists()


SKELETON = Path(__file__).parent.parent / "docs/skeletons/claim.py"


def test_the_skeleton_of_a_claim_runs_by_its_own_command(tmp_path, capsys):
    command = re.search(r"\$ (conet reproduce .*)$", SKELETON.read_text(), re.MULTILINE)
    words = command.group(1).replace("path/to/claim.py", str(SKELETON)).split()
    cli.main([*words[1:], "--out", str(tmp_path / "out"), "--jobs", "2", "--json"])
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    (row,) = answer["verdicts"]
    assert (row["claim"], row["seeds"], row["judgement"], row["verdict"]) == ("my-claim", 6, "holds", "holds")
    assert answer["claims"] == ["my-claim"]
    page = (tmp_path / "out" / "results.md").read_text()
    assert f"Command: `conet reproduce {SKELETON}:CLAIM --seeds 6`" in page


def test_a_file_without_a_claim_is_one_line(tmp_path):
    (tmp_path / "mine.py").write_text("CLAIM = 3\n")
    with pytest.raises(ConetError, match="a Claim"):
        chosen([f"{tmp_path}/mine.py:CLAIM"], "full")
    with pytest.raises(ConetError, match="no 'OTHER' in"):
        chosen([f"{tmp_path}/mine.py:OTHER"], "full")


def test_a_claim_whose_functions_fail_is_named_and_its_cells_are_kept(declared, tmp_path):
    out = declared(tiny(place=tmp_path, judge=lambda results: [1 / 0])) / "out"
    with pytest.raises(ConetError, match="claim 'C1': ZeroDivisionError"):
        answer_to(out=out, seeds=2)
    assert len(list((out / "cells").iterdir())) == 2


def test_two_claims_of_one_name_are_refused(declared, tmp_path):
    declared(tiny(name="my-claim", place=tmp_path))
    with pytest.raises(ConetError, match="two claims called 'my-claim'"):
        answer_to(["my-claim", f"{SKELETON}:CLAIM"], out=tmp_path / "out", seeds=2)


def test_the_help_names_every_claim(capsys):
    cli.main(["reproduce", "--help"])
    text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    for name in CLAIMS:
        assert name in text or re.fullmatch("C[1-9]", name)
