"""Files with very many columns: the work grows with them, and not with their square."""

import polars as pl
import pyarrow.parquet as pq
import pytest

from conet.readers.base import Part, Reader
from conet.readers.choose_columns import choose_columns
from conet.readers.formats import parquet, separated
from conet.readers.trainers.trl import READER as TRL

MANY = 600


class Counted(str):
    """A name that counts how often it is compared with another."""

    __slots__ = ()
    compared = 0
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        Counted.compared += 1
        return str.__eq__(self, other)


def names(stem: str) -> list[str]:
    return ["step", "prompt", "completion", "correct", *(f"{stem}{place}" for place in range(MANY))]


@pytest.fixture
def counted():
    Counted.compared = 0
    return Counted


def test_columns_of_text_are_sought_once(counted, tmp_path):
    place = tmp_path / "wide.csv"
    pl.DataFrame({name: [1, 2] for name in names("x")}).write_csv(place)
    wanted = [counted(name) for name in names("x")]
    (chunk,) = separated.chunks(place, wanted)
    assert chunk.frame.width == len(wanted)
    assert counted.compared < 10 * len(wanted)


@pytest.mark.parametrize("reader", [TRL, Reader(name="mine")])
@pytest.mark.parametrize("stem", ["x", "reward_", "answer_"])
def test_columns_are_chosen_in_one_pass(reader, stem, counted, tmp_path):
    columns = {counted(name): 1 for name in names(stem)}
    counted.compared = 0
    choose_columns(columns, reader, {}, Part(tmp_path))
    assert counted.compared < 200 * len(columns)


def test_the_columns_of_parquet_are_asked_for_once(monkeypatch, tmp_path):
    place = tmp_path / "wide.parquet"
    pl.DataFrame({name: [1, 2] for name in names("x")}).write_parquet(place)
    asked = []
    schema = pq.ParquetFile.schema_arrow.fget
    monkeypatch.setattr(
        pq.ParquetFile, "schema_arrow", property(lambda file: asked.append(1) or schema(file))
    )
    (chunk,) = parquet.chunks(place, names("x"))
    assert chunk.frame.width == len(names("x"))
    assert len(asked) < 5
