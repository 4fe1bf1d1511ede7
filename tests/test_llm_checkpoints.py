"""Which checkpoint of a language model a run goes on from."""

from pathlib import Path

import pytest

from conet.base.errors import ConetError
from conet.base.journal import line_of
from conet.llm import checkpoints


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
