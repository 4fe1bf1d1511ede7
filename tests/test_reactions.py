"""What a watcher does when a run collapses, is cut off, or should be heated; and reports without any text."""

import json
import sys

import numpy as np
import polars as pl
import pytest
from trouble import curve, run, saved

from conet.base.errors import ConetError
from conet.cli import main, watch
from conet.cli.diagnose import examined
from conet.cli.reactions import Reactions, reactions
from conet.readers import open_run

WRITES = [
    sys.executable,
    "-c",
    "import os; print(os.environ['CONET_EVENT'], os.environ['CONET_STEP'], flush=True)",
]


@pytest.fixture(autouse=True)
def _no_pages(monkeypatch):
    def page(found, out, *drawing):
        (out / "report.html").write_text("")
        return out / "report.html"

    monkeypatch.setattr("conet.report.diagnosis.write", page)


def follow(rows, folder, monkeypatch, moments, reacting):
    """Watch a file that grows to each of these steps."""
    left = iter(moments[1:])
    place = saved(rows.filter(pl.col("step") <= moments[0]), folder)

    def sleep(_):
        last = next(left, None)
        if last is not None:
            saved(rows.filter(pl.col("step") <= last), folder)

    monkeypatch.setattr("time.sleep", sleep)

    def look(record):
        found, numbers = examined(record, folder / "out", None)
        return found, numbers["report"]

    watch.follow(open_run(place), look, 0.0, len(moments), reacting)


def test_a_collapse_runs_the_command_once_within_ten_steps(tmp_path, monkeypatch, capfd):
    fall = curve((1, 0.2), (20, 0.7), (100, 0.75), (101, 0), (130, 0))
    rows = run(fall, samples=4)
    follow(rows, tmp_path, monkeypatch, [60, 100, 110, 120], Reactions(("collapsed",), WRITES))
    lines = capfd.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("collapsed 1")] == ["collapsed 110"]
    assert sum("collapsed: ran" in line and line.endswith("returned 0") for line in lines) == 1
    assert sum(line.startswith("EMERGENCY: The accuracy has collapsed since step 10") for line in lines) == 1


def test_answers_cut_off_run_it_too_and_a_failing_command_ends_nothing(tmp_path, monkeypatch, capfd):
    rows = run(np.full(30, 0.4), truncated=curve((1, 0), (15, 0), (16, 0.9), (30, 0.9)), samples=4)
    follow(rows, tmp_path, monkeypatch, [12, 24, 30], Reactions(("truncated",), ["/nowhere/pager"]))
    seen = capfd.readouterr()
    assert "truncated: /nowhere/pager could not be run" in seen.out
    assert "could not be run" in seen.err
    assert "step 30" in seen.out


def test_the_command_line_takes_what_stands_behind_two_dashes(tmp_path, capfd):
    place = saved(run(curve((1, 0.7), (20, 0.75), (24, 0), (40, 0)), samples=4), tmp_path)
    main(
        [
            "watch",
            str(place),
            "--refreshes",
            "1",
            "--interval",
            "0",
            "--out",
            str(tmp_path / "out"),
            "--on",
            "heat",
            "--on",
            "collapsed",
            "--",
            *WRITES,
        ]
    )
    assert "collapsed 40" in capfd.readouterr().out


def test_an_event_needs_a_command_and_a_command_an_event():
    for on, command in ((("heat",), ()), ((), ("pager",))):
        with pytest.raises(ConetError, match="expected both"):
            reactions(on, command)


SECRET = "What is"


def test_without_text_nothing_is_written_down(tmp_path, capsys):
    accuracy = curve((1, 0.3), (30, 0.08))
    place = saved(run(accuracy, spread=0.0), tmp_path)
    out, heat = tmp_path / "out", tmp_path / "heat.jsonl"
    main(["diagnose", str(place), "--no-text", "--out", str(out), "--json"])
    main(["heat", str(place), "--no-text", "--review", "--max-accuracy", "0.3", "--out", str(heat)])
    main(["heat", str(place), "--no-text", "--max-accuracy", "0.3", "--out", str(heat)])  # may be replaced
    assert SECRET not in capsys.readouterr().out
    for file in (path for path in [heat, *out.rglob("*")] if path.is_file() and path.suffix != ".parquet"):
        assert SECRET not in file.read_text(encoding="utf-8"), file
    names = pl.read_parquet(out / "problems.parquet")["problem"].to_list()
    assert all(name.startswith("problem ") for name in names)
    rows = [json.loads(line) for line in heat.read_text().splitlines()]
    assert rows
    assert {(row["prompt"], row["completion"]) for row in rows} == {(None, None)}
