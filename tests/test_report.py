"""The report of a run: whole, without network, the same bytes again, and for poor runs too."""

import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import numpy as np
import polars as pl
import pytest
from signing import sign_again

from conet.base.errors import ConetError
from conet.config import Config, preset
from conet.network import layout, packing
from conet.network.web import Web
from conet.report import colours, style, write
from conet.report.run import headline, page
from conet.report.seal import has_report
from conet.runs import launch
from conet.runs.events import note, signal_step
from conet.runs.run import Run
from conet.views.heat import binned_accuracy, first_half, grouped
from conet.views.snapshots import choose_snapshots
from conet.views.tables import windowed_range
from conet.views.walks import concept_web
from conet.views.walks.common import heated_spans, over_updates
from conet.views.walks.pass_at_k import spread
from conet.views.walks_data import WalksData

ALL = {
    "average-degree",
    "concept-web",
    "correct-length",
    "entropy",
    "islands",
    "learning-curve",
    "pass-at-k",
    "problems",
}
VOID = {"meta", "link", "br", "img", "hr", "input"}


def small(**changes: object) -> Config:
    base = {"steps": 40, "snapshots.traffic_walks": 8, "snapshots.pass_walks": 16}
    return preset("smoke").override(base | {key.replace("__", "."): value for key, value in changes.items()})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    made = launch.run(small(), tmp_path_factory.mktemp("report") / "run")
    write(made)
    return made


def figures(run: Run) -> set[str]:
    return {path.stem for path in (run.path / "figures").glob("*.svg")}


class Balance(HTMLParser):
    """Fails at a closing tag that closes nothing, notes ids and links."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id" and value:
                self.ids.append(value)
            if name in ("href", "xlink:href", "src") and value:
                self.targets.append(value)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag


def parsed(path: Path) -> Balance:
    parser = Balance()
    parser.feed(path.read_text(encoding="utf-8"))
    parser.close()
    assert parser.open == []
    return parser


def test_page_is_well_formed_and_every_link_leads_somewhere(run: Run) -> None:
    page = parsed(run.path / "report.html")
    assert len(page.ids) == len(set(page.ids))
    for target in page.targets:
        if target.startswith("#"):
            assert target[1:] in page.ids
        elif not target.startswith("data:image/png;base64,"):
            assert (run.path / target).is_file()
    assert set(page.ids) >= ALL | {"records"}


def test_page_needs_no_network(run: Run) -> None:
    text = (run.path / "report.html").read_text(encoding="utf-8")
    namespaces = re.findall(r'xmlns(?::\w+)?="(https?://[^"]*)"', text)
    assert len(re.findall(r"https?://", text)) == len(namespaces)
    assert "<script" not in text
    assert "@import" not in text


def test_all_figures_are_files_and_parse(run: Run) -> None:
    assert figures(run) == ALL
    for path in (run.path / "figures").glob("*.svg"):
        root = ElementTree.fromstring(path.read_text(encoding="utf-8"))
        assert root.tag.endswith("svg")
        assert path.stat().st_size < 400_000


def test_colours_follow_the_page_and_have_a_value_on_light_dark_and_paper(run: Run) -> None:
    text = (run.path / "report.html").read_text(encoding="utf-8")
    css, drawings = text.split("</style>", 1)
    used = set(re.findall(r"var\(--([\w-]+)\)", drawings))
    assert {"ink", "muted", "blue", "vermilion"} <= used
    for name in set(colours.VARIABLES.values()) | used:
        assert len(re.findall(rf"--{name}:", css)) == 3
    # No ink is left that would vanish on a dark page.
    assert not re.findall(r"(?:fill|stroke): #(?:000000|1b1f24|ffffff)", drawings)


def test_light_values_are_those_of_the_files() -> None:
    css = (Path(style.__file__).with_name("page.css")).read_text(encoding="utf-8")
    values = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", css.split("@media")[0]))
    assert {name: values[name] for name in colours.VARIABLES.values()} == {
        name: colour for colour, name in colours.VARIABLES.items()
    }


def test_writing_again_gives_the_same_bytes_and_leaves_the_settings_of_matplotlib(run: Run) -> None:
    places = [run.path / "report.html", *sorted((run.path / "figures").iterdir())]
    before = [path.read_bytes() for path in places]
    with matplotlib.rc_context({"font.size": 23, "svg.fonttype": "none", "axes.facecolor": "red"}):
        assert write(Run(run.path)) == run.path / "report.html"
        assert matplotlib.rcParams["font.size"] == 23
    assert [path.read_bytes() for path in places] == before
    assert not [path for path in run.path.rglob(".*") if path.name != ".lock"]


@pytest.mark.parametrize("place", ["figures/entropy.svg", "report.html", "summary.json"])
def test_a_page_counts_only_beside_what_it_was_drawn_with(place: str, run: Run) -> None:
    assert has_report(run.path)
    before = (run.path / place).read_bytes()
    for content in (b"x", None):
        (run.path / place).unlink() if content is None else (run.path / place).write_bytes(content)
        assert not has_report(run.path)
    (run.path / place).write_bytes(before)
    assert has_report(run.path)


def test_numbers_of_the_headline_are_those_of_the_summary(run: Run) -> None:
    summary = run.summary()
    rows = {name: value for name, value, _ in headline(summary)}
    assert rows["accuracy"] == f"{summary['accuracy']:.3f}"
    assert rows["islands"] == f"{summary['islands']['peak']} → {summary['islands']['end']}"
    text = (run.path / "report.html").read_text(encoding="utf-8")
    assert all(f"<dd>{value}</dd>" in text for value in rows.values())
    assert summary["state_sha256"] in text


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"steps": 1}, {"concept-web"}),
        ({"problems__count": 1, "learner__learning_rate": 1.0}, set()),
        ({"problems__max_length": 1, "graph__nodes": 2000, "steps": 12}, {"concept-web"}),
        ({"snapshots__steps": (), "snapshots__web_every": 0, "snapshots__rollouts": False}, {"problems"}),
        ({"learner__name": "sft"}, set()),
    ],
    ids=["one step", "one question", "never correct", "nothing kept", "sft"],
)
def test_poor_runs_get_a_report(tmp_path: Path, changes: dict[str, object], missing: set[str]) -> None:
    made = launch.run(small(**changes), tmp_path / "run")
    write(made)
    assert figures(made) == ALL - missing
    text = (made.path / "report.html").read_text(encoding="utf-8")
    assert text.count('class="absent"') == len(missing)
    parsed(made.path / "report.html")


def test_run_without_snapshots_or_evaluations_is_incomplete(tmp_path: Path) -> None:
    made = launch.run(small(steps=6), tmp_path / "run")
    for path in (made.path / "snapshots").iterdir():
        path.unlink()
    made.evaluations().clear().write_parquet(made.path / "evaluations.parquet")
    sign_again(made.path)
    with pytest.raises(ConetError, match="incomplete"):
        write(Run(made.path))


def test_metrics_that_are_not_numbers_are_left_out(tmp_path: Path) -> None:
    made = launch.run(small(steps=12), tmp_path / "run")
    table = made.metrics().with_columns(
        policy_entropy=pl.lit(float("nan")), islands=pl.lit(None, pl.Int64), correct_length=pl.lit(None)
    )
    table.write_parquet(made.path / "metrics.parquet")
    sign_again(made.path)
    made = Run(made.path)
    write(made)
    assert figures(made) >= ALL - {"concept-web"}
    steps, islands, nodes = WalksData(made).series("islands", "web_nodes")
    kept = made.snapshot_steps()
    assert steps.tolist() == kept
    assert len(islands) == len(nodes) == len(kept)


def test_heated_steps_are_shaded(tmp_path: Path) -> None:
    changes = {"schedule.name": "annealed_rlvr", "schedule.heat_at": 4, "schedule.heat_steps": 5}
    made = launch.run(small(steps=20).override(changes), tmp_path / "run")
    material = WalksData(made)
    assert heated_spans(material) == [(4, 9)]
    bands = made.view("learning-curve").panels[0].bands
    assert [(band.low, band.high) for band in bands] == [(4, 9)]
    with style.look():
        assert style.SHADE in style.to_svg(made.figure("learning-curve"))


def test_large_webs_are_not_drawn(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concept_web, "MOST_NODES", 3)
    view = run.view("concept-web")
    assert not view.panels
    assert "not drawn" in view.absent


def test_names_from_outside_are_escaped(tmp_path: Path) -> None:
    pairs = tmp_path / "<b>pairs.txt"
    pairs.write_text("0 1\n2 3\n")
    made = launch.run(small(steps=2, problems__file=str(pairs)), tmp_path / "run")
    text = page(WalksData(made), [])
    assert "&lt;b&gt;pairs" in text
    assert "<b>pairs" not in text


def test_snapshots_are_chosen_by_islands() -> None:
    kept = [0, 5, 10, 20, 40, 80]
    islands = {0: 0.0, 5: 3.0, 10: 9.0, 20: 20.0, 40: 12.0, 80: 2.0}
    assert choose_snapshots(kept, islands) == {"islands": 10, "peak": 20, "final": 80}
    assert choose_snapshots(kept, {0: 0.0, 5: 3.0, 80: 9.0}) == {"islands": 5, "final": 80}
    assert choose_snapshots(kept, {}) == {"final": 80}
    assert choose_snapshots([], {}) == {}


def test_pass_at_k_is_drawn_at_the_ends_and_evenly_between() -> None:
    steps = np.array([0, 1, 2, 5, 10, 20, 50])
    values = np.array([0.0, 0.01, 0.02, 0.3, 0.5, 0.7, 1.0])
    assert spread(steps, values, 4) == [0, 5, 20, 50]
    assert spread(steps[:1], values[:1], 6) == [0]


def test_heat_map_bins_hold_enough_rollouts_and_sort_by_first_half() -> None:
    accuracy = np.array([[0.0, 0.6, 0.2], [0.9, 0.0, 0.0], [0.1, 0.2, 0.4]])
    assert first_half(accuracy).tolist() == [1, 0, np.inf]
    rows, merged = grouped(np.repeat([[0.0], [1.0]], 401, axis=0))
    assert merged == 3
    assert len(rows) == -(-802 // 3)
    assert rows.mean() == pytest.approx(0.5, abs=0.01)


def test_heat_map_bins_of_a_short_run(run: Run) -> None:
    problems = WalksData(run).problems
    assert problems is not None
    accuracy, width = binned_accuracy(problems.correct_count, problems.samples)
    rollouts = run.config.learner.rollouts
    assert width * rollouts >= 24
    assert accuracy.shape == (16, -(-40 // width))
    assert accuracy[:, 0] == pytest.approx(problems.correct_count[:width].sum(axis=0) / (width * rollouts))


def random_forest(nodes: int, parts: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    sources = np.arange(parts, nodes)
    return sources, np.array(
        [rng.integers(node % parts, node) // parts * parts + node % parts for node in sources]
    )


@pytest.mark.parametrize("seed", range(3))
def test_layout_keeps_edges_short_nodes_apart_and_components_disjoint(seed: int) -> None:
    sources, targets = random_forest(150, 12, seed)
    nodes, position = layout.places(sources, targets)
    again = layout.places(sources, targets)[1]
    assert np.array_equal(position, again)
    assert np.isfinite(position).all()
    start, end = (position[np.searchsorted(nodes, ids)] for ids in (sources, targets))
    lengths = np.hypot(*(end - start).T)
    assert np.median(lengths) == pytest.approx(1, abs=0.25)
    apart = np.hypot(*(position[:, None] - position[None]).transpose(2, 0, 1))
    other = (nodes[:, None] - nodes[None]) % 12 != 0
    # Cells that components may not share lie at least one cell apart, less the rounding to cells.
    assert apart[other].min() > packing.CELL


def test_layout_draws_tied_components_near() -> None:
    chains = np.arange(40).reshape(20, 2)
    loose = layout.places(chains[:, 0], chains[:, 1])[1]
    tied = layout.places(chains[:, 0], chains[:, 1], ties=np.array([[1], [39]]))[1]
    gap = [float(np.hypot(*(place[1] - place[39]))) for place in (loose, tied)]
    assert gap[1] < gap[0]


def test_layout_of_nothing_and_of_a_cycle() -> None:
    nothing = np.zeros(0, int)
    assert layout.places(nothing, nothing)[1].shape == (0, 2)
    ring = np.arange(12)
    position = layout.places(ring, np.roll(ring, 1))[1]
    radius = np.hypot(*(position - position.mean(axis=0)).T)
    assert radius == pytest.approx(np.full(12, radius.mean()), rel=0.02)


def web(*edges: tuple[int, int]) -> Web:
    return Web.from_edges(*np.array(edges, np.int32).T, size=20)


def test_last_web_alone_decides_what_is_laid_out_together() -> None:
    found = layout.lay_out(web((0, 1), (1, 5), (9, 10), (10, 6)), web((0, 1), (2, 1), (5, 6), (7, 6)))
    nodes, position = found.nodes, found.position
    assert nodes.tolist() == [0, 1, 2, 5, 6, 7, 9, 10]
    at = dict(zip(nodes.tolist(), position))
    # 9 and 10 are gone at the end: they hang on to 6 by edges of the usual length.
    assert np.hypot(*(at[9] - at[10])) == pytest.approx(1, abs=0.2)
    assert np.hypot(*(at[10] - at[6])) == pytest.approx(1, abs=0.2)


def test_groups_are_the_largest_islands_of_the_last_web_and_all_else_is_none() -> None:
    last = web((0, 1), (1, 2), (2, 3), (4, 5), (6, 7), (7, 8), (9, 10), (11, 12), (13, 14))
    found = layout.lay_out(web((0, 1), (15, 16)), last)
    group, names = concept_web.island_groups(last, found)
    of = dict(zip(found.nodes.tolist(), group.tolist()))
    assert [of[node] for node in (0, 3, 6, 4, 9, 11, 13, 15)] == [0, 0, 1, 2, 3, 4, -1, -1]
    assert names[0] == "largest at the end: 4 nodes"
    assert len(names) == 5


def test_a_window_narrows_at_both_ends_and_stays_centred() -> None:
    values = np.array([0.0, 2.0, 4.0, 6.0, 8.0, 10.0])
    middle, low, high = windowed_range(values, 5)
    assert middle.tolist() == values.tolist()
    assert low.tolist() == [0.0, 0.0, 0.0, 2.0, 6.0, 10.0]
    assert high.tolist() == [0.0, 4.0, 8.0, 10.0, 10.0, 10.0]


def test_the_heating_signal_is_marked_where_it_fired(tmp_path: Path) -> None:
    run = launch.run(small(), tmp_path / "run")
    assert signal_step(run.events()) is None
    assert "heating_signal" not in {mark.name for mark in over_updates(WalksData(run))["marks"]}
    events = run.events()
    note(events, 7, "heating_signal")
    run.events = lambda: events  # type: ignore[method-assign]
    source = WalksData(run)
    (found,) = [mark for mark in over_updates(source)["marks"] if mark.name == "heating_signal"]
    assert (found.label, found.step) == ("heating signal", 7)


def test_a_run_whose_name_is_no_text_is_reported(tmp_path):
    run = launch.run(small(steps=6), tmp_path / "run").path.rename(tmp_path / "r\udce9n")
    assert has_report(write(Run(run)).parent)
