"""Views: JSON-able data of figures, that say the same wherever they are drawn."""

import json
import math
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from conet.base.errors import ConetError
from conet.config import preset
from conet.runs import launch
from conet.runs.run import Run
from conet.views.schema import SCHEMA_VERSION, Axis, HeatMap, Lines, Series, View, empty_view

AXIS = Axis(name="updates done")
ANY = st.floats(allow_nan=True, allow_infinity=True, width=64)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    settings = preset("smoke").override(
        {"steps": 30, "snapshots.traffic_walks": 8, "snapshots.pass_walks": 16}
    )
    return launch.run(settings, tmp_path_factory.mktemp("views") / "run")


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


def test_every_view_of_a_run_round_trips_and_draws(run: Run) -> None:
    for name in run.figures():
        view = run.view(name)
        assert view.name == name
        assert View.from_json(view.to_json()) == view
        assert finite(strict(view.to_json()))
        assert isinstance(run.figure(name), Figure)


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
