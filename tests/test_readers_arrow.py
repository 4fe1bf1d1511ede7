"""Readers: Parquet of any type, with text that is none; nothing of a library's panic reaches the terminal."""

import datetime
import decimal
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conet.base.errors import ConetError
from conet.base.panics import Panic, panics_as_errors
from conet.readers import open_run, read
from conet.readers.formats import parquet

WRONG = b"\xff\xfeab\xc3\x28"


def not_utf8() -> pa.Array:
    """Text, says its type, of which two are no UTF-8."""
    offsets = pa.array([0, 2, 4, 6], pa.int32()).buffers()[1]
    return pa.Array.from_buffers(pa.string(), 3, [None, offsets, pa.py_buffer(WRONG)])


COLUMNS = {
    "wrong text": not_utf8(),
    "bytes": pa.array([b"a", b"\xff", None]),
    "large bytes": pa.array([b"a", b"\xff", None], pa.large_binary()),
    "bytes of one size": pa.array([b"ab", b"\xff\xff", None], pa.binary(2)),
    "categories of bytes": pa.array([b"a", b"\xff", None]).dictionary_encode(),
    "categories of wrong text": pa.DictionaryArray.from_arrays(pa.array([0, 1, 2]), not_utf8()),
    "categories": pa.array([1, 2, None]).dictionary_encode(),
    "half": pa.array(np.array([1, 2, 3], np.float16)),
    "decimal": pa.array([decimal.Decimal("1.5")] * 3),
    "long decimal": pa.array([decimal.Decimal("1.5")] * 3, pa.decimal256(50, 2)),
    "date": pa.array([datetime.date(2020, 1, 1)] * 3),
    "nowhere": pa.array([datetime.datetime(2020, 1, 1)] * 3, pa.timestamp("ns", "Mars/Here")),
    "duration": pa.array([datetime.timedelta(1)] * 3),
    "nothing": pa.nulls(3),
    "object": pa.array([{"a": 1}] * 3),
    "lists": pa.array([[1], [], None]),
    "lists of wrong text": pa.ListArray.from_arrays(pa.array([0, 1, 2, 3]), not_utf8()),
    "lists of long decimals": pa.array([[decimal.Decimal("1.5")]] * 3, pa.list_(pa.decimal256(50, 2))),
    "map": pa.array([[("a", 1)]] * 3, pa.map_(pa.string(), pa.int32())),
    "views": pa.array(["a", "b", None], pa.string_view()),
    "uuid": pa.array([b"0" * 16] * 3, pa.uuid()),
    "json": pa.array(["{}", "[]", None], pa.json_()),
}


def table(**changes: pa.Array) -> pa.Table:
    columns = {
        "step": pa.array([1, 1, 2]),
        "prompt": pa.array(["p", "p", "q"]),
        "reward": pa.array([1.0, 0.0, 1.0]),
        "completion": pa.array(["x", "y", "z"]),
    }
    return pa.table(columns | changes)


@pytest.mark.parametrize("role", ["step", "prompt", "reward", "completion"])
@pytest.mark.parametrize("kind", COLUMNS)
def test_a_column_of_any_type_is_read_or_refused(kind, role, tmp_path, capfd):
    path = tmp_path / "rows.parquet"
    pq.write_table(table(**{role: COLUMNS[kind]}), path)
    try:
        record = read(path)
    except ConetError:
        pass
    else:
        assert record.rows.height + sum(record.skipped.values()) == 3
    assert capfd.readouterr().err == ""


def test_bytes_are_text_and_what_is_no_text_is_marked(tmp_path):
    pq.write_table(
        table(prompt=COLUMNS["wrong text"], completion=pa.array([b"xy", b"\xff", b""])), tmp_path / "a"
    )
    record = read(tmp_path / "a", "table")
    assert record.names == ["��", "ab", "�("]
    assert record.rows["length"].to_list() == [2, 1, 0]


def test_one_bad_file_ends_no_watch(tmp_path, monkeypatch, capfd):
    """Wherever a library gives up: one more file is passed over, with the reason, and the others are read."""
    pq.write_table(table(), tmp_path / "1.parquet")
    collector = open_run(tmp_path)
    assert collector.read().rows.height == 3
    pq.write_table(table(prompt=COLUMNS["lists of wrong text"]), tmp_path / "2.parquet")
    assert collector.read().rows.height == 3
    monkeypatch.setattr("conet.readers.formats.arrow.readable", lambda name, column: column)
    pq.write_table(table(completion=COLUMNS["long decimal"]), tmp_path / "3.parquet")
    record = collector.read()
    assert record.rows.height == 3
    assert set(record.skipped_files) == {"2.parquet", "3.parquet"}
    assert capfd.readouterr().err == ""


def panic() -> None:
    pl.from_arrow(table(step=COLUMNS["long decimal"]))


def test_a_panic_is_an_error_like_any_other(capfd):
    with pytest.raises(Panic, match="Int256"), panics_as_errors():
        panic()
    assert capfd.readouterr() == ("", "")


def test_what_else_is_written_meanwhile_is_passed_on(capfd):
    with panics_as_errors():
        os.write(2, b"one\n")
    with pytest.raises(ValueError, match="two"):
        fails()
    assert capfd.readouterr().err == "one\ntwo\n"


def test_threads_hold_it_back_together(capfd):
    both = threading.Barrier(2, timeout=10)

    def one(fault: bool) -> None:
        for _ in range(20):
            with suppress(Panic), panics_as_errors():
                both.wait()
                if fault:
                    panic()
        both.wait()
        os.write(2, b"one\n")

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(one, [True, False]))
    os.write(2, b"two\n")
    assert capfd.readouterr().err == "one\none\ntwo\n"


def test_a_panic_within_drops_its_own_text_alone(capfd):
    with panics_as_errors():
        os.write(2, b"one\n")
        with pytest.raises(Panic), panics_as_errors():
            panic()
        os.write(2, b"two\n")
    assert capfd.readouterr().err == "one\ntwo\n"


@panics_as_errors()
def fails() -> None:
    os.write(2, b"two\n")
    raise ValueError("two")


def test_a_file_of_no_rows_and_one_of_many_groups(tmp_path):
    pq.write_table(table().slice(0, 0), tmp_path / "none.parquet")
    assert list(parquet.chunks(tmp_path / "none.parquet", ["step"])) == []
    pq.write_table(pa.concat_tables([table()] * 10), tmp_path / "many.parquet", row_group_size=4)
    (chunk,) = parquet.chunks(tmp_path / "many.parquet", ["step", "absent"])
    assert chunk.frame.shape == (30, 2)
    (chunk,) = parquet.chunks(tmp_path / "many.parquet", ["absent"])
    assert chunk.frame.shape == (30, 1)
