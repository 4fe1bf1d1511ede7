"""Views: JSON-able data of figures, that say the same wherever they are drawn."""

import json
import math
import os
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from logs import rollouts, two_stages, valley
from matplotlib.figure import Figure
from matplotlib.text import Text

from conet.base.errors import ConetError
from conet.cli import main
from conet.config import Config, preset
from conet.diagnosis import diagnose
from conet.report import style
from conet.report.drawing.axes import CHARACTER, wrapped_name
from conet.report.drawing.drawers import Drawers
from conet.report.drawing.figure import INCHES, draw
from conet.runs import launch
from conet.runs.run import Run
from conet.views import registry
from conet.views import source as sources
from conet.views.parts import Axis, Series
from conet.views.schema import (
    SCHEMA_VERSION,
    Bars,
    Edges,
    HeatMap,
    Lines,
    Network,
    Nodes,
    View,
    empty_view,
)
from conet.views.source import Source, source_of
from conet.views.walks_data import _unfolded

AXIS = Axis(name="updates done")
ANY = st.floats(allow_nan=True, allow_infinity=True, width=64)


def small() -> Config:
    return preset("smoke").override({"steps": 30, "snapshots.traffic_walks": 8, "snapshots.pass_walks": 16})


def test_what_the_legend_names_is_drawn(run):
    """The entropy of all nodes stood between gaps, which no line crosses; walks have no texts that differ."""
    (panel, *_) = run.view("entropy").panels
    every = next(one for one in panel.series if one.name == "all nodes")
    assert len(every.y) > 1
    assert None not in every.y
    (_, within) = diagnose(run.path).view("diversity").panels
    assert [one.name for one in within.series] == ["pass@8", "pass@1"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return launch.run(small(), tmp_path_factory.mktemp("views") / "run")


def finite(value: object) -> bool:
    """Whether a decoded JSON value holds finite numbers only."""
    if isinstance(value, dict):
        return all(map(finite, value.values()))
    if isinstance(value, list):
        return all(map(finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def strict(text: str) -> object:
    """Decode JSON that may not hold NaN or Infinity, which JSON does not know."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} in a view")

    return json.loads(text, parse_constant=refuse)


@given(
    values=st.lists(ANY, min_size=1, max_size=30),
    rows=st.lists(st.lists(ANY, min_size=2, max_size=2), max_size=4),
)
def test_any_numbers_round_trip_through_json_and_what_is_not_finite_becomes_null(
    values: list[float], rows: list[list[float]]
) -> None:
    line = Lines(x=AXIS, y=AXIS, series=(Series(name="", x=np.arange(len(values)), y=np.array(values)),))
    edges = {"x_edges": (0, 1, 2), "y_edges": range(len(rows) + 1)}
    heat = HeatMap(x=AXIS, y=AXIS, value=AXIS, values=tuple(np.array(row) for row in rows), **edges)
    view = View(name="a", title="b", panels=(line, heat))
    assert View.from_json(view.to_json()) == view
    assert finite(strict(view.to_json()))
    kept = [value for value in line.series[0].y if value is not None]
    assert kept == [value for value in values if math.isfinite(value)]


@pytest.fixture(
    scope="module",
    params=["plain", "heated", "one update", "never correct", "nothing kept", "log", "language model"],
)
def source(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Source:
    """Every kind of thing that has views, poor ones too."""
    folder = tmp_path_factory.mktemp("source")
    if request.param == "log":
        path = folder / "rows.parquet"
        rollouts(two_stages(steps=60), valley(steps=60)).write_parquet(path)
        return source_of(diagnose(path))
    if request.param == "language model":
        return source_of(Run(Path(__file__).parent / "data/llm-0.1/finished"))
    changes = {
        "plain": {"observables": ("frustration", "policy_entropy")},
        "heated": {"schedule.name": "annealed_rlvr", "schedule.heat_at": 4, "schedule.heat_steps": 5},
        "one update": {"steps": 1},
        "never correct": {"problems.max_length": 1, "graph.nodes": 2000, "steps": 12},
        "nothing kept": {"snapshots.steps": (), "snapshots.web_every": 0, "snapshots.rollouts": False},
    }[request.param]
    return source_of(launch.run(small().override(changes), folder / "run"))


def test_every_view_of_every_kind_round_trips_and_draws_at_every_width(source: Source) -> None:
    for name in source.names():
        view = source.view(name)
        assert view.name == name
        assert View.from_json(view.to_json()) == view
        assert finite(strict(view.to_json()))
        assert bool(view.panels) != bool(view.absent)
        for width in ("narrow", "column", "wide") if view.panels else ():
            figure = draw(view, width)
            figure.draw_without_rendering()
            assert figure.get_figwidth() == INCHES[width]
        with pytest.raises(ConetError):
            draw(view, axes=[])


def test_columns_of_one_series_are_of_equal_length(source: Source) -> None:
    for view in source.views():
        for panel in view.panels:
            for series in getattr(panel, "series", ()):
                sizes = {
                    len(part) for part in (series.x, series.y, series.low, series.high) if part is not None
                }
                assert len(sizes) == 1, (view.name, series.name)
            if panel.kind == "heat_map":
                assert {len(row) for row in panel.values} == {len(panel.x_edges) - 1}
                assert len(panel.values) == len(panel.y_edges) - 1
            if panel.kind == "network":
                assert {len(part) for part in dict(panel.nodes).values()} == {len(panel.nodes.id)}
                assert max(panel.edges.source + panel.edges.target) < len(panel.nodes.id)


def test_an_observable_gets_a_figure_without_anyone_writing_one(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("def mine(o):\n    return {'a': o.step, 'b': float('nan')}\n")
    names = ("topology", f"{tmp_path / 'own.py'}:mine")
    made = launch.run(small().override({"observables": names}), tmp_path / "run")
    assert made.figures()[-2:] == ["observable-topology", "observable-mine"]
    mine = made.view("observable-mine")
    assert [panel.y.name for panel in mine.panels] == ["a", "b"]
    assert mine.panels[0].series[0].y == tuple(map(float, range(30)))
    assert set(mine.panels[1].series[0].y) == {None}
    assert len(made.view("observable-topology").panels) > 3


def test_an_observable_given_in_python_gets_one_too(tmp_path: Path) -> None:
    given = {"mine": lambda o: o.step, "two": lambda o: {"a": 1.0, "b": 2.0}}
    made = launch.run(small(), tmp_path / "run", observables=given)
    assert made.figures()[-2:] == ["observable-mine", "observable-two"]
    assert [panel.y.name for panel in made.view("observable-two").panels] == ["a", "b"]


def test_what_every_run_measures_is_no_observable(run: Run) -> None:
    assert run.figures() == list(registry.WALKS)


def test_one_number_of_most_islands_everywhere(run: Run) -> None:
    most = run.summary()["islands"]
    caption = run.view("islands").caption
    assert f"The most are {most['peak']}, at update {most['peak_step']}." in caption
    marks = {mark.name: mark.step for mark in run.view("islands").panels[0].marks}
    assert marks["island_peak"] == most["peak_step"]
    web = next(panel for panel in run.view("concept-web").panels if "ost islands" in panel.title)
    assert f"most: {most['peak']}, at {most['peak_step']}" in web.note or web.step == most["peak_step"]


@pytest.mark.parametrize("processes", [0, 2])
def test_other_processes_draw_the_same_bytes(run: Run, processes: int) -> None:
    view = run.view("islands")
    with Drawers(processes) as drawers:
        files = [drawers.draw(view, width) for width in (None, "narrow", "wide")]
        found = [file.result() for file in files]
    with style.look():
        here = [style.to_file(draw(view, width), "svg") for width in (None, "narrow", "wide")]
    assert found == here
    assert len(set(here)) == 3


def test_what_a_process_that_dies_leaves_is_drawn_here(run: Run) -> None:
    with Drawers(1) as drawers:
        drawers.process.kill()
        drawers.process.wait()
        assert drawers.draw(run.view("islands")).result().startswith(b"<?xml")


def test_drawers_end_with_their_context(run: Run) -> None:
    with Drawers(2) as drawers:
        drawers.draw(run.view("islands"))
    assert drawers.process.poll() is not None
    deadline = time.monotonic() + 30
    while group_of(drawers.process.pid) and time.monotonic() < deadline:  # they were killed a moment ago
        time.sleep(0.02)
    assert not group_of(drawers.process.pid)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes by /proc")
def test_one_process_loads_what_draws_and_divides(run: Run) -> None:
    """While it is one thread: a fork of several can hang."""
    with Drawers(3) as drawers:
        files = [drawers.draw(run.view("islands")) for _ in range(3)]
        assert len({file.result() for file in files}) == 1
        assert len(group_of(drawers.process.pid)) == 3
        threads = [len(list(Path(f"/proc/{each}/task").iterdir())) for each in group_of(drawers.process.pid)]
        assert threads == [1, 1, 1]


def group_of(leader: int) -> list[int]:
    """Return the processes of a group; none where there is no /proc."""
    found = []
    for place in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, group = place.read_text().rpartition(")")[2].split()[:3]
            if int(group) == leader and state != "Z":
                found.append(int(place.parent.name))
    return found


@pytest.mark.parametrize(("suffix", "start"), [("svg", b"<?xml"), ("pdf", b"%PDF"), ("png", b"\x89PNG")])
def test_figures_as_files(run: Run, tmp_path: Path, suffix: str, start: bytes, capsys: Any) -> None:
    main(["report", str(run.path), "--format", suffix, "--out", str(tmp_path / "out")])
    assert capsys.readouterr().out.strip() == str(tmp_path / "out")
    files = sorted((tmp_path / "out").iterdir())
    assert {path.stem for path in files} == set(run.figures())
    assert all(path.suffix == f".{suffix}" and path.read_bytes().startswith(start) for path in files)


def test_a_format_that_is_none_is_refused(run: Run, capsys: Any) -> None:
    for arguments in (["--format", "gif"], ["--out", "x"]):
        with pytest.raises(SystemExit) as ended:
            main(["report", str(run.path), *arguments])
        assert ended.value.code == 2
        assert "expected" in capsys.readouterr().err


def test_a_view_of_another_version_is_refused() -> None:
    text = empty_view("a", "b", "nothing").to_json()
    other = text.replace(f'"schema_version":{SCHEMA_VERSION}', '"schema_version":999')
    assert other != text
    with pytest.raises(ConetError, match="no view"):
        View.from_json(other)


def test_figures_are_drawn_on_given_axes_in_the_users_style(run: Run) -> None:
    figure = Figure()
    axes = figure.add_subplot()
    with matplotlib.rc_context({"axes.facecolor": "red"}):
        assert run.figure("learning-curve", axes=axes) is figure
    assert axes.get_xlabel() == "updates done"
    with pytest.raises(ConetError, match="2 axes for 1 panels"):
        run.figure("learning-curve", axes=[axes, axes])


def test_a_view_of_ones_own_is_a_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "from conet.views.schema import empty_view\n\n"
        "def mine(data):\n    return empty_view('mine', 'Mine', str(data.steps[-1]))\n"
    )
    assert run.view(f"{tmp_path / 'own.py'}:mine").absent == "29"
    with pytest.raises(ConetError, match=r"unknown figure 'learning-curv'.*learning-curve"):
        run.figure("learning-curv")
    with pytest.raises(ConetError, match="29"):
        run.figure(f"{tmp_path / 'own.py'}:mine")


def test_the_skeleton_of_a_figure_draws(run: Run) -> None:
    skeleton = Path(__file__).parent.parent / "docs/skeletons/figure.py"
    assert run.figure(f"{skeleton}:truncated").axes[0].get_xlabel() == "updates done"


LONG = "the cycle rank of the thresholded web that is measured at every single update of the run"


ARM = "learner.rollouts=8, learner.name=my_learner.py:Mine, learner.negative=0.2"


def long_views() -> list[View]:
    """Views whose titles, labels and names are longer than a narrow figure is broad."""
    lines = Lines(
        title="A title",
        x=Axis(name=LONG, low=0, high=800, whole=True),
        y=Axis(name=LONG, unit="independent cycles", low=0, high=1),
        series=tuple(Series(name=name, x=(0, 800), y=(0, 1)) for name in (ARM, f"{ARM}, {ARM}")),
    )
    heat_map = HeatMap(
        x=lines.x, y=lines.y, value=Axis(name="v"), x_edges=(0, 400, 800), y_edges=(0, 1), values=((0, None),)
    )
    bars = Bars(title=LONG, value=lines.y, names=("one",), values=(1.0,))
    nodes = Nodes(
        id=(0, 1), x=(0, 1), y=(0, 1), role=("concept",) * 2, island=(0, 0), group=(-1, -1), size=(1, 1)
    )
    edges = Edges(source=(0,), target=(1,), weight=(1,), size=(1,))
    network = Network(title=LONG, note=LONG, nodes=nodes, edges=edges)
    return [View(name="one", title="One", panels=(panel,)) for panel in (lines, heat_map, bars, network)]


@pytest.mark.parametrize("view", long_views(), ids=lambda view: view.panels[0].kind)
def test_no_title_and_no_label_is_cut_off_at_the_narrow_width(view: View) -> None:
    with style.look():
        drawn = draw(view, "narrow")
        drawn.canvas.draw()
    edges = drawn.bbox
    for text in drawn.findobj(Text):
        assert isinstance(text, Text)
        if text.get_visible() and text.get_text() and len(text.get_text()) > 8:
            box = text.get_window_extent()
            assert box.x0 >= edges.x0 - 1
            assert box.x1 <= edges.x1 + 1, text.get_text()
            assert box.y1 <= edges.y1 + 1, text.get_text()
            assert box.y0 >= edges.y0 - 1, text.get_text()


def test_names_of_arms_are_broken_at_commas() -> None:
    assert wrapped_name(ARM, 45 * CHARACTER) == [
        "learner.rollouts=8,",
        "learner.name=my_learner.py:Mine,",
        "learner.negative=0.2",
    ]
    assert wrapped_name(ARM, 20 * CHARACTER) == [
        "learner.rollouts=8,",
        "learner.name=",
        "my_learner.py:Mine,",
        "learner.negative=0.2",
    ]
    assert "".join(wrapped_name("x" * 50, 20 * CHARACTER)) == "x" * 50
    assert wrapped_name("accuracy: the best of all arms", 20 * CHARACTER) == [
        "accuracy: the best",
        "of all arms",
    ]


def test_a_narrow_axis_has_a_number_at_its_end() -> None:
    with style.look():
        drawn = draw(long_views()[0], "narrow")
    assert {0, 200, 400, 600, 800} <= set(drawn.axes[0].get_xticks().tolist())


@pytest.mark.parametrize(("values", "hatched"), [(((0, None),), 1), (((0, 1),), 0)])
def test_what_has_no_value_is_hatched_and_no_shade_of_the_scale(values: Any, hatched: int) -> None:
    panel = long_views()[1].panels[0].model_copy(update={"values": values})
    with style.look():
        drawn = draw(View(name="one", title="One", panels=(panel,)))
    assert sum(bool(patch.get_hatch()) for patch in drawn.axes[0].patches) == hatched
    assert drawn.axes[0].images[0].cmap.get_bad()[3] == 0


def test_options_of_a_phase_are_no_observable(tmp_path: Path) -> None:
    changes = {"schedule.name": "annealed_rlvr", "schedule.heat_at": 10}
    run = launch.run(small().override(changes), tmp_path / "run")
    assert not [name for name in source_of(run).names() if name.startswith("observable")]


def test_answers_cut_off_have_no_panel_where_the_files_do_not_say(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    rollouts(two_stages(steps=60), valley(steps=60)).write_parquet(path)
    view = source_of(diagnose(path)).view("groups")
    assert len(view.panels) == 1
    assert "do not say which answers were cut off" in view.caption


@pytest.mark.parametrize("kind", ["llm-0.1/finished", "trl/plain"])
def test_a_run_that_is_none_of_walks_has_the_views_of_its_diagnosis(kind: str) -> None:
    run = Run(Path(__file__).parent / "data" / kind)
    expected = source_of(diagnose(run.path))
    assert run.figures() == expected.names()
    assert "concept-web" not in run.figures()
    assert run.view("learning-curve").to_json() == expected.view("learning-curve").to_json()


def test_the_folder_of_a_diagnosis_has_the_views_of_the_log(tmp_path: Path) -> None:
    path = Path(__file__).parent / "data/trl/plain"
    main(["diagnose", str(path), "--out", str(tmp_path / "found")])
    shown = Run(tmp_path / "found").view("learning-curve")
    assert shown.to_json() == Run(path).view("learning-curve").to_json()


SKELETON = Path(__file__).parents[1] / "docs/skeletons/figure.py"


def test_a_figure_of_ones_own_is_for_a_run_or_for_a_log_and_says_so(run: Run, tmp_path: Path) -> None:
    rows = tmp_path / "rows.parquet"
    rollouts(two_stages(steps=30), valley(steps=30)).write_parquet(rows)
    with pytest.raises(ConetError, match=r"is for a WalksData \(a run of walks\)"):
        diagnose(rows).figure(f"{SKELETON}:truncated")
    with pytest.raises(ConetError, match=r"is for a Diagnosis \(the rollouts of a log\)"):
        run.figure(f"{SKELETON}:samples")
    fails = tmp_path / "fails.py"
    fails.write_text("def mine(data):\n    return data.nothing\n\n\ndef none(data):\n    return 3\n")
    with pytest.raises(ConetError, match="AttributeError"):
        run.view(f"{fails}:mine")
    with pytest.raises(ConetError, match="return a View"):
        run.view(f"{fails}:none")


def test_the_command_line_puts_a_figure_of_ones_own_into_the_report(run: Run, tmp_path: Path) -> None:
    rows = tmp_path / "rows.parquet"
    rollouts(two_stages(steps=30), valley(steps=30)).write_parquet(rows)
    main(["diagnose", str(rows), "--out", str(tmp_path / "out"), "--figure", f"{SKELETON}:samples"])
    assert 'id="samples"' in (tmp_path / "out/report.html").read_text(encoding="utf-8")
    main(["report", str(run.path), "--figure", f"{SKELETON}:truncated"])
    assert (run.path / "figures/truncated.svg").exists()
    with pytest.raises(SystemExit):
        main(["report", str(run.path), "--figure", "nowhere.py:mine"])


def test_a_language_model_has_a_figure_of_what_its_trainer_measured(tmp_path: Path) -> None:
    place = shutil.copytree(Path(__file__).parent / "data/llm-0.1/finished", tmp_path / "run")
    assert "trainer-metrics" not in Run(place).figures()  # version 0.1 kept none of it
    metrics = pl.read_parquet(place / "metrics.parquet")
    told = {"learning_rate": [1e-4] * 6, "kl": [0.1, None, None, None, None, 0.3], "own.thing": [1.0] * 6}
    metrics.with_columns(**{name: pl.Series(values) for name, values in told.items()}).write_parquet(
        place / "metrics.parquet"
    )
    view = Run(place).view("trainer-metrics")
    assert {panel.y.name: panel.series[0].y for panel in view.panels} == {
        "learning rate": (1e-4,) * 6,
        "distance to the reference policy": (0.1, None, None, None, None, 0.3),
        "own.thing": (1.0,) * 6,
    }
    assert [(band.low, band.high) for band in view.panels[0].bands] == [(2.0, 5.0)]
    assert Run(place).figure("trainer-metrics").axes
    assert "trainer-metrics" in diagnose(place).figures()


@pytest.mark.parametrize("kind", ["language_model", "log", "walks"])
def test_figures_of_one_run_share_what_they_are_made_from(
    kind: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin = {"language_model": "llm-0.1/finished", "log": "trl/plain"}
    place = run.path if kind == "walks" else Path(__file__).parent / "data" / origin[kind]
    place = shutil.copytree(place, tmp_path / "run")
    made, make = [], sources._diagnosed
    monkeypatch.setattr(sources, "_diagnosed", lambda run: made.append(run) or make(run))
    shown = Run(place)
    assert shown.kind == kind
    for name in ("learning-curve", "correct-length", "problems"):
        shown.view(name)
    first = shown._kept[1]
    shown.view("learning-curve")
    assert shown._kept[1] is first
    assert len(made) == (kind != "walks")
    changed = next(path for path in sorted(place.rglob("*")) if path.suffix == ".parquet")
    os.utime(changed, ns=(0, 0))
    shown.view("learning-curve")
    assert shown._kept[1] is not first


def test_rollouts_that_are_further_than_the_metrics_are_left_out(run: Run) -> None:
    """Of a run that trains the metrics are read first, and rollouts of later updates come meanwhile."""
    steps, problems = run.metrics().height, len(run.problems().questions)
    whole, part = (_unfolded(run, most, problems) for most in (steps, steps - 3))
    assert whole is not None
    assert part is not None
    np.testing.assert_array_equal(part.samples, whole.samples[:-3])
