"""The source hash of a cell: moved by all that the cell imports, and by nothing else."""

import shutil
from pathlib import Path

import pytest

from conet.base.errors import ConetError
from conet.cells import source
from conet.cells.cell import Cell

PLAIN = "conet.cells.plain:plain_run"


@pytest.fixture
def package(tmp_path):
    copy = tmp_path / "conet"
    shutil.copytree(source.ROOT, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def hash_of(function, package):
    source._known.clear()  # a new file may be what an import means by now
    return source.source_hash(function, package)


def add(package, name, code="WORD = 1\n"):
    """Add code to a file that is there; a path that no longer exists would prove nothing."""
    path = package / name
    path.write_text(path.read_text() + code)


def new(package, name, code="WORD = 1\n"):
    path = package / name
    assert not path.exists()
    path.parent.mkdir(exist_ok=True)
    path.write_text(code)


@pytest.mark.parametrize(
    "name",
    [
        "engine/kernels.py",
        "observables/frustration.py",
        "learners/grpo.py",
        "runs/trainer.py",
        "cells/plain.py",
        "network/islands.py",
        "engine/__init__.py",
        "base/registry.py",
    ],
)
def test_what_a_cell_computes_with_moves_its_hash(name, package):
    before = hash_of(PLAIN, package)
    add(package, name)
    assert hash_of(PLAIN, package) != before


@pytest.mark.parametrize(
    "name",
    [
        "report/style.py",
        "cli/__init__.py",
        "readers/trainers/trl.py",
        "claims/c1.py",
        "diagnosis/findings/accuracy.py",
        "llm/train.py",
        "cells/heat.py",
        "cells/cache.py",
        "cells/workers.py",
        "judging/pages.py",
        "bench/run.py",
        "__init__.py",
    ],
)
def test_what_a_cell_does_not_import_leaves_its_hash(name, package):
    before = hash_of(PLAIN, package)
    add(package, name)
    assert hash_of(PLAIN, package) == before


def test_a_new_room_leaves_the_hash_of_what_does_not_import_it(package):
    before = hash_of(PLAIN, package)
    new(package, "newroom/__init__.py", "")
    new(package, "newroom/new.py")
    assert hash_of(PLAIN, package) == before


def test_a_new_room_counts_once_it_is_imported_however_late(package):
    new(package, "newroom/__init__.py", "")
    new(package, "newroom/new.py")
    before = hash_of(PLAIN, package)
    add(
        package,
        "observables/degree.py",
        "\n\ndef late():\n    from conet.newroom import new\n\n    return new\n",
    )
    imported = hash_of(PLAIN, package)
    assert imported != before
    add(package, "newroom/new.py", "OTHER = 2\n")
    assert hash_of(PLAIN, package) != imported


def test_what_only_type_checkers_import_does_not_count(package):
    new(package, "newroom/__init__.py", "")
    new(package, "newroom/new.py")
    add(
        package,
        "observables/degree.py",
        "\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from conet.newroom import new\n",
    )
    before = hash_of(PLAIN, package)
    add(package, "newroom/new.py", "OTHER = 2\n")
    assert hash_of(PLAIN, package) == before


def test_a_module_that_a_table_names_as_text_counts(package):
    new(package, "newroom/__init__.py", "")
    new(package, "newroom/new.py")
    add(package, "observables/degree.py", '\nTABLE = {"new": "conet.newroom.new:WORD"}\n')
    before = hash_of(PLAIN, package)
    add(package, "newroom/new.py", "OTHER = 2\n")
    assert hash_of(PLAIN, package) != before


def test_comments_docstrings_and_layout_do_not_count(package):
    before = hash_of(PLAIN, package)
    file = package / "engine/kernels.py"
    text = file.read_text()
    file.write_text(text.replace('"""', '"""Told anew: ', 1) + "\n\n# a comment\n")
    assert hash_of(PLAIN, package) == before


def test_a_file_of_ones_own_counts_with_what_it_imports(package, tmp_path):
    mine = tmp_path / "mine.py"
    mine.write_text("import conet.observables.degree\n\n\ndef run(seed):\n    return {'seed': seed}\n")
    before = hash_of(f"{mine}:run", package)
    add(package, "cli/__init__.py")
    assert hash_of(f"{mine}:run", package) == before
    add(package, "observables/degree.py")
    moved = hash_of(f"{mine}:run", package)
    assert moved != before
    mine.write_text(mine.read_text() + "WORD = 1\n")
    assert hash_of(f"{mine}:run", package) != moved


def test_a_relative_import_counts(package):
    add(package, "observables/degree.py", "\nfrom . import tails\n")
    before = hash_of(PLAIN, package)
    add(package, "observables/tails.py")
    assert hash_of(PLAIN, package) != before


@pytest.mark.parametrize("function", ["there_is_no_such.module:run", "no/such/file.py:run"])
def test_a_function_that_is_nowhere_is_one_line(function):
    with pytest.raises(ConetError):
        source.source_hash(function)


def test_a_file_that_is_no_python_is_one_line(tmp_path):
    (tmp_path / "mine.py").write_text("def run(:\n")
    with pytest.raises(ConetError, match="a Python file"):
        source.source_hash(f"{tmp_path}/mine.py:run")


def test_a_file_that_was_edited_counts_anew_in_the_same_process(tmp_path):
    """As in a notebook: the key is of the code that a cell computes with."""
    mine, other = tmp_path / "mine.py", tmp_path / "other.py"
    mine.write_text("def run(x):\n    return {'v': x}\n")
    before = Cell(f"{mine}:run", {"x": 1})
    assert before.key == Cell(f"{mine}:run", {"x": 1}).key
    other.write_text("def run(x):\n    return {'v': x + 1}\n")
    mine.write_text("def run(x):\n    return {'v': 2 * x}\n")
    after = Cell(f"{mine}:run", {"x": 1})
    assert after.key != before.key
    assert int(after.compute()["v"]) == 2
    other.replace(mine)
    assert Cell(f"{mine}:run", {"x": 1}).key not in (before.key, after.key)


def test_a_module_that_was_edited_counts_anew_in_the_same_process(package):
    before = source.source_hash(PLAIN, package)
    assert source.source_hash(PLAIN, package) == before
    add(package, "engine/kernels.py")
    assert source.source_hash(PLAIN, package) != before


def test_a_cell_of_a_file_that_is_edited_meanwhile_is_refused(tmp_path):
    """Before it is computed, or while it is: its key is of other code."""
    mine = tmp_path / "mine.py"
    edit = f"from pathlib import Path\n\n\ndef run(x):\n    Path({str(mine)!r}).write_text('1')\n    return {{}}\n"
    mine.write_text(edit)
    cell = Cell(f"{mine}:run", {"x": 1})
    assert cell.key
    with pytest.raises(ConetError, match=r"mine\.py, which has changed"):
        cell.compute()
    mine.write_text(edit)
    cell = Cell(f"{mine}:run", {"x": 1})
    assert cell.key
    mine.write_text("def run(x):\n    return {'v': 2 * x}\n")
    with pytest.raises(ConetError, match=r"mine\.py, which has changed"):
        cell.compute()


def test_a_cell_of_a_file_of_ones_own_is_computed(tmp_path):
    (tmp_path / "mine.py").write_text("def run(seed):\n    return {'twice': 2 * seed}\n")
    cell = Cell(f"{tmp_path}/mine.py:run", {"seed": 4})
    assert int(cell.compute()["twice"]) == 8
    assert cell.key != Cell(cell.function, {"seed": 5}).key
    assert Path(cell.function.rpartition(":")[0]).is_file()
