"""The web for other programs: read back, it is the web of the run; nothing else is overwritten."""

import json
import xml.etree.ElementTree as xml

import networkx as nx
import numpy as np
import polars as pl
import pytest
from logs import as_trl, rollouts
from PIL import Image

import conet
from conet.cli import main
from conet.report.animate import colours, picture, timed
from conet.views.walks.web_through_time import web_through_time
from conet.views.walks_data import WalksData

STEPS = (0, 7, 20, 40)
SMALL = conet.preset("smoke").override(
    {
        "steps": 40,
        "graph.nodes": 60,
        "graph.degree": 6,
        "problems.count": 10,
        "problems.max_length": 8,
        "learner.learning_rate": 20.0,
        "snapshots.steps": STEPS,
    }
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return conet.run(SMALL, tmp_path_factory.mktemp("export") / "run")


def written(capsys, *arguments) -> dict:
    main(["export", *map(str, arguments), "--json"])
    return json.loads(capsys.readouterr().out.splitlines()[-1])


@pytest.mark.parametrize(("format", "read"), [("graphml", nx.read_graphml), ("gexf", nx.read_gexf)])
def test_the_last_web_read_back(run, tmp_path, capsys, format, read):
    out = tmp_path / "web"
    found = written(capsys, run.path, "--format", format, "--out", out)
    web, network = run.web(), read(out)
    assert found == {
        "file": str(out),
        "format": format,
        "steps": [40],
        "threshold": 0.3,
        "nodes": len(web.nodes),
        "edges": len(web.edges),
    }
    assert {int(node) for node in network} == set(web.nodes.tolist())
    edges = {(int(one), int(other)): values for one, other, values in network.edges(data=True)}
    assert set(edges) == set(zip(web.sources.tolist(), web.targets.tolist()))
    for ends, weight in zip(zip(web.sources.tolist(), web.targets.tolist()), web.weights.tolist()):
        assert edges[ends]["weight"] == edges[ends]["probability"] == weight
    for node, values in network.nodes(data=True):
        assert values["role"] == web.attributes["role"][int(node)]
        assert values["traffic"] == web.attributes["traffic"][int(node)]
        assert values["island"] == web.labels[int(node)]


def test_gexf_has_each_web_at_its_step(run, tmp_path, capsys):
    out = tmp_path / "web.gexf"
    assert written(capsys, run.path, "--format", "gexf", "--step", "all", "--out", out)["steps"] == list(
        STEPS
    )
    assert xml.parse(out).getroot()[1].attrib["timeformat"] == "double"  # Gephi knows no "long"
    network = nx.read_gexf(out)

    def alive(values, step):
        return any(start <= step <= end for start, end in values["spells"])

    def at(values, step):
        (value,) = [value for value, start, end in values if start <= step < end]
        return value

    for step, web in run.webs():
        edges = {(int(a), int(b)): values for a, b, values in network.edges(data=True) if alive(values, step)}
        assert set(edges) == set(zip(web.sources.tolist(), web.targets.tolist()))
        for ends, weight in zip(zip(web.sources.tolist(), web.targets.tolist()), web.weights.tolist()):
            assert at(edges[ends]["probability"], step) == weight
        nodes = {int(node): values for node, values in network.nodes(data=True) if alive(values, step)}
        assert set(nodes) == set(web.nodes.tolist())
        number = {node: at(values["island"], step) for node, values in nodes.items()}
        for one in nodes:
            assert at(nodes[one]["traffic"], step) == web.attributes["traffic"][one]
            for other in nodes:
                assert (number[one] == number[other]) == (web.labels[one] == web.labels[other])


def test_csv_and_graphml_of_all_steps(run, tmp_path, capsys):
    written(capsys, run.path, "--format", "csv", "--step", "all", "--out", tmp_path / "edges.csv")
    table = pl.read_csv(tmp_path / "edges.csv")
    for step, web in run.webs():
        rows = table.filter(pl.col("step") == step)
        assert rows.select("source", "target").rows() == list(zip(web.sources.tolist(), web.targets.tolist()))
        assert rows["probability"].to_list() == web.weights.tolist()
        assert rows["source_role"].to_list() == web.attributes["role"][web.sources].tolist()
    written(capsys, run.path, "--format", "graphml", "--step", "all", "--out", tmp_path / "web.graphml")
    network = nx.read_graphml(tmp_path / "web.graphml")
    seen = table.group_by("source", "target").agg(first=pl.col("step").min(), last=pl.col("step").max())
    assert {
        (int(a), int(b), values["first_step"], values["last_step"])
        for a, b, values in network.edges(data=True)
    } == (set(seen.rows()))


def test_traffic_of_the_edges_is_that_of_the_snapshot(run, tmp_path, capsys):
    written(capsys, run.path, "--format", "csv", "--step", "20", "--out", tmp_path / "edges.csv")
    arrays, graph = run.snapshot(20), run.graph()
    counts = dict(zip(arrays["traffic_edges"].tolist(), arrays["traffic_counts"].tolist()))
    ends = list(zip(graph.sources().tolist(), graph.targets.tolist()))
    expected = {ends[edge]: counts.get(edge, 0) for edge in run.web(20).edges.tolist()}
    rows = pl.read_csv(tmp_path / "edges.csv").select("source", "target", "traffic").rows()
    assert {(source, target): traffic for source, target, traffic in rows} == expected


def test_an_earlier_export_is_replaced_and_nothing_else(run, tmp_path, capsys):
    for format, other in (("graphml", "csv"), ("gexf", "csv"), ("csv", "gexf")):
        out = tmp_path / format
        for _ in range(2):
            main(["export", str(run.path), "--format", format, "--out", str(out)])
        before = out.read_bytes()
        with pytest.raises(SystemExit) as left:
            main(["export", str(run.path), "--format", other, "--out", str(out)])
        assert (left.value.code, out.read_bytes()) == (2, before)
    config = run.path / "config.json"
    before = config.read_bytes()
    with pytest.raises(SystemExit):
        main(["export", str(run.path), "--format", "csv", "--out", str(config)])
    assert config.read_bytes() == before
    assert "which is another file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("--step", "5"), "a snapshot step: 0, 7, 20, 40"),
        (("--step", "soon"), "--step 'soon'"),
        (("--threshold", "0"), "--threshold 0"),
        (("--threshold", "nan"), "--threshold 'nan'"),
        (("--threshold", "1", "--step", "0"), "no edge with a probability of 1 or more at step 0"),
    ],
)
def test_what_cannot_be_exported_is_said(run, tmp_path, capsys, arguments, what):
    with pytest.raises(SystemExit) as left:
        main(["export", str(run.path), "--format", "csv", "--out", str(tmp_path / "x"), *arguments])
    lines = capsys.readouterr().err.splitlines()
    assert (left.value.code, len(lines)) == (2, 1)
    assert what in lines[0]
    assert not (tmp_path / "x").exists()


def test_a_directory_that_is_no_run(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["export", str(tmp_path), "--format", "csv", "--out", str(tmp_path / "x")])
    assert "config.json" in capsys.readouterr().err
    assert np.size(list(tmp_path.iterdir())) == 0


# The web growing ------------------------------------------------------------------------------------


def test_an_animation_has_each_snapshot_at_one_place_and_is_replaced(run, tmp_path, capsys):
    out = tmp_path / "web.gif"
    for seconds in (4, 9):
        main(["animate", str(run.path), "--out", str(out), "--seconds", str(seconds), "--json"])
        found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (found["file"], found["steps"], found["seconds"]) == (str(out), list(STEPS), 9)
    with Image.open(out) as image:
        stands = [(image.seek(frame), image.info["duration"])[1] for frame in range(image.n_frames)]
        assert image.size == (found["width"], found["height"])
    assert sum(stands) == pytest.approx(9000, abs=10 * len(stands))
    assert len(stands) == 4 + 3 * 3  # snapshots, and what fades from each to the next


def test_pictures_of_an_animation_keep_the_places(run):
    view = web_through_time(WalksData(run))
    places = {(panel.nodes.id, panel.nodes.x, panel.nodes.y) for panel in view.panels}
    assert [panel.step for panel in view.panels] == list(STEPS)
    assert len(places) == 1
    for (_, web), panel in zip(run.webs(), view.panels):
        ends = [np.array(panel.nodes.id)[list(end)] for end in (panel.edges.source, panel.edges.target)]
        assert ends[0].tolist() == web.sources.tolist()
        assert ends[1].tolist() == web.targets.tolist()


def test_words_of_an_animation_do_not_fade(run):
    view = web_through_time(WalksData(run))
    pictures = [picture(view, panel) for panel in view.panels[2:]]
    shown = [image for image, _ in timed(pictures, 10)]
    header = pictures[0].info["header"]
    assert header > 20
    for image in shown:
        words = np.asarray(image)[:header]
        assert any(np.array_equal(words, np.asarray(one)[:header]) for one in pictures)


def test_a_gif_has_the_colours_of_the_figure(run):
    view = web_through_time(WalksData(run))
    drawn = picture(view, view.panels[-1])
    seen = np.asarray(drawn.quantize(palette=colours(), dither=Image.Dither.NONE).convert("RGB"), int)
    assert np.abs(seen - np.asarray(drawn, int)).max() < 24  # edges of lines are mixed from two colours


def fake_ffmpeg(folder, body):
    program = folder / "ffmpeg"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (None, "without ffmpeg"),
        ("cat > /dev/null; echo unknown codec >&2; exit 1", "ffmpeg: unknown codec"),
        ("cat > /dev/null", "ffmpeg: no video"),
    ],
)
def test_a_video_needs_ffmpeg(run, tmp_path, monkeypatch, capsys, body, what):
    if body:
        fake_ffmpeg(tmp_path, body)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin" if body else str(tmp_path))
    with pytest.raises(SystemExit) as left:
        main(["animate", str(run.path), "--out", str(tmp_path / "web.mp4")])
    assert left.value.code == 2
    assert what in capsys.readouterr().err
    assert not (tmp_path / "web.mp4").exists()


def test_a_video_is_all_pictures_at_a_steady_pace(run, tmp_path, monkeypatch, capsys):
    fake_ffmpeg(tmp_path, 'for last; do :; done; echo "$@" > "$last"; wc -c >> "$last"')
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    main(["animate", str(run.path), "--out", str(tmp_path / "web.mp4"), "--seconds", "4", "--json"])
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    asked, size = (tmp_path / "web.mp4").read_text().splitlines()
    frame = found["width"] * found["height"] * 3
    assert f"{found['width']}x{found['height']} -r 25" in asked
    assert int(size) % frame == 0
    assert int(size) // frame == pytest.approx(100, abs=8)  # 4 seconds, each picture rounded to whole frames


@pytest.mark.parametrize(
    ("name", "seconds", "what"), [("web.png", "5", "ends in .gif or .mp4"), ("web.gif", "0", "--seconds 0")]
)
def test_an_animation_of_another_kind_or_no_time(run, tmp_path, capsys, name, seconds, what):
    with pytest.raises(SystemExit):
        main(["animate", str(run.path), "--out", str(tmp_path / name), "--seconds", seconds])
    assert what in capsys.readouterr().err


def test_a_run_without_webs_has_no_animation(tmp_path, capsys):
    bare = conet.run(
        SMALL.override({"steps": 1, "snapshots.steps": (), "learner.learning_rate": 0.01}), tmp_path / "bare"
    )
    with pytest.raises(SystemExit):
        main(["animate", str(bare.path), "--out", str(tmp_path / "web.gif")])
    assert "No edge reaches the threshold" in capsys.readouterr().err


def test_what_is_counted_and_which_snapshots_were_searched_is_said(run, tmp_path, capsys):
    main(["export", str(run.path), "--format", "csv", "--step", "all", "--out", str(tmp_path / "x.csv")])
    assert "rows, one an edge and step" in capsys.readouterr().out
    none = ["--step", "all", "--threshold", "1", "--out", str(tmp_path / "x.gexf")]
    with pytest.raises(SystemExit):
        main(["export", str(run.path), "--format", "gexf", *none])
    assert "at any snapshot (step 0, " in capsys.readouterr().err


def test_a_log_has_no_web_to_export(tmp_path, capsys):
    """Without --threshold too, which is then that of the run's settings."""
    log = as_trl(rollouts(np.full((6, 4), 0.5)), tmp_path / "log")
    for arguments in ((), ("--threshold", "0.3")):
        with pytest.raises(SystemExit) as ended:
            main(["export", str(log), "--format", "csv", "--out", str(tmp_path / "web.csv"), *arguments])
        assert ended.value.code == 2
        error = capsys.readouterr().err
        assert "a log, which has none" in error
        assert error.count("\n") == 1
