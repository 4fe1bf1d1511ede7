"""Foreign strings never reach the terminal raw: escape sequences, bidirectional controls, line ends."""

import json
import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import get_args

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from logs import rollouts, two_stages

import conet
from conet.base.errors import ConetError
from conet.base.terminal import guarded, unfiltered
from conet.base.text import listed, one_line, visible
from conet.cli import app, main

RAW = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff]"
)
EVIL = "a\x1b[31m\x1b]0;t\x07\x9b2J\r\n\u2028INJECTED\u202e\u2066\u200fz\x7f"  # may be part of a file's name
GIVEN = ["--map", "reward=accuracy_reward"]
QUICK = ["--preset", "smoke", "--steps", "3", "--set", "graph.nodes=40", "graph.degree=5", "problems.count=6"]


# The function -------------------------------------------------------------------------------------------


@given(st.text(st.characters(), max_size=40))
def test_no_control_character_is_left_and_nothing_else_is_changed(text):
    shown = one_line(text)
    assert not RAW.search(shown)
    assert "\n" not in shown
    plain = RAW.sub("", text).replace("\n", "")
    if plain == text and not re.search("[\u00ad\u180e\ufff9-\ufffb\U000e0000-\U000e007f]", text):
        assert shown == text
    assert one_line(shown) == shown


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_a_json_text_stays_one_and_says_the_same(text):
    written = visible(json.dumps({"name": text}, ensure_ascii=False))
    assert json.loads(written) == {"name": text}


def test_what_scripts_need_stays():
    text = "naïve · ⟨k⟩ → 数学 می\u200cخواهم 👩\u200d🔬 e\u0301"
    assert one_line(text) == text
    assert listed(["a\nb", "c"]) == "a\\nb\nc"


def test_errors_show_what_they_got_on_one_line():
    text = str(ConetError(f"column {EVIL!s}", f"another than {EVIL}", f"rename {EVIL}"))
    assert not RAW.search(text)
    assert "\n" not in text
    assert "\\u001b[31m" in text


def test_streams_filter_whoever_writes_and_give_back_what_was_there(capsys):
    before = sys.stdout, sys.stderr
    with guarded():
        print(EVIL)
        print(EVIL, file=sys.stderr)
        unfiltered(sys.stdout).write("\x1b[1mbold")
    assert (sys.stdout, sys.stderr) == before
    captured = capsys.readouterr()
    assert not RAW.search(captured.err)
    assert captured.out.endswith("\x1b[1mbold")
    assert not RAW.search(captured.out.removesuffix("\x1b[1mbold"))


def test_figures_show_foreign_strings_as_they_are(tmp_path):
    from xml.etree import ElementTree

    from matplotlib.text import Text

    from conet.report import style

    with style.look():
        drawn = style.figure(2.0)
        axes = drawn.subplots()
        axes.plot([1, 1000], [1, 1000], label=f"{EVIL} $x^{{2}}$ costs $")
        axes.set(xscale="log", yscale="log", title=r"$\frac{unfinished$", xlabel=EVIL)
        axes.legend()
        svg = style.to_svg(drawn)
    ElementTree.fromstring(svg)  # control characters are no XML
    assert not [text for text in drawn.findobj(Text) if RAW.search(text.get_text())]
    assert any("mathdefault" in text.get_text() and text.get_parse_math() for text in drawn.findobj(Text))


# Every command -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return hostile_world(tmp_path_factory.mktemp("evil"), EVIL)


def hostile_world(place: Path, evil: str) -> Path:
    """Make a place where all names are hostile: a run, logs, files of settings."""
    config = conet.preset("smoke").override(
        {"steps": 3, "graph.nodes": 40, "graph.degree": 5, "problems.count": 6, "snapshots.steps": (0, 3)}
    )
    run = conet.run(config, place / f"run{evil}")
    (run.path / "report.html").write_text("")
    broken = conet.run(config, place / f"broken{evil}").path
    (broken / "summary.json").write_text(json.dumps({evil: 1}))
    rows = rollouts(two_stages(30, 8))
    rows = rows.with_columns(
        pl.col("prompt") + evil, pl.lit(evil).alias(evil), pl.lit(0.5).alias(f"{evil}_reward")
    )
    (place / f"log{evil}").mkdir()
    rows.write_ndjson(place / f"log{evil}" / f"rows{evil}.jsonl")
    (place / f"log{evil}" / f"torn{evil}.jsonl").write_text(evil)
    (place / f"columns{evil}.jsonl").write_text(json.dumps({evil: 1, "step" + evil: 2}) + "\n")
    (place / f"set{evil}.json").write_text(json.dumps({evil: 3}))
    (place / f"graph{evil}.graphml").write_text(evil)
    (place / f"own{evil}.py").write_text("def mine(observation): raise ValueError(" + ascii(evil) + ")")
    (place / f"sweep{evil}.json").write_text(
        json.dumps(
            {
                "preset": "smoke",
                "seeds": 1,
                "grid": {"observables": [[f"own{evil}.py:mine"]]},
                "cells": [],
                "measures": [],
            }
        )
    )
    (place / f"cases{evil}.jsonl").write_text(
        json.dumps({"gold": evil, "completion": evil, "right": 1}) + "\n"
    )
    return place


def commands(here: str = EVIL) -> list[list[str]]:
    """Calls in which something foreign is repeated: each command at least once."""
    run, log = f"run{here}", f"log{here}"
    return [
        ["run", "--preset", here],
        ["run", *QUICK, "--out", f"new{here}"],
        ["run", *QUICK, "--out", run],
        ["run", "--config", f"set{here}.json"],
        ["run", "--config", f"absent{here}.json"],
        ["run", "--set", f"{here}=1"],
        ["run", "--set", f"learner.name={here}"],
        ["run", "--set", f"learner.{here}=3"],
        ["run", "--set", f"learner.optimizer={here}"],
        ["run", "--set", "graph.kind=graphml", f"graph.file=graph{here}.graphml"],
        ["run", *QUICK, "observables=" + json.dumps([f"own{here}.py:mine"]), "--out", "never"],
        ["run", *QUICK, "observables=" + json.dumps([f"own{here}.py:{here}"]), "--out", "never"],
        ["run", f"--{here}", "3"],
        [here],
        ["resume", run],
        ["resume", here],
        ["resume", f"broken{here}"],
        ["report", run],
        ["report", f"broken{here}"],
        ["report", here],
        ["presets", here],
        ["reproduce", here],
        ["reproduce", f"own{here}.py:mine"],
        ["sweep", f"sweep{here}.json", "--jobs", "1", "--out", f"swept{here}"],
        ["sweep", f"absent{here}.json"],
        ["sweep", f"set{here}.json"],
        ["bench", here],
        ["capacity", "--preset", here],
        ["capacity", *QUICK[:2], *QUICK[4:], "--moves", "50", "--out", f"capacity{here}"],
        ["capacity", *QUICK[:2], *QUICK[4:], "--moves", "50", "--out", run],
        ["diagnose", log, "--out", f"other{here}"],
        ["diagnose", log, *GIVEN, "--out", f"diagnosed{here}"],
        ["diagnose", log, *GIVEN, "--out", f"diagnosed{here}", "--json"],
        ["diagnose", f"columns{here}.jsonl", "--out", f"other{here}"],
        ["diagnose", log, "--map", f"reward={here}", "--out", f"other{here}"],
        ["diagnose", log, "--map", f"{here}={here}", "--out", f"other{here}"],
        ["diagnose", log, "--format", here, "--out", f"other{here}"],
        ["diagnose", here, "--out", f"other{here}"],
        ["logs", log, *GIVEN],
        ["logs", log, *GIVEN, "--json"],
        ["logs", f"columns{here}.jsonl"],
        ["logs", here],
        ["heat", log, *GIVEN, "--out", f"heat{here}.jsonl"],
        ["heat", log, *GIVEN, "--out", f"no{here}/heat.jsonl"],
        ["heat", log, *GIVEN, "--target", "verl", "--tokenizer", here, "--out", f"heat{here}.parquet"],
        ["watch", log, *GIVEN, "--refreshes", "1", "--interval", "0", "--out", f"watched{here}"],
        ["watch", here, "--refreshes", "1", "--interval", "0", "--out", f"other{here}"],
        ["export", run, "--format", "csv", "--out", f"web{here}"],
        ["export", run, "--format", "csv", "--out", "web", "--step", here],
        ["export", here, "--format", "csv", "--out", "web"],
        ["web", log, *GIVEN, "--embedding", "words", "--out", f"concepts{here}"],
        ["web", log, *GIVEN, "--embedding", here, "--out", "concepts"],
        ["web", log, *GIVEN, "--embedding", "words", "--split", here, "--out", "concepts"],
        ["web", here, "--embedding", "words", "--out", "concepts"],
        ["animate", here, "--out", f"{here}.gif"],
        ["animate", run, "--out", f"{here}.txt"],
        ["serve", here],
        ["compare", run, f"new{here}", "--out", f"compared{here}"],
        ["compare", log, log, *GIVEN, "--out", f"logs{here}"],
        ["compare", here, run, "--out", f"other{here}"],
        ["llm", "train", here],
        ["llm", "train", "tiny", "--set", f"{here}=3"],
        ["llm", "init", f"{here}.toml", "--recipe", here],
        ["llm", "resume", here],
        ["llm", "eval", here, here],
        ["llm", "recipes", here],
        ["llm", "plan", here],
        ["llm", "plan", "tiny", "--set", f"model.architecture={here}"],
        ["llm", "verify", f"cases{here}.jsonl", "--verifier", "exact"],
        ["llm", "verify", f"cases{here}.jsonl", "--verifier", here],
    ]


@pytest.mark.parametrize("arguments", commands("~"), ids=lambda arguments: " ".join(arguments)[:60])
def test_every_command_writes_out_what_is_foreign(arguments, world, monkeypatch, capfd):
    monkeypatch.chdir(world)
    monkeypatch.setattr("conet.report.write", lambda run, *drawing: run.path / "report.html")
    monkeypatch.setattr("conet.report.diagnosis.write", lambda found, out, *drawing: out / "report.html")
    arguments = [argument.replace("~", EVIL) for argument in arguments]
    with suppress(SystemExit):
        main(arguments)
    captured = capfd.readouterr()
    shown = captured.out + captured.err
    assert shown
    assert not RAW.search(shown), ascii(shown)
    assert not [line for line in shown.splitlines() if line.lstrip().startswith("INJECTED")]
    assert "Traceback" not in shown
    if "INJECTED" not in shown:  # then nothing foreign was repeated, and nothing was tested
        assert arguments[0] in ("presets", "bench", "llm", "watch", "heat"), shown
    if "--json" in arguments:
        json.loads(captured.out.splitlines()[-1])


def test_no_command_is_left_out():
    """A new command is entered in `commands` above, with something foreign that it repeats."""
    known = {" ".join(call[:2] if call[0] == "llm" else call[:1]) for call in commands()}
    assert {" ".join(name) for name in leaves(app)} <= known


def test_no_option_takes_numbers_by_pythons_rules():
    """1_000, blanks around it and digits of other scripts are numbers to Python, so to the parser."""
    loose = []
    for name in leaves(app):
        command = app
        for part in name:
            command = command[part]
        for argument in command.assemble_argument_collection():
            kinds = {argument.hint, *get_args(argument.hint)}
            if kinds & {int, float} and argument.parameter.converter is None:
                loose.append((*name, *argument.names))
    assert not loose


def leaves(of, before=()):
    """Names of all commands, those of groups with their group."""
    for name in of:
        if name.startswith("-"):
            continue
        inner = [key for key in of[name] if not key.startswith("-")]
        if inner:
            yield from leaves(of[name], (*before, name))
        else:
            yield (*before, name)
