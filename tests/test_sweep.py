"""Sweeps: one row a cell and seed, the same numbers as a run's summary, faults told in one line."""

import json

import numpy as np
import polars as pl
import pytest

import conet
from conet import cli
from conet.base.errors import ConetError
from conet.cells import sweep as module
from conet.cells.summary import CURVE, summary_run
from conet.cells.sweep import Sweep, configure, read, sweep
from conet.config import flatten

QUICK = {"steps": 12, "graph.nodes": 40, "graph.degree": 5, "problems.count": 6}


@pytest.fixture
def write(tmp_path):
    def make(content, name="grid.json"):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return make


def test_grid_cells_and_seeds_multiply(write):
    definition = read(
        write(
            {
                "preset": "smoke",
                "seeds": [3, 5],
                "cells": [{"steps": 7, "learner.rollouts": 2}],
                "grid": {"learner.rollouts": [4, 8], "problems": {"max_length": [5, 6, 7]}},
            }
        )
    )
    points = definition.points()
    assert len(points) == 7
    assert points[1] == {"learner.rollouts": 4, "problems.max_length": 6}
    assert points[-1] == {"steps": 7, "learner.rollouts": 2}
    assert definition.all_seeds() == [3, 5]
    assert configure(definition, points[-1], 5).steps == 7


def test_toml_says_the_same_as_json(write):
    text = (
        'preset = "smoke"\nseeds = 2\n[grid]\nlearner.rollouts = [4, 8]\n"problems.max_length" = [5]\n'
        "[[cells]]\nsteps = 3\n"
    )
    content = {
        "preset": "smoke",
        "seeds": 2,
        "cells": [{"steps": 3}],
        "grid": {"learner.rollouts": [4, 8], "problems.max_length": [5]},
    }
    assert read(write(text, "grid.toml")).points() == read(write(content)).points()


def test_a_row_is_the_summary_of_that_run(tmp_path):
    definition = Sweep(preset="smoke", seeds=(4,), cells=({**QUICK, "learner.name": "rloo"},))
    table = sweep(definition, tmp_path / "out").table
    run = conet.run(
        conet.preset("smoke").override({**QUICK, "learner.name": "rloo", "seed": 4}), tmp_path / "run"
    )
    row = table.row(0, named=True)
    assert row["learner.name"] == "rloo"
    assert row["seed"] == 4
    summary = flatten(run.summary())
    numbers = {key: value for key, value in row.items() if key not in (*QUICK, "seed", "learner.name")}
    left_out = {"run", "steps", "seed", "seconds", "state_sha256", "updates", "heating"}
    left_out |= {f"correct_length.{name}" for name in ("v", "v_why", "min_interval", "v_bottom_interval")}
    assert set(numbers) == set(summary) - left_out
    assert numbers == {key: summary[key] for key in numbers}


SCHEDULES = """
from conet.runs.schedule import AtStep, Phase

def more(setup):
    return Phase("a", until=AtStep(20), options={"rollouts": 4}), Phase("b", options={"rollouts": 16})

def fewer(setup):
    return Phase("a", until=AtStep(20), options={"rollouts": 16}), Phase("b", options={"rollouts": 4})

def chosen(setup):
    return Phase("a", until=AtStep(20), problems=[1, 3]), Phase("b", problems=lambda now: [2, 3, 5])
"""


@pytest.mark.parametrize("name", ["more", "fewer", "chosen"])
def test_a_row_is_the_summary_of_a_run_whose_phases_draw_otherwise(name, tmp_path):
    """More or fewer rollouts than the learner's, or of some of the problems."""
    (tmp_path / "mine.py").write_text(SCHEDULES)
    settings = {**QUICK, "steps": 100, "learner.rollouts": 4, "seed": 1}
    config = conet.preset("smoke").override(
        settings | {"schedule.name": f"{tmp_path}/mine.py:{name}", "problems.max_length": 12}
    )
    summary = flatten(conet.run(config, tmp_path / "run").summary())
    row = summary_run(config.model_dump(mode="json", exclude={"preset"}), [], {})
    numbers = [key for key in row if not key.startswith(CURVE) and summary.get(key) is not None]
    assert {"correct_length.start_ratio.low", "rollouts", "walker_steps"} <= set(numbers)
    for key in numbers:
        assert row[key] == pytest.approx(summary[key], abs=1e-12), key


@pytest.mark.parametrize("moment", ["before", "meanwhile"])
def test_a_cell_whose_file_is_edited_is_refused(moment, tmp_path):
    """Hours may lie between the listing of the cells and the last of them."""
    mine = tmp_path / "mine.py"
    edit = "\ndef more(setup):\n    open(__file__, 'a').write('1')\n    return (Phase('a'),)\n"
    mine.write_text(SCHEDULES + edit * (moment == "meanwhile"))
    config = conet.preset("smoke").override(QUICK | {"schedule.name": f"{mine}:more"})
    one = module.cell(config, [])
    if moment == "before":
        mine.write_text(SCHEDULES + "# edited\n")
    with pytest.raises(ConetError, match=r"mine\.py, which has changed.*run the command again"):
        one.compute()


def test_a_table_that_another_sweep_wrote_meanwhile_is_not_replaced(tmp_path, monkeypatch):
    """Between the first look at the folder and its lock."""
    one, other = (Sweep(preset="smoke", seeds=(seed,), cells=(QUICK,)) for seed in (1, 2))
    filling = module.filling

    def slow(*place):
        monkeypatch.undo()
        sweep(other, tmp_path)
        return filling(*place)

    monkeypatch.setattr(module, "filling", slow)
    with pytest.raises(ConetError, match="1 runs of another sweep"):
        sweep(one, tmp_path)
    assert pl.read_parquet(tmp_path / "table.parquet")["seed"].to_list() == [2]


def test_tables_on_disk_and_only_new_cells_are_computed(tmp_path, monkeypatch):
    small = Sweep(
        preset="smoke", seeds=2, grid={"learner.rollouts": [2], **{k: [v] for k, v in QUICK.items()}}
    )
    large = small.model_copy(update={"grid": {**small.grid, "learner.rollouts": [2, 4]}})
    first = sweep(small, tmp_path)
    kept = sorted((tmp_path / "cells").iterdir())
    assert len(kept) == 2
    second = sweep(large, tmp_path)
    assert len(list((tmp_path / "cells").iterdir())) == 4
    assert second.table.filter(pl.col("learner.rollouts") == 2).equals(first.table)
    assert pl.read_parquet(tmp_path / "table.parquet").equals(second.table)
    assert pl.read_csv(tmp_path / "table.csv").shape == second.table.shape


def test_measures_of_the_summary_and_of_the_metrics_in_the_order_asked_for(tmp_path):
    names = ("policy_entropy", "pass_at_k.16", "accuracy", "correct_length.min_step")
    definition = Sweep(preset="smoke", seeds=1, cells=({**QUICK, "steps": 40},), measures=names)
    table = sweep(definition, tmp_path).table
    assert tuple(table.columns[-4:]) == names
    metrics, training = conet.simulate(conet.preset("smoke").override({**QUICK, "steps": 40, "seed": 0}))
    assert table["policy_entropy"].item() == pytest.approx(
        metrics["policy_entropy"].drop_nulls()[-20:].mean()
    )
    assert table["accuracy"].item() == pytest.approx(metrics["accuracy"][-20:].mean())
    assert training.step == 40


SEVEN = (
    "accuracy",
    "policy_entropy",
    "gradient_norm",
    "islands.peak",
    "islands.end",
    "web.components",
    "pass_at_k.4",
)


def test_all_measures_that_were_asked_for_are_printed(write, tmp_path, capsys):
    path = write({"preset": "smoke", "seeds": 1, "cells": [QUICK], "measures": SEVEN})
    cli.main(["sweep", str(path), "--out", str(tmp_path / "out"), "--jobs", "1"])
    header = capsys.readouterr().out.splitlines()[0].split()
    assert header[-7:] == list(SEVEN)


def test_curves_are_kept_and_are_those_of_the_run(tmp_path):
    definition = Sweep(preset="smoke", seeds=2, cells=(QUICK,), measures=("accuracy", "gradient_norm"))
    swept = sweep(definition, tmp_path / "out")
    assert pl.read_parquet(tmp_path / "out" / "curves.parquet").equals(swept.curves)
    mine = swept.curves.filter(pl.col("seed") == 1)
    metrics, _ = conet.simulate(conet.preset("smoke").override({**QUICK, "seed": 1}))
    for name in ("accuracy", "correct_length", "islands", "policy_entropy", "gradient_norm"):
        assert mine[name].cast(pl.Float64).to_list() == metrics[name].cast(pl.Float64).to_list()
    assert mine["graph.nodes"].unique().to_list() == [40]


def test_settings_by_their_old_names_have_their_values_in_the_table(tmp_path):
    swept = sweep(Sweep(preset="smoke", seeds=1, cells=({**QUICK, "tasks.max_length": 7},)), tmp_path)
    assert swept.table["tasks.max_length"].item() == 7


def test_the_table_of_another_sweep_is_not_replaced(tmp_path):
    small = Sweep(
        preset="smoke", seeds=1, grid={"learner.rollouts": [2], **{k: [v] for k, v in QUICK.items()}}
    )
    other = small.model_copy(update={"grid": {**small.grid, "learner.rollouts": [4]}})
    sweep(small, tmp_path)
    kept = (tmp_path / "table.parquet").read_bytes()
    with pytest.raises(ConetError, match="1 runs of another sweep"):
        sweep(other, tmp_path)
    assert (tmp_path / "table.parquet").read_bytes() == kept
    sweep(small.model_copy(update={"grid": {**small.grid, "learner.rollouts": [2, 4]}}), tmp_path)
    sweep(small.model_copy(update={"seeds": 2, "grid": {**small.grid, "learner.rollouts": [2, 4]}}), tmp_path)


def test_points_are_the_arms_of_a_comparison(tmp_path):
    definition = Sweep(
        preset="smoke", seeds=3, grid={"learner.rollouts": [2, 4], **{k: [v] for k, v in QUICK.items()}}
    )
    swept = sweep(definition, tmp_path)
    assert [arm.name for arm in swept.comparison.arms] == ["learner.rollouts=2", "learner.rollouts=4"]
    told = swept.comparison.to_json()["measures"]
    means = swept.table.group_by("learner.rollouts", maintain_order=True).agg(pl.col("accuracy").mean())
    assert told["accuracy"]["difference"] == pytest.approx(means["accuracy"][1] - means["accuracy"][0])
    assert (told["accuracy"]["n"], told["accuracy"]["paired_by"]) == (3, "seed")


def test_arms_are_all_called_by_what_varies_in_one_order_however_long(tmp_path):
    cells = (
        {**QUICK, "learner.name": "reinforce", "learner.optimizer": "adam", "learner.learning_rate": 0.5},
    )
    definition = Sweep(
        preset="smoke",
        seeds=2,
        grid={"learner.rollouts": [2, 4], **{k: [v] for k, v in QUICK.items()}},
        cells=cells,
    )
    swept = sweep(definition, tmp_path)
    rest = "learner.name=grpo, learner.optimizer=sgd, learner.learning_rate=37.5"
    assert [arm.name for arm in swept.comparison.arms] == [
        f"learner.rollouts=2, {rest}",
        f"learner.rollouts=4, {rest}",
        "learner.rollouts=8, learner.name=reinforce, learner.optimizer=adam, learner.learning_rate=0.5",
    ]


def test_an_observable_of_the_users_own_is_a_measure_and_its_source_counts(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("def seven(observation):\n    return 7.0\n")
    changes = {**QUICK, "observables": [f"{file}:seven"]}
    definition = Sweep(preset="smoke", seeds=1, cells=(changes,), measures=(f"{file}:seven", "accuracy"))
    swept = sweep(definition, tmp_path / "out")
    assert swept.table[f"{file}:seven"].item() == 7.0
    config = configure(definition, changes, 0)
    before = module.cell(config, ()).key
    assert before == module.cell(config, ()).key
    file.write_text("def seven(observation):\n    return 8.0\n")
    assert module.cell(config, ()).key != before


def test_a_failing_cell_is_told_and_the_others_have_rows(tmp_path):
    definition = Sweep(preset="smoke", seeds=2, cells=(QUICK, {**QUICK, "graph.degree": 500}))
    swept = sweep(definition, tmp_path)
    assert len(swept.table) == 2
    assert [one["seed"] for one in swept.failures] == [0, 1]
    assert swept.failures[0]["settings"]["graph.degree"] == 500
    assert "less than graph.nodes" in swept.failures[0]["reason"]
    with pytest.raises(ConetError, match=r"no result: graph\.degree=500"):
        sweep(Sweep(preset="smoke", cells=({**QUICK, "graph.degree": 500},)), tmp_path / "none")


WRONG = [
    ({"grid": {"learner.rolouts": [1]}}, "did you mean 'learner.rollouts'"),
    ({"grid": {"learner.rollouts": 4}}, "a list of values"),
    ({"grid": {"learner.rollouts": []}}, "a list of values"),
    ({"grid": {"learner.rollouts": [0]}}, "greater than or equal to 1"),
    ({"grid": {"learner.name": ["grop"]}}, "did you mean 'grpo'"),
    ({"gird": {}}, "did you mean 'grid'"),
    ({"seeds": 3}, "neither grid nor cells"),
    ({"seeds": 0, "cells": [{}]}, "at least one"),
    ({"seeds": [1, 1], "cells": [{}]}, "none twice"),
    ({"seeds": [-1], "cells": [{}]}, "greater than or equal to 0"),
    ({"seeds": "many", "cells": [{}]}, "seeds"),
    ({"cells": [{"seed": 1}]}, "list the seeds there"),
    ({"cells": [3]}, "cells.0=3"),
    ({"preset": "smok", "cells": [{}]}, "did you mean 'smoke'"),
    ({"preset": 5, "cells": [{}]}, "a valid string"),
    ({"seeds": 1000, "grid": {"steps": list(range(1, 2000))}}, "at most 1,000,000"),
    ({"seeds": True, "cells": [{}]}, "valid integer"),
    ({"seeds": "4", "cells": [{}]}, "valid integer"),
    ({"seeds": [0, True], "cells": [{}]}, "valid integer"),
    ({"grid": {"learner.rollouts": [4, 8, 4.0]}}, 'the point {"learner.rollouts": 4.0} twice'),
    ({"grid": {"steps": [5, 6]}, "cells": [{"steps": 6}]}, 'the point {"steps": 6} twice'),
    (
        {"grid": {"learner.rollouts": [4], "learner": {"rollouts": [8]}}},
        "learner.rollouts stands there twice",
    ),
    ({"cells": [{"learner.rollouts": 4, "learner": {"rollouts": 8}}]}, "learner.rollouts stands there twice"),
    ('{"grid": {"steps": [5], "steps": [6]}}', "steps stands there twice"),
    ([1], "an object with a grid"),
    ("{", "sweep file"),
]


@pytest.mark.parametrize(("content", "words"), WRONG)
def test_what_is_wrong_in_the_file_is_one_line_and_nothing_runs(
    content, words, write, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(module, "run_cells", lambda *_: pytest.fail("it ran"))
    with pytest.raises(SystemExit, match="2"):
        cli.main(["sweep", str(write(content)), "--out", str(tmp_path / "out")])
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("conet: got ")
    assert words in line


@pytest.mark.parametrize(("name", "words"), [("grid.yaml", ".json or .toml"), ("grid.toml", "sweep file")])
def test_a_file_of_another_kind(name, words, write, capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main(["sweep", str(write("a: [1", name))])
    assert words in capsys.readouterr().err


def test_an_unknown_measure_is_said_after_the_first_step(write, tmp_path, capsys):
    path = write({"preset": "smoke", "seeds": 1, "cells": [QUICK], "measures": ["acuracy"]})
    with pytest.raises(SystemExit, match="2"):
        cli.main(["sweep", str(path), "--out", str(tmp_path / "out"), "--jobs", "1"])
    assert "did you mean 'accuracy'" in capsys.readouterr().err


def test_the_command_prints_a_line_a_point_and_json(write, tmp_path, capsys):
    path = write(
        {
            "preset": "smoke",
            "seeds": 2,
            "grid": {"learner.rollouts": [2, 4]},
            "cells": [{"graph.degree": 500}],
        }
    )
    arguments = ["sweep", str(path), "--out", str(tmp_path / "out"), "--jobs", "1"]
    with pytest.raises(SystemExit, match="2"):
        cli.main(arguments)
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert lines[0].split()[:3] == ["learner.rollouts", "graph.degree", "seeds"]
    assert [line.split()[:3] for line in lines[1:3]] == [["2", "12", "2"], ["4", "12", "2"]]
    assert lines[-1] == f"table {tmp_path / 'out' / 'table.parquet'}"
    assert "failed graph.degree=500 seed=0: " in printed.err
    with pytest.raises(SystemExit, match="2"):
        cli.main([*arguments, "--json"])
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert len(found["rows"]) == 4
    assert len(found["failures"]) == 2
    assert np.isfinite([row["accuracy"] for row in found["rows"]]).all()


def test_a_folder_that_holds_something_else_is_left_alone(write, tmp_path):
    definition = read(write({"preset": "smoke", "seeds": 1, "cells": [QUICK]}))
    out = tmp_path / "mine"
    out.mkdir()
    (out / "table.csv").write_text("mine")
    with pytest.raises(ConetError, match=r"which is not empty.*one with a sweep"):
        sweep(definition, out)
    assert [path.name for path in out.iterdir()] == ["table.csv"]


def test_a_cell_file_copied_over_another_gives_no_wrong_row(tmp_path):
    definition = Sweep(preset="smoke", seeds=1, grid={"learner.rollouts": [2, 4]}, cells=())
    definition = definition.model_copy(update={"grid": definition.grid | {k: [v] for k, v in QUICK.items()}})
    first = sweep(definition, tmp_path).table
    one, other = sorted((tmp_path / "cells").iterdir())
    before = one.read_bytes()
    other.write_bytes(before)
    assert sweep(definition, tmp_path).table.equals(first)
    assert one.read_bytes() == before != other.read_bytes()


def test_cells_that_are_lost_end_with_2_and_are_named(write, tmp_path, capsys, monkeypatch):
    from conet.cells import workers

    path = write({"preset": "smoke", "seeds": 2, "cells": [QUICK]})
    stream = workers._stream
    monkeypatch.setattr(workers, "_stream", lambda wanted, *rest: stream(wanted[:-1], *rest))
    with pytest.raises(SystemExit, match="2"):
        cli.main(["sweep", str(path), "--out", str(tmp_path / "out"), "--jobs", "1"])
    err = capsys.readouterr().err
    assert "seed=1: nothing came back" in err
    assert "no result from 1 cells" in err


@pytest.mark.parametrize("mark", ["kept", "missing", "damaged"])
def test_the_table_of_another_grid_is_not_replaced(mark, write, tmp_path, capsys):
    """Not either where the sweep was killed before it said which it is, or was one of version 0.1."""
    out = tmp_path / "out"
    grid = {"preset": "smoke", "seeds": 1, "grid": {k: [v] for k, v in QUICK.items()}}
    sweep(read(write(grid)), out)
    before = {name: (out / name).read_bytes() for name in ("table.parquet", "table.csv", "curves.parquet")}
    if mark == "missing":
        (out / "sweep.json").unlink()
    elif mark == "damaged":
        (out / "sweep.json").write_text("{")
    others = [{"seeds": [7]}, {"grid": grid["grid"] | {"graph.nodes": [50]}}]
    others.append({"grid": grid["grid"] | {"learner.rollouts": [2]}})
    for change in others:
        path = write(grid | change, "other.json")
        with pytest.raises(SystemExit, match="2"):
            cli.main(["sweep", str(path), "--out", str(out), "--jobs", "1"])
        (line,) = capsys.readouterr().err.splitlines()
        assert "with 1 runs of another sweep in its table" in line
        assert {name: (out / name).read_bytes() for name in before} == before
    cli.main(["sweep", str(write(grid | {"seeds": 2}, "more.json")), "--out", str(out), "--jobs", "1"])
    assert pl.read_parquet(out / "table.parquet").height == 2


def test_the_same_sweep_is_known_after_settings_were_added(tmp_path):
    """Which runs a table has is told by the file of its sweep, not by hashes of settings alone."""
    definition = Sweep(preset="smoke", seeds=1, grid={k: [v] for k, v in QUICK.items()})
    sweep(definition, tmp_path)
    kept = json.loads((tmp_path / "sweep.json").read_text())
    (tmp_path / "sweep.json").write_text(json.dumps(kept | {"runs": ["of an earlier version"]}))
    sweep(definition, tmp_path)
