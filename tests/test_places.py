"""Where output may go: one rule for folders and files, devices and links, and remedies that fit."""

import ast
import errno
import fcntl
import importlib
import json
import os
import re
import socket
import stat
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import polars as pl
import pytest
from logs import as_trl, rollouts, two_stages

import conet
from conet.base import kinds, places
from conet.base.errors import ConetError
from conet.base.files import cannot_write, write_atomic
from conet.base.leftovers import hold, is_temporary, remove_temporaries
from conet.cli import explain, main

TINY = {"steps": 4, "graph.nodes": 40, "graph.degree": 5, "problems.count": 6, "snapshots.steps": (0, 4)}
SOURCE = Path(conet.__file__).parent
GIVEN = ["--max-accuracy", "0.9", "--min-samples", "4"]


class Killed(BaseException):
    """Stands for the end of the process."""


def command(capfd, *arguments) -> tuple[int, str, list[str]]:
    """Exit code, stdout and the lines of stderr."""
    code = 0
    try:
        main([str(argument) for argument in arguments])
    except SystemExit as end:
        code = int(end.code or 0)
    captured = capfd.readouterr()
    return code, captured.out, captured.err.splitlines()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A run, a log, and what a sweep's file says."""
    place = tmp_path_factory.mktemp("world")
    conet.run(conet.preset("smoke").override(TINY), place / "run")
    as_trl(rollouts(two_stages(12, 6)), place / "log")
    grid = {"preset": "smoke", "seeds": 1, "grid": {key: [value] for key, value in TINY.items()}}
    del grid["grid"]["snapshots.steps"]
    (place / "grid.json").write_text(json.dumps(grid))
    return place


@pytest.fixture(autouse=True)
def _no_pages(monkeypatch):
    """Pages are tested elsewhere; here they would only take time."""
    monkeypatch.setattr("conet.report.pages.pictures", lambda views, drawers=None: [])


# Folders ---------------------------------------------------------------------------------------------


def calls(world: Path, out: Path) -> dict[str, list[str]]:
    """The commands that leave a folder; what the first four make differs."""
    return {
        "diagnose": ["diagnose", str(world / "log"), "--out", str(out)],
        "compare": ["compare", str(world / "run"), str(world / "log"), "--out", str(out)],
        "sweep": ["sweep", str(world / "grid.json"), "--jobs", "1", "--out", str(out)],
    }


def test_each_command_takes_its_own_folders_and_no_others(world, tmp_path, capfd):
    for name in calls(world, tmp_path):
        for _ in range(2):
            code, _, lines = command(capfd, *calls(world, tmp_path / name)[name])
            assert code == 0, lines
    before = tree(tmp_path)
    for name in calls(world, tmp_path):
        for other in calls(world, tmp_path):
            if other != name:
                code, out, lines = command(capfd, *calls(world, tmp_path / other)[name])
                assert (code, out, len(lines)) == (2, "", 1)
                assert lines[0].startswith(
                    f"conet: got --out {tmp_path / other}, which is not empty; expected "
                )
                assert "a new or an empty folder, or one with a" in lines[0]
                assert lines[0].endswith("choose another")
    with pytest.raises(ConetError, match="which is not empty"):  # it has cells too
        places.check_folder(tmp_path / "sweep", kinds.CLAIMS)
    code, _, lines = command(capfd, "run", "--preset", "smoke", "--out", tmp_path / "sweep")
    assert (code, len(lines)) == (2, 1)
    assert "a new or an empty folder; choose another" in lines[0]
    assert tree(tmp_path) == before


def tree(path: Path) -> dict[str, bytes]:
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


@pytest.mark.parametrize("kind", kinds.KINDS)
@pytest.mark.parametrize("content", ["{}", "[]", "{", "mine", '{"heat": 1}'])
def test_a_file_of_the_same_name_is_no_mark(kind, content, tmp_path):
    (tmp_path / kind.mark).write_text(content)
    with pytest.raises(ConetError, match="which is not empty"):
        places.check_folder(tmp_path, kind)


@pytest.mark.parametrize("kind", [kinds.SWEEP, kinds.CLAIMS])
def test_a_folder_of_cells_alone_is_gone_on_in_and_one_of_other_things_is_not(kind, tmp_path):
    (tmp_path / "cells").mkdir()
    places.check_folder(tmp_path, kind)
    (tmp_path / "cells" / f"{'0a' * 16}.safetensors").write_text("")
    places.check_folder(tmp_path, kind)
    with pytest.raises(ConetError):
        places.check_folder(tmp_path, kinds.DIAGNOSIS)
    (tmp_path / kinds.UNFINISHED).write_text(f"{kind.name}\n")
    places.check_folder(tmp_path, kind)
    with pytest.raises(ConetError):  # the cells are those of the other kind
        places.check_folder(tmp_path, {kinds.SWEEP: kinds.CLAIMS, kinds.CLAIMS: kinds.SWEEP}[kind])
    (tmp_path / kinds.UNFINISHED).unlink()
    (tmp_path / "cells" / "mitochondria.csv").write_text("mine")
    with pytest.raises(ConetError):
        places.check_folder(tmp_path, kind)


@pytest.mark.parametrize("name", ["report.html", "table.csv", "figures", "notes.txt"])
@pytest.mark.parametrize("kind", [kinds.SWEEP, kinds.CLAIMS])
def test_beside_cells_stands_only_what_is_written_after_them(kind, name, tmp_path):
    (tmp_path / "cells").mkdir()
    for place in kinds.SWEEP.first if kind is kinds.SWEEP else ():  # as a killed one leaves them
        places.check_folder(tmp_path, kind)
        (tmp_path / place).write_text("")
    places.check_folder(tmp_path, kind)
    for place in kinds.SWEEP.first:
        (tmp_path / place).unlink(missing_ok=True)
    (tmp_path / name).write_text("mine")
    with pytest.raises(ConetError, match="which is not empty"):
        places.check_folder(tmp_path, kind)


def test_an_interrupted_sweep_says_that_it_is_one(world, tmp_path, capfd, monkeypatch):
    def killed(*arguments):
        raise Killed

    with monkeypatch.context() as dying:
        dying.setattr("conet.cells.sweep.write_table", killed)
        with pytest.raises(Killed):
            main(calls(world, tmp_path / "out")["sweep"])
    places.check_folder(tmp_path / "out", kinds.SWEEP)
    with pytest.raises(ConetError, match="which is not empty"):
        places.check_folder(tmp_path / "out", kinds.CLAIMS)
    assert command(capfd, *calls(world, tmp_path / "out")["sweep"])[0] == 0
    assert not hidden(tmp_path / "out")


def test_a_link_to_a_folder_is_followed(world, tmp_path, capfd):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    for _ in range(2):
        assert command(capfd, *calls(world, tmp_path / "link")["diagnose"])[0] == 0
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "diagnosis.json").exists()
    (tmp_path / "dangling").symlink_to("nowhere")
    code, _, lines = command(capfd, *calls(world, tmp_path / "dangling")["diagnose"])
    assert (code, len(lines)) == (2, 1)
    assert "which is no folder" in lines[0]


def test_a_folder_whose_first_output_never_became_whole_is_filled_again(world, tmp_path, capfd, monkeypatch):
    """Killed at each write: the next call goes through, leaves nothing hidden, and no other kind may go in."""
    from conet.base import files

    replace, at = os.replace, [0]

    def killed(*arguments):
        at[0] -= 1
        if at[0] < 0:
            raise Killed
        replace(*arguments)

    for number in range(4):
        out = tmp_path / str(number)
        with monkeypatch.context() as dying:
            dying.setattr(files.os, "replace", killed)
            at[0] = number
            with pytest.raises(Killed):
                main(calls(world, out)["diagnose"])
        assert not (out / "diagnosis.json").exists()
        code, _, lines = command(capfd, *calls(world, out)["compare"])
        assert code == (2 if number else code), lines
        if code == 2:
            assert command(capfd, *calls(world, out)["diagnose"])[0] == 0
        assert not hidden(out)


def hidden(path: Path) -> list[str]:
    return [str(file) for file in path.rglob(".*")]


# Single files ----------------------------------------------------------------------------------------


def file_calls(world: Path, out: object) -> dict[str, list[str]]:
    """The commands that write one file."""
    export = ["export", str(world / "run"), "--threshold", "0.01", "--out", str(out), "--format"]
    return {
        "heat": ["heat", str(world / "log"), *GIVEN, "--out", str(out)],
        "graphml": [*export, "graphml"],
        "gexf": [*export, "gexf"],
        "csv": [*export, "csv"],
        "animate": ["animate", str(world / "run"), "--out", str(out)],
    }


NAMES = ["heat", "graphml", "gexf", "csv", "animate"]


@pytest.fixture
def _quick_pictures(monkeypatch):
    """One small picture in the place of each web."""
    from PIL import Image

    def picture(view, panel):
        image = Image.new("RGB", (8, 8), "white")
        image.info["header"] = 1
        return image

    monkeypatch.setattr("conet.report.animate.picture", picture)


FOREIGN = {
    "text": b"mine",
    "json": b'{"prompt": "a", "completion": "b"}\n',
    "words": b"how to call conet export and conet animate\nconet figure\n",
    "html": b"<html>\n<!-- conet export 0.1 -->\n</html>",
    "gif": b"GIF89a without our comment",
    "header": b"step,source,target,probability,traffic,island,source_role,target_role,mine\n1,2,3,4,5,6,7,8,9\n",
}


@pytest.mark.usefixtures("_quick_pictures")
@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_is_something_else_is_left_alone(name, world, tmp_path, capfd):
    out = tmp_path / "web.gif"
    for content in FOREIGN.values():
        out.write_bytes(content)
        code, said, lines = command(capfd, *file_calls(world, out)[name])
        assert (code, said, len(lines)) == (2, "", 1), content
        assert "which is another file; expected a new file, or " in lines[0]
        assert out.read_bytes() == content
    out.unlink()
    out.mkdir()
    code, _, lines = command(capfd, *file_calls(world, out)[name])
    assert code == 2
    assert "which is a folder" in lines[0]
    assert os.listdir(tmp_path) == ["web.gif"]


@pytest.mark.usefixtures("_quick_pictures")
@pytest.mark.parametrize("name", NAMES)
def test_what_was_written_before_is_replaced_and_links_stay(name, world, tmp_path, capfd):
    out = tmp_path / "new" / "web.gif"
    (tmp_path / "link.gif").symlink_to("new/web.gif")
    for place in (tmp_path / "link.gif", out, tmp_path / "link.gif"):
        code, said, lines = command(capfd, *file_calls(world, place)[name])
        assert code == 0, lines
        assert said
        assert out.stat().st_size
    assert (tmp_path / "link.gif").is_symlink()
    out.write_bytes(b"")  # empty: nothing to lose
    assert command(capfd, *file_calls(world, out)[name])[0] == 0
    (out.parent / ".web.gif.99999999").write_text("half")
    (out.parent / ".mine.gif.99999999").write_text("mine")
    assert command(capfd, *file_calls(world, out)[name])[0] == 0
    assert sorted(os.listdir(out.parent)) == [".mine.gif.99999999", "web.gif"]


def test_examples_to_which_others_were_added_are_left_alone(world, tmp_path, capfd):
    out = tmp_path / "heat.jsonl"
    assert command(capfd, *file_calls(world, out)["heat"])[0] == 0
    whole = out.read_bytes() + b'{"prompt": "mine", "completion": "too"}\n'
    out.write_bytes(whole)
    assert command(capfd, *file_calls(world, out)["heat"])[0] == 2
    assert out.read_bytes() == whole


def test_examples_of_version_0_1_are_known(tmp_path):
    from conet.diagnosis.heat import check_out

    row = {"prompt": "a", "completion": "b", "problem": "a", "accuracy": 0.1, "correct": 1, "samples": 10}
    row |= {"first_step": 0, "last_step": 3, "step": 2, "length": 7}
    (tmp_path / "heat.jsonl").write_text(json.dumps(row) + "\n")
    check_out(tmp_path / "heat.jsonl")


@pytest.mark.usefixtures("_quick_pictures")
@pytest.mark.parametrize("name", NAMES)
def test_devices_and_pipes_are_written_to_and_never_replaced(name, world, tmp_path, capfd):
    null = Path("/dev/null")
    before = os.stat(null).st_rdev
    assert command(capfd, *file_calls(world, null)[name])[0] == 0
    assert stat.S_ISCHR(os.lstat(null).st_mode)
    assert os.stat(null).st_rdev == before

    plain, pipe, got = tmp_path / "plain.gif", tmp_path / "pipe.gif", []
    assert command(capfd, *file_calls(world, plain)[name])[0] == 0
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    assert command(capfd, *file_calls(world, pipe)[name])[0] == 0
    reader.join()
    assert got == [plain.read_bytes()]
    assert stat.S_ISFIFO(os.lstat(pipe).st_mode)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")
def test_a_full_device_is_one_line(world, capfd):
    code, out, lines = command(capfd, *file_calls(world, "/dev/full")["heat"])
    assert (code, out) == (2, "")
    assert "No space left on device" in lines[-1]
    assert stat.S_ISCHR(os.lstat("/dev/full").st_mode)


def test_a_socket_is_left_alone(world, tmp_path, capfd):
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(tmp_path / "s"))
        code, _, lines = command(capfd, *file_calls(world, tmp_path / "s")["heat"])
        assert (code, len(lines)) == (2, 1)
        assert stat.S_ISSOCK(os.lstat(tmp_path / "s").st_mode)


@pytest.mark.usefixtures("_quick_pictures")
@pytest.mark.parametrize("name", ["heat", "csv", "graphml"])
def test_on_the_standard_output_stands_the_file_alone(name, world, tmp_path, capfd):
    assert command(capfd, *file_calls(world, tmp_path / "plain")[name])[0] == 0
    code, out, lines = command(capfd, *file_calls(world, "/dev/stdout")[name])
    assert (code, len(lines)) == (0, 1)
    assert out == (tmp_path / "plain").read_text()
    assert lines[0].endswith("/dev/stdout")


def test_the_standard_output_may_be_appended_to_or_closed_early(world, tmp_path):
    call = [sys.executable, "-c", "import sys; from conet.cli import main; main(sys.argv[1:])"]
    call += file_calls(world, "/dev/stdout")["heat"]
    (tmp_path / "log").write_text("before\n")
    with open(tmp_path / "log", "a") as log:
        subprocess.run(call, stdout=log, stderr=subprocess.DEVNULL, check=True)
    first, *rows = (tmp_path / "log").read_text().splitlines()
    assert first == "before"
    assert rows
    assert all(json.loads(row)["prompt"] for row in rows)
    closed = subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    closed.stdout.close()
    assert "Traceback" not in closed.stderr.read()
    assert closed.wait() == 0


def test_figures_of_others_are_not_replaced(world, tmp_path, capfd):
    call = ["report", world / "run", "--format", "svg", "--out", tmp_path]
    (tmp_path / "mine.svg").write_text("mine")
    for _ in range(2):
        code, _, lines = command(capfd, *call)
        assert code == 0, lines
    (tmp_path / "accuracy.svg").exists()
    drawn = sorted(path for path in tmp_path.glob("*.svg") if path.name != "mine.svg")
    assert drawn
    (tmp_path / f".{drawn[0].name}.99999999").write_text("half")
    drawn[-1].write_text("<svg>mine</svg>")
    before = drawn[0].stat().st_mtime_ns
    code, _, lines = command(capfd, *call)
    assert (code, len(lines)) == (2, 1)
    assert f"{drawn[-1]}, which is another file; expected a new file, or an earlier figure" in lines[0]
    assert drawn[0].stat().st_mtime_ns == before
    drawn[-1].unlink()
    assert command(capfd, *call)[0] == 0
    assert not hidden(tmp_path)


@pytest.mark.parametrize("name", ["verdicts.json", "results.md"])
def test_documentation_of_others_is_not_replaced(name, tmp_path, capfd):
    (tmp_path / name).write_text('{"mine": 1}')
    code, _, lines = command(
        capfd, "reproduce", "C1", "--quick", "--write", tmp_path, "--out", tmp_path / "out"
    )
    assert (code, len(lines)) == (2, 1)
    assert "which `conet reproduce` did not write" in lines[0]
    assert sorted(os.listdir(tmp_path)) == [name]


# What a killed process left --------------------------------------------------------------------------

HOLD = """
import sys, time
from pathlib import Path
from conet.base import files
files.os.replace = lambda *_: (print("writing", flush=True), time.sleep(60))
files.write_atomic(Path(sys.argv[1]), "x" * 100)
"""


def test_who_writes_a_file_waits_for_one_that_looks_whether_it_was_left(tmp_path):
    """Else it would write without a lock, and the next one that looks would remove it."""
    path = tmp_path / ".x.json.1"
    with open(path, "wb") as looking, open(path, "ab") as writing:
        fcntl.flock(looking, fcntl.LOCK_EX)
        writer = threading.Thread(target=hold, args=[writing.fileno()])
        writer.start()
        writer.join(0.1)
        fcntl.flock(looking, fcntl.LOCK_UN)
        writer.join()
        with pytest.raises(BlockingIOError):
            fcntl.flock(looking, fcntl.LOCK_EX | fcntl.LOCK_NB)


def outputs(world, place) -> dict[str, tuple[str, list[object]]]:
    """By the name of a command that writes one file: the module that writes it, and the arguments."""
    run = world / "run"
    return {
        "heat": ("conet.diagnosis.heat", ["heat", world / "log", *GIVEN, "--out", place / "x.jsonl"]),
        "export": (
            "conet.report.export",
            ["export", run, "--format", "csv", "--threshold", "0.01", "--out", place / "x.csv"],
        ),
        "animate": ("conet.report.animate", ["animate", run, "--out", place / "x.gif"]),
        "init": ("conet.cli.template", ["llm", "init", place / "x.toml"]),
        "serve": ("conet.base.places", ["serve", run, "--export", place / "x.html"]),
    }


@pytest.mark.parametrize("name", outputs(Path(), Path()))
def test_what_came_to_stand_there_while_a_command_worked_is_not_replaced(
    name, world, tmp_path, capfd, monkeypatch
):
    where, arguments = outputs(world, tmp_path)[name]
    (place,) = (Path(str(one)) for one in arguments if str(one).startswith(str(tmp_path)))
    module, thesis = importlib.import_module(where), "my thesis, on which I worked for years\n" * 9
    write = module.write_output

    def slow(*what):
        place.write_text(thesis)
        write(*what)

    monkeypatch.setattr(module, "write_output", slow)
    code, _, lines = command(capfd, *arguments)
    assert code == 2, lines
    assert "choose another" in lines[-1]
    assert place.read_text() == thesis
    assert [file.name for file in tmp_path.iterdir()] == [place.name]


def test_a_figure_that_came_to_stand_there_while_others_were_drawn_is_not_replaced(
    world, tmp_path, monkeypatch
):
    from conet.report import figures
    from conet.views.source import source_of

    made = figures.make_folder

    def slow(folder, names):
        made(folder, names)
        for name in names:
            (folder / name).write_text("mine")

    monkeypatch.setattr(figures, "make_folder", slow)
    with pytest.raises(ConetError, match="another file"):
        figures.write_figures(source_of(conet.Run(world / "run")), tmp_path / "out", "svg")
    assert {file.read_text() for file in (tmp_path / "out").iterdir()} == {"mine"}


def test_left_overs_go_and_what_is_being_written_stays(tmp_path):
    """Also where the number of the dead process is that of a living one, or there is a folder of that name."""
    for name in (".x.json.99999999", f".y.json.{os.getppid()}", ".notes.2024", ".hidden.json", ".z.json.1x"):
        (tmp_path / name).write_text("half")
    (tmp_path / ".folder.json.99999999").mkdir()
    live = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "live.json")], stdout=subprocess.PIPE)
    try:
        assert live.stdout.readline() == b"writing\n"
        remove_temporaries(tmp_path)
        stay = {
            ".notes.2024",
            ".hidden.json",
            ".z.json.1x",
            ".folder.json.99999999",
            f".live.json.{live.pid}",
        }
        assert set(os.listdir(tmp_path)) == stay
    finally:
        live.kill()
        live.communicate()
    remove_temporaries(tmp_path)
    assert set(os.listdir(tmp_path)) == stay - {f".live.json.{live.pid}"}


WRITERS = {"write_atomic", "write_table", "write_arrays", "write", "checkpoint"}


def written(path: Path) -> set[str]:
    """Names, or the ends of names, of the files that a module writes whole: where a writer is called, and by
    which constants.
    """
    text = path.read_text(encoding="utf-8")
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call) and node.args]
    called = {id(node): getattr(node.func, "id", getattr(node.func, "attr", "")) for node in calls}
    parts = [part for node in calls if called[id(node)] in WRITERS for part in ast.walk(node.args[0])]
    name = ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__")
    try:
        known = vars(importlib.import_module(name)) if parts else {}
    except ImportError:  # of a package that is not installed here
        known = {}
    found = {part.value for part in parts if isinstance(part, ast.Constant)}
    for part in parts:
        if isinstance(part, ast.Name | ast.Attribute):
            with suppress(NameError, AttributeError):
                found.add(eval(ast.unparse(part), {**known}))
    return {name for name in found if isinstance(name, str) and re.search(r"\.[a-z0-9]+$", name)}


def test_whatever_is_written_is_known_as_a_left_over_when_it_is_half_written():
    from conet.runs import directory

    names = set().union(*map(written, SOURCE.rglob("*.py")))
    assert {"table.csv", "results.md", "sweep.json", "summary.json", "checkpoint.safetensors"} <= names
    names |= directory.FILES | directory.BEGINNING | {directory.DIGESTS}
    assert {name for name in names if not is_temporary(f".x.{name.rpartition('.')[2]}.1234")} == set()


def test_a_report_written_again_leaves_nothing_hidden_and_draws_what_is_missing(world, tmp_path, capfd):
    import shutil

    path = shutil.copytree(world / "run", tmp_path / "run")
    for name in ("figures/.x.svg.99999999", ".report.html.99999999", "rollouts/.p.parquet.99999999", ".lock"):
        (path / name).write_text("")
    assert command(capfd, "report", path)[0] == 0
    assert not hidden(path)
    page = '<a class="file" href="figures/accuracy.svg">figures/accuracy.svg</a>'
    (path / "report.html").write_text(page)
    assert command(capfd, "resume", path)[0] == 0
    assert (path / "report.html").read_text() != page  # a figure was missing
    again = (path / "report.html").read_text() + "<!-- whole -->"
    (path / "report.html").write_text(again)
    assert command(capfd, "resume", path)[0] == 0
    assert (path / "report.html").read_text() == again


# A run that never began ------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["file", "other", "dangling", "/dev/null"])
def test_only_a_run_is_to_be_gone_on_with(place, world, tmp_path, capfd):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/thesis.txt").write_text("mine")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    code, _, lines = command(capfd, "run", "--preset", "smoke", "--out", tmp_path / place)
    assert code == 2
    assert lines[-1].endswith("choose another")
    code, _, lines = command(capfd, "run", "--preset", "smoke", "--out", world / "run")
    assert code == 2
    assert lines[-1].endswith(f"choose another, or go on with `conet resume {world / 'run'}`")


@pytest.mark.parametrize("place", ["file", "dangling", "/dev/null"])
def test_figures_go_into_a_folder_or_nowhere(place, world, tmp_path, capfd, monkeypatch):
    """Said before anything is drawn."""
    monkeypatch.setattr("conet.cli.drawing.drawers", None)
    (tmp_path / "file").write_text("mine")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    out = tmp_path / place
    code, _, lines = command(capfd, "report", world / "run", "--format", "svg", "--out", out)
    assert code == 2
    assert f"--out {out}, which is no folder" in lines[-1]


def test_a_page_that_is_not_of_the_run_is_drawn_again(world, tmp_path, capfd):
    path = conet.run(conet.preset("smoke").override(TINY), tmp_path / "run").path
    assert command(capfd, "report", world / "run")[0] == command(capfd, "report", path)[0] == 0
    whole = (path / "report.html").read_bytes()
    other = conet.run(conet.preset("smoke").override(TINY | {"seed": 1}), tmp_path / "other").path
    assert command(capfd, "report", other)[0] == 0
    for page in ((other / "report.html").read_bytes(), b"<html></html>"):
        (path / "report.html").write_bytes(page)
        assert command(capfd, "resume", path)[0] == 0
        assert (path / "report.html").read_bytes() == whole


@pytest.fixture
def unbegun(tmp_path, monkeypatch):
    """A run that was killed before its first update, such as by the system when memory ran out."""

    def die(trainer):
        raise Killed

    path = tmp_path / "run"
    with monkeypatch.context() as dying:
        dying.setattr("conet.runs.training.warm_up", die)
        with pytest.raises(Killed):
            conet.run(conet.preset("smoke").override(TINY), path)
    assert (path / "config.json").exists()
    return path


def test_a_run_that_never_began_is_in_nobodys_way(unbegun):
    (unbegun / ".metrics.jsonl.99999999").write_text("")
    config = conet.preset("smoke").override(TINY | {"graph.nodes": 30})
    run = conet.run(config, unbegun)
    assert run.config.graph.nodes == 30
    assert run.finished
    assert os.listdir(unbegun.parent) == ["run"]
    with pytest.raises(ConetError, match="which is not empty"):
        conet.run(config, unbegun)


@pytest.mark.parametrize(
    "change", ["metrics.jsonl", "config.json", "notes.txt", "rollouts/part-00000000.parquet"]
)
def test_a_run_that_began_or_holds_something_of_the_users_is_left_alone(change, unbegun):
    with open(unbegun / change, "a") as file:
        file.write(" ")
    before = tree(unbegun)
    with pytest.raises(ConetError, match=r"which is not empty.*conet resume"):
        conet.run(conet.preset("smoke").override(TINY), unbegun)
    assert tree(unbegun) == before


def test_a_run_of_a_language_model_that_never_began(tmp_path):
    from conet.runs.directory import created, is_unbegun

    files = {"recipe.json": b"{}", "provenance.json": b"{}"}
    with created(tmp_path / "run", "tiny", 0, files, ("rollouts", "checkpoints")) as held:
        path = held.path
    assert is_unbegun(path)
    (path / "start").mkdir()  # a model that was warmed up
    assert not is_unbegun(path)


def test_a_folder_with_nothing_but_left_overs_takes_a_run(tmp_path):
    for name in (".lock", ".unfinished", ".steps.parquet.99999999"):
        (tmp_path / "run").mkdir(exist_ok=True)
        (tmp_path / "run" / name).write_text("")
    run = conet.run(conet.preset("smoke").override(TINY), tmp_path / "run")
    assert run.finished
    assert not hidden(tmp_path)


def test_a_run_that_is_just_beginning_is_left_alone(unbegun):
    from conet.base.lock import exclusive

    with exclusive(unbegun), pytest.raises(ConetError, match="another process is working on"):
        conet.run(conet.preset("smoke").override(TINY), unbegun)


def test_a_run_that_ends_before_its_place_is_held_is_left_alone(unbegun, monkeypatch):
    """Another process finishes it between the look at the place and the lock."""
    from conet.runs import directory

    def late(path):
        (unbegun / "summary.json").write_text("{}")
        return exclusive(path)

    exclusive = directory.exclusive
    monkeypatch.setattr(directory, "exclusive", late)
    before = tree(unbegun) | {"summary.json": b"{}"}
    with pytest.raises(ConetError, match=r"which is not empty.*conet resume"):
        conet.run(conet.preset("smoke").override(TINY), unbegun)
    assert tree(unbegun) == before


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (errno.EBUSY, "which is a mount point; expected a folder; name one inside it, such as {}/run"),
        (errno.EXDEV, "which is a mount point; expected a folder; name one inside it, such as {}/run"),
        (errno.EACCES, "{}: Permission denied; expected a place where you may write; change its permissions"),
        (errno.ENOTEMPTY, "which is not empty"),
    ],
)
def test_a_place_that_cannot_be_replaced_says_why(reason, words, tmp_path, monkeypatch):
    def refused(*arguments):
        raise OSError(reason, os.strerror(reason))

    out = tmp_path / "run"
    out.mkdir()
    monkeypatch.setattr("conet.runs.directory.os.rename", refused)
    with pytest.raises(ConetError) as caught:
        conet.run(conet.preset("smoke").override(TINY), out)
    assert words.format(out) in str(caught.value)
    assert os.listdir(tmp_path) == ["run"]
    assert not os.listdir(out)


@pytest.mark.parametrize("failure", [MemoryError(), RuntimeError("a bug"), ConetError("x")])
def test_whatever_fails_before_the_first_checkpoint_leaves_nothing(failure, tmp_path, monkeypatch):
    def fail(trainer):
        raise failure

    monkeypatch.setattr("conet.runs.training.warm_up", fail)
    with pytest.raises(type(failure)):
        conet.run(conet.preset("smoke").override(TINY), tmp_path / "run")
    assert os.listdir(tmp_path) == []


# Remedies --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (errno.ENOSPC, "free space there"),
        (errno.EDQUOT, "quota"),
        (errno.EROFS, "mount it for writing"),
        (errno.EACCES, "change its permissions"),
        (errno.ENOTDIR, "a part of the path is a file"),
        (errno.EISDIR, "a folder stands there"),
        (errno.ENAMETOOLONG, "shorten it"),
    ],
)
def test_the_remedy_follows_the_reason(reason, words):
    error = cannot_write(Path("x"), OSError(reason, os.strerror(reason)))
    assert words in error.remedy
    assert ("free space" in error.remedy) == (reason in (errno.ENOSPC, errno.EDQUOT))
    assert "--out" not in error.remedy


@pytest.mark.parametrize(
    ("call", "path", "option"),
    [
        (["run", "--out", "x"], "x", "--out"),
        (["run"], "runs/a", "--out"),
        (["resume", "r"], "r/metrics.jsonl", ""),
        (["report", "r"], "r/figures", ""),
        (["report", "r", "--format", "svg", "--out", "f"], "f/a.svg", "--out"),
        (["reproduce", "--write", "docs"], "docs/results.md", "--write"),
        (["reproduce", "--write", "docs"], "runs/reproduce/results.md", "--out"),
        (["heat", "log", "--out", "a/b"], "a/b", "--out"),
        (["diagnose", "log"], "runs/diagnosis-log/steps.parquet", "--out"),
        (["llm", "resume", "r"], "r/metrics.jsonl", ""),
    ],
)
def test_the_remedy_names_an_option_that_the_command_has(call, path, option):
    said = str(explain(cannot_write(Path(path), OSError(errno.EROFS, "Read-only file system")), call))
    assert said.endswith(f", or choose another {option}") if option else "choose another" not in said


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("{file}/x", "a part of the path is a file: correct the path, or choose another --out"),
        ("{tmp}/" + "x" * 256, "shorten it, or choose another --out"),
    ],
)
@pytest.mark.parametrize("name", ["heat", "csv", "diagnose", "compare", "sweep", "run"])
def test_places_that_cannot_be_written_say_what_to_do(name, place, words, world, tmp_path, capfd):
    (tmp_path / "file").write_text("")
    out = place.format(file=tmp_path / "file", tmp=tmp_path)
    known = calls(world, out) | file_calls(world, out) | {"run": ["run", "--preset", "smoke", "--out", out]}
    code, said, lines = command(capfd, *known[name])
    assert (code, said, len(lines)) == (2, "", 1)
    assert words in lines[0]
    assert os.listdir(tmp_path) == ["file"]


def test_a_run_without_space_says_where_it_goes_on(tmp_path, monkeypatch, capfd):
    from conet.base import files

    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    config = tmp_path / "config.json"
    config.write_text(json.dumps(TINY | {"preset": "smoke"}))
    with monkeypatch.context() as dying:
        dying.setattr("conet.runs.recorder.write_atomic", lambda path, *_, **__: _refused(path, full))
        code, _, lines = command(capfd, "run", "--config", config, "--out", tmp_path / "run")
    assert (code, len(lines)) == (2, 1)
    assert lines[0].endswith(f"free space there, then go on with `conet resume {tmp_path / 'run'}`")
    assert files.write_atomic is write_atomic


def test_a_report_without_space_says_how_to_write_it(world, tmp_path, monkeypatch, capfd):
    import shutil

    path = shutil.copytree(world / "run", tmp_path / "run")
    (path / "report.html").unlink(missing_ok=True)

    def full(*arguments):
        raise cannot_write(path / "report.html", OSError(errno.ENOSPC, "No space left on device"))

    monkeypatch.setattr("conet.report.pages.write_page", full)
    code, _, lines = command(capfd, "resume", path)
    assert code == 2
    assert lines[-1].endswith(f"free space there, then go on with `conet report {path}`")


def _refused(path, full):
    try:
        full()
    except OSError as error:
        raise cannot_write(path, error) from None


# Watching --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", ["between", "within"])
def test_a_watch_makes_its_folder_anew(moment, world, tmp_path, monkeypatch, capfd):
    import shutil

    out, looks = tmp_path / "out", []
    page = pl.DataFrame.write_parquet

    def sleep(_):
        if moment == "between":
            shutil.rmtree(out)

    def within(*arguments, **options):
        looks.append(1)
        if moment == "within" and len(looks) == 2:
            shutil.rmtree(out)
        return page(*arguments, **options)

    monkeypatch.setattr("time.sleep", sleep)
    monkeypatch.setattr(pl.DataFrame, "write_parquet", within)
    code, said, lines = command(
        capfd, "watch", world / "log", "--refreshes", "2", "--interval", "0", "--out", out
    )
    assert code == 0, lines
    assert said.count("step ") >= 1
    assert (out / "report.html").exists()
    assert not hidden(out)
