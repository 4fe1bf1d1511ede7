"""Watching a training: waits, follows, rings once."""

import io
import json

import numpy as np
import polars as pl
import pytest
from logs import as_trl, as_verl, rollouts, two_stages, valley
from rich.console import Console
from rich.live import Live

import conet
from conet.base.errors import ConetError
from conet.cli import main, watch
from conet.cli.diagnose import examined
from conet.diagnosis import diagnose
from conet.readers import open_run, parse_column_mapping

ACCURACY = two_stages(80, 30)
ACCURACY[:, :8] = 0.06  # hard ones, so that there is something to heat on
ROWS = rollouts(ACCURACY, valley(80, 30, low=30.0))


@pytest.fixture(autouse=True)
def _no_pages(monkeypatch):
    """Reports are tested elsewhere; here they would only take time."""

    def page(found, out, *drawing):
        (out / "report.html").write_text(str(found.findings["last_step"]))
        return out / "report.html"

    monkeypatch.setattr("conet.report.diagnosis.write", page)


@pytest.fixture
def training(monkeypatch, tmp_path):
    """A training that goes on while the watcher sleeps: the steps up to each of these, one by one."""

    def start(*until: int, write=as_verl):
        moments = iter(until)
        slept = []

        def sleep(seconds):
            slept.append(seconds)
            last = next(moments, None)
            if last is not None:
                write(ROWS.filter(pl.col("step") <= last), tmp_path / "run" / "rollouts")

        monkeypatch.setattr("time.sleep", sleep)
        return slept

    return start


def follow(folder, refreshes, **options):
    watch.follow(open_run(folder / "run"), looks(folder / "out"), options.get("interval", 0.0), refreshes)


def looks(out):
    def look(record):
        found, numbers = examined(record, out, None)
        return found, numbers["report"]

    return look


def test_it_waits_follows_and_rings_once(training, tmp_path, capsys):
    training(5, 20, 50, 55, 55)
    follow(tmp_path, 6)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("waiting:")
    assert [line.split()[1] for line in lines[1:4]] == ["5", "20", "50"]
    assert "heat NOW" in lines[3]
    assert [line for line in lines if "\a" in line] == ["\atime to heat"]
    assert lines.index("\atime to heat") == 4
    assert [line.split()[1] for line in lines[5:]] == ["55"]  # nothing is said when nothing is new
    assert (tmp_path / "out" / "report.html").read_text() == "55"
    assert pl.read_parquet(tmp_path / "out" / "steps.parquet").height == 56


def test_a_file_that_is_being_written_is_read_when_it_is_whole(training, tmp_path, capsys):
    run = tmp_path / "run"
    as_trl(ROWS.filter(pl.col("step") < 3), run)
    whole = run / "completions" / "completions_00002.parquet"
    content = whole.read_bytes()
    whole.write_bytes(content[: len(content) // 2])
    training(write=lambda *_: None)
    collector = open_run(run)
    watch.follow(collector, looks(tmp_path / "out"), 0.0, 1)
    whole.write_bytes(content)
    watch.follow(collector, looks(tmp_path / "out"), 0.0, 1)
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()] == ["1", "2"]


def test_it_rests_longer_where_a_look_takes_long(training, tmp_path, monkeypatch):
    slept = training(3)
    ticks = iter(np.arange(0, 1000, 7.0))
    monkeypatch.setattr("time.monotonic", lambda: next(ticks))
    follow(tmp_path, 3, interval=5.0)
    assert slept == [14.0, 14.0]


def test_what_cannot_mend_itself_is_an_error(tmp_path):
    as_verl(ROWS.filter(pl.col("step") == 1), tmp_path / "run" / "rollouts")
    collector = open_run(tmp_path / "run", given=parse_column_mapping("correct=solved"))
    with pytest.raises(ConetError, match="got --map correct=solved"):
        watch.follow(collector, looks(tmp_path / "out"), 0.0, 1)


def test_ctrl_c_ends_it(tmp_path, monkeypatch, capsys):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", interrupt)
    main(["watch", str(tmp_path / "run"), "--out", str(tmp_path / "out")])
    assert "waiting" in capsys.readouterr().out


def test_where_nothing_comes_in_any_more_it_says_once_that_it_waits(training, tmp_path, capsys):
    training(5, 5, 5, 20, 20, 20)
    follow(tmp_path, 7)
    said = capsys.readouterr()
    assert [line.split()[1] for line in said.out.splitlines() if line.startswith("step")] == ["5", "20"]
    assert said.err.splitlines() == ["nothing new since step 5: waiting for more; Ctrl-C ends"]


def test_of_a_run_that_has_ended_it_says_so(tmp_path, monkeypatch, capsys):
    conet.run(conet.preset("smoke").override({"steps": 5}), tmp_path / "run")
    monkeypatch.setattr("time.sleep", lambda _: None)
    main(["watch", str(tmp_path / "run"), "--out", str(tmp_path / "out"), "--refreshes", "2"])
    assert "nothing new since step 4: the run is finished; Ctrl-C ends" in capsys.readouterr().err


def test_a_run_that_ends_while_it_is_watched_is_said_to_have_ended(capsys):
    view = watch.Plain()
    for finished in (False, False, True, True):
        view.rest(finished)
    said = [line.partition(": ")[2] for line in capsys.readouterr().err.splitlines()]
    assert said == ["waiting for more; Ctrl-C ends", "the run is finished; Ctrl-C ends"]


def test_the_view_in_a_terminal(tmp_path):
    as_verl(ROWS, tmp_path / "run" / "rollouts")
    found = diagnose(tmp_path / "run")
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=110)
    with Live(console=console, auto_refresh=False) as live:
        view = watch.Terminal(live)
        view.wait("nothing yet")
        view.show(found, "out/report.html")
        view.rest(finished=False)
        view.ring()
    text = screen.getvalue()
    parts = ("waiting: nothing yet", "slow stage", "learned | forgotten | dead", "waiting for more", "\a")
    for part in parts:
        assert part in text


LOG = "step,prompt,completion,reward\n"
CONFIG = '{"model_type": "qwen"}'


def dump(folder, step, told=True):
    """Write a dump of verl, with or without its step."""
    rows = ROWS.filter(pl.col("step") == step).select(
        *(["step"] if told else []), input="prompt", output="completion", score="accuracy_reward"
    )
    folder.mkdir(parents=True, exist_ok=True)
    rows.write_ndjson(folder / f"{step}.jsonl")


@pytest.mark.parametrize(
    ("watched", "name", "content", "then"),
    [
        (".", "val/0.jsonl", CONFIG, lambda run: dump(run / "train", 1)),
        (".", "config.json", CONFIG, lambda run: as_trl(ROWS.filter(pl.col("step") == 1), run)),
        (
            ".",
            "config.json",
            CONFIG.replace(" ", "\n"),
            lambda run: as_trl(ROWS.filter(pl.col("step") == 1), run),
        ),
        (".", "1.jsonl", "", lambda run: dump(run, 1, told=False)),
        (".", "1.jsonl", '{"input": "pro', lambda run: dump(run, 1, told=False)),
        ("log.csv", "log.csv", "step,pro", lambda run: (run / "log.csv").write_text(LOG + "1,p,a,1\n")),
        ("log.csv", "log.csv", LOG, lambda run: (run / "log.csv").write_text(LOG + "1,p,a,1\n")),
    ],
)
def test_what_is_there_before_the_first_rollouts_is_waited_through(
    watched, name, content, then, tmp_path, monkeypatch, capsys
):
    run = tmp_path / "run"
    (run / name).parent.mkdir(parents=True)
    (run / name).write_text(content)
    monkeypatch.setattr("time.sleep", lambda _: then(run))
    watch.follow(open_run(run / watched), looks(tmp_path / "out"), 0.0, 2)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("waiting:")
    assert [line.split()[1] for line in lines[1:]] == ["1"]


def test_a_file_written_anew_with_as_many_rows_is_noticed(tmp_path, monkeypatch, capsys):
    rows = ROWS.filter(pl.col("step") == 1)
    monkeypatch.setattr(
        "time.sleep", lambda _: as_verl(rows.with_columns(accuracy_reward=pl.lit(1.0)), tmp_path / "run")
    )
    as_verl(rows.with_columns(accuracy_reward=pl.lit(0.0)), tmp_path / "run")
    watch.follow(open_run(tmp_path / "run"), looks(tmp_path / "out"), 0.0, 2)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line[5] for line in lines if line[0] == "step"] == ["0.000", "1.000"]


def test_names_that_are_no_text_or_look_like_markup(tmp_path, monkeypatch, capsys):
    run = tmp_path / "r\udce9n[/x]"
    as_verl(ROWS.filter(pl.col("step") < 3), run / "rollouts")
    (run / "rollouts" / "9\udce9.jsonl").write_bytes(b"PAR1torn")
    monkeypatch.setattr("time.sleep", lambda _: None)
    main(["diagnose", str(run), "--out", str(tmp_path / "out"), "--json"])
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said["path"] == str(tmp_path / "r?n[/x]")
    assert list(said["skipped_files"]) == ["9?.jsonl"]
    assert json.loads((tmp_path / "out" / "diagnosis.json").read_text()) == said
    screen = io.StringIO()
    with Live(console=Console(file=screen, force_terminal=True, width=200), auto_refresh=False) as live:
        watch.Terminal(live).show(diagnose(run), said["report"])
    assert r"r\udce9n[/x]" in screen.getvalue()


def test_a_place_with_nothing_in_it_is_an_error_once_the_looks_are_used_up(tmp_path, capsys):
    out = ["--interval", "0", "--out", str(tmp_path / "out")]
    for refreshes, words in (("1", "nope"), ("0", "got --refreshes 0; expected at least one look")):
        with pytest.raises(SystemExit) as ended:
            main(["watch", str(tmp_path / "nope"), "--refreshes", refreshes, *out])
        assert ended.value.code == 2
        assert words in capsys.readouterr().err
