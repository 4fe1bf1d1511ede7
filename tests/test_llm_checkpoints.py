"""Which checkpoint of a language model a run goes on from."""

from pathlib import Path

import pytest

from conet.base.errors import ConetError
from conet.base.files import CannotWrite
from conet.base.journal import line_of
from conet.llm import checkpoints, disk
from conet.llm.disk import said_when_full


def made(path: Path, updates: int, **whole: bool) -> Path:
    """A run directory with rows of metrics and some checkpoints, whole or not."""
    for number, is_whole in whole.items():
        folder = path / "checkpoints" / f"checkpoint-{number[1:]}"
        folder.mkdir(parents=True)
        (folder / "weights").write_bytes(b"1")
        if is_whole:
            checkpoints.write_state(folder, {"step": int(number[1:])})
    lines = [line_of({"step": step}, checked=True) for step in range(updates)]
    (path / "metrics.jsonl").write_bytes(b"".join(lines))
    return path


def names(path: Path) -> set[str]:
    return {folder.name for folder in (path / "checkpoints").iterdir()}


def test_a_checkpoint_that_a_kill_left_is_removed_with_a_note(tmp_path, capsys):
    path = made(tmp_path, 6, c4=True, c6=False)
    assert checkpoints.last(path) == (4, path / "checkpoints/checkpoint-4")
    assert names(path) == {"checkpoint-4"}
    assert "checkpoint-6 was not finished: going on from checkpoint-4" in capsys.readouterr().err


def test_the_first_one_that_a_kill_left(tmp_path, capsys):
    path = made(tmp_path, 4, c4=False)
    assert checkpoints.last(path) is None
    assert names(path) == set()
    assert "going on from the start" in capsys.readouterr().err


@pytest.mark.parametrize("whole", [{"c4": False, "c6": False}, {"c2": True, "c4": False}])
def test_one_that_was_whole_is_never_removed(whole, tmp_path):
    """The run went on after it, so a kill cannot have left it so."""
    path = made(tmp_path, 6, **whole)
    before = names(path)
    with pytest.raises(ConetError, match=r"checkpoint-4/annealing\.json: no such file, so .* incomplete"):
        checkpoints.last(path)
    assert names(path) == before


def test_an_old_one_that_is_half_deleted_goes_quietly(tmp_path, capsys):
    """Two are kept; a kill may fall into the removal of the third."""
    path = made(tmp_path, 7, c2=False, c4=True, c6=True)
    assert checkpoints.last(path) == (6, path / "checkpoints/checkpoint-6")
    assert names(path) == {"checkpoint-4", "checkpoint-6"}
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        (
            RuntimeError,
            "[enforce fail at inline_container.cc:672] . unexpected pos 576 vs 534",
            "unexpected pos",
        ),
        (RuntimeError, "basic_ios::clear: iostream error", "iostream error"),
        (type("SafetensorError", (Exception,), {}), "I/O error: (os error 28)", "No space left on device"),
        (
            type("SafetensorError", (Exception,), {}),
            "I/O error: (os error 27)",
            "raise the limit of a file's",
        ),
    ],
)
def test_what_the_libraries_raise_where_they_cannot_write_is_one_line(kind, text, words, tmp_path):
    with pytest.raises(CannotWrite, match=words) as found, said_when_full(tmp_path):
        raise kind(text)
    assert found.value.path == tmp_path
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "[enforce fail at a.cc:747] . open file failed with strerror: Permission denied",
            "Permission denied",
        ),
        (
            "[enforce fail at a.cc:747] . open file failed with strerror: No space left on device",
            "space left;",
        ),
        ("Parent directory /runs/a/checkpoint-4 does not exist.", "a folder that is there"),
    ],
)
def test_what_torch_raises_where_it_cannot_open_a_file_is_one_line(text, words, tmp_path):
    """These ended in a traceback; the folder of the run is there and has room."""
    with pytest.raises(CannotWrite, match=words), said_when_full(tmp_path):
        raise RuntimeError(text)


def test_a_disk_without_room_is_said_to_be_full(tmp_path, monkeypatch):
    monkeypatch.setattr(disk, "_left", lambda place: 4096)
    with pytest.raises(CannotWrite, match="a disk with space left"), said_when_full(tmp_path):
        raise RuntimeError("basic_ios::clear: iostream error")


def test_a_folder_that_is_there_no_more_is_said_so(tmp_path):
    with pytest.raises(CannotWrite, match="a folder that is there"), said_when_full(tmp_path / "moved"):
        raise RuntimeError("basic_ios::clear: iostream error")


@pytest.mark.parametrize(
    "error", [RuntimeError("size mismatch"), ValueError("unexpected pos"), ConetError("x")]
)
def test_other_errors_stay_what_they_are(error, tmp_path):
    with pytest.raises(type(error)) as found, said_when_full(tmp_path):
        raise error
    assert found.value is error
