"""Readers: a stated bound of memory, whatever a file unpacks to, and the right word where it is not enough."""

import os
import subprocess
import sys
import tracemalloc

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conet.base.errors import ConetError
from conet.readers import read
from conet.readers.formats import json_lines, parquet, separated
from conet.readers.memory import batch_bytes, bounded, longest_text
from conet.readers.yielded import Yielded

CHILD = """
import resource, sys
import polars, pyarrow, pyarrow.parquet, pyarrow.compute
from conet.readers import read
used = int(open("/proc/self/statm").read().split()[0]) * 4096
resource.setrlimit(resource.RLIMIT_AS, (used + int(float(sys.argv[2]) * 2**30),) * 2)
try:
    record = read(sys.argv[1], memory=float(sys.argv[3]))
    print(record.rows.height, record.rows["length"].sum(), record.skipped_files)
except Exception as error:
    print(type(error).__name__, error)
"""


def child(path, allowed: float, memory: float) -> str:
    """What a process says of a file that has so many GiB beside what it began with."""
    command = [sys.executable, "-c", CHILD, str(path), str(allowed), str(memory)]
    environment = os.environ | {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1", "ARROW_IO_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stderr == ""
    return done.stdout.strip()


def repeated(text: str, rows: int, path, nested: bool = False) -> None:
    """A file that holds one text, which all rows have."""
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array([text]))
    if nested:
        message = pa.StructArray.from_arrays([texts], ["content"])
        texts = pa.ListArray.from_arrays(pa.array(range(rows + 1), pa.int32()), message)
    columns = {"step": pa.array(range(rows)), "prompt": ["p"] * rows, "reward": [1.0] * rows}
    pq.write_table(pa.table(columns | {"completion": texts}), path, compression="zstd")


@pytest.mark.parametrize("nested", [False, True])
def test_a_small_file_of_one_long_text_many_times(nested, tmp_path):
    """Three kilobytes, which unpacked are 20 GB; once this aborted the process."""
    path = tmp_path / "rows.parquet"
    repeated("x" * 20_000_000, 1000, path, nested)
    assert path.stat().st_size < 30_000
    if nested:  # its rows are read a few at a time, which takes too long for a test
        assert (
            parquet._rows_at_a_time(path, pq.read_metadata(path), ["completion"])
            == batch_bytes() // 20_000_007
        )
        return
    told = child(path, allowed=2.0, memory=2.0)
    assert "has a text of 20 MB in column 'completion'" in told
    assert "raise --memory" in told


def test_a_text_may_be_longer_where_there_is_more_memory(tmp_path):
    path = tmp_path / "rows.parquet"
    repeated("x" * 20_000_000, 20, path)
    with pytest.raises(ConetError, match="has a text of 20 MB"):
        read(path)
    assert read(path, memory=4.0).rows["length"].to_list() == [20_000_000] * 20


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
@pytest.mark.long
def test_long_answers_are_read_within_the_bound(kind, tmp_path):
    """A quarter of a gigabyte of answers of 40 KB, with a tenth of one allowed."""
    path, rows = tmp_path / f"rows.{kind}", 6000
    answers = [f"{number:06d}" + "x" * 40_000 for number in range(20)]
    if kind == "parquet":
        table = pa.table(
            {
                "step": list(range(rows)),
                "prompt": ["p"] * rows,
                "reward": [1.0] * rows,
                "completion": pa.array([f"{number:06d}" + "x" * 40_000 for number in range(rows)]),
            }
        )
        pq.write_table(table, path, compression="zstd", use_dictionary=False)
        del table
    else:
        lines = {
            "csv": "{},p,1.0,{}\n",
            "jsonl": '{{"step": {}, "prompt": "p", "reward": 1.0, "completion": "{}"}}\n',
        }
        with open(path, "w") as file:
            file.write("step,prompt,reward,completion\n" if kind == "csv" else "")
            for number in range(rows):
                file.write(lines[kind].format(number, answers[number % 20]))
    assert child(path, allowed=0.5, memory=0.1) == f"{rows} {rows * 40_006} {{}}"


@pytest.mark.long
def test_texts_of_which_only_differences_are_in_the_file(tmp_path):
    """A file of a few kilobytes with 2 GB of answers, each a little longer than the one before."""
    path, rows = tmp_path / "rows.parquet", 2000
    texts = (pa.array(["x" * 1_000_000 + f"{number:06d}" for number in range(50)]) for _ in range(rows // 50))
    schema = pa.schema(
        {"step": pa.int64(), "prompt": pa.string(), "reward": pa.float64(), "completion": pa.large_string()}
    )
    prefixed = {"use_dictionary": False, "column_encoding": {"completion": "DELTA_BYTE_ARRAY"}}
    with pq.ParquetWriter(path, schema, compression="zstd", **prefixed) as writer:
        columns = [range(rows), ["p"] * rows, [1.0] * rows, pa.chunked_array(texts).cast(pa.large_string())]
        writer.write_table(pa.table(columns, schema=schema), row_group_size=rows)
    assert path.stat().st_size < 100_000
    assert child(path, allowed=1.5, memory=1.0) == f"{rows} {rows * 1_000_006} {{}}"


def test_rows_at_a_time_follow_what_the_last_ones_took(tmp_path):
    """Short texts and then long ones: the file says only what they take in the mean."""
    path, short, long = tmp_path / "rows.parquet", 30_000, 600
    texts = ["x"] * short + [f"{number:06d}" * 10_000 for number in range(long)]
    pq.write_table(pa.table({"text": texts}), path, use_dictionary=False)
    with bounded(0.1), pq.ParquetFile(path) as file:
        most = parquet._rows_at_a_time(path, file.metadata, ["text"])
        sizes = [(batch.num_rows, batch.nbytes) for batch in parquet._batches(file, most, ["text"])]
    assert sum(count for count, _ in sizes) == short + long
    assert sizes[0][0] == 1
    assert most * 60_000 > 4 * 0.1 * 2**30 / 16  # were they taken so many at a time, it would be too much
    assert [took for _, took in sizes if took > 1.1 * 0.1 * 2**30 / 16][1:] == []


def test_rows_of_a_function_are_counted_with_all_inside_them(tmp_path):
    def rows(path):
        for step in range(200):
            content = "x" * 100_000
            yield {"step": step, "prompt": [{"role": "user", "content": content}], "reward": 1.0}

    with bounded(0.1):  # a chunk of 3.2 MB
        sizes = [chunk.frame.height for chunk in Yielded(rows).chunks(tmp_path, ["step", "prompt"])]
        assert sum(sizes) == 200
        assert max(sizes) <= 34

        inside: list[object] = []
        inside.append(inside)
        chunks = Yielded(lambda path: iter([{"prompt": inside}])).chunks(tmp_path, ["prompt"])
        with pytest.raises((ValueError, RecursionError)):
            list(chunks)


@pytest.mark.long
def test_a_line_of_json_that_python_makes_far_more_of(tmp_path):
    """In a column that nobody asked for, 12 MB of empty lists, which are 300 MB in memory."""
    path = tmp_path / "rows.jsonl"
    row = '{"step": 1, "prompt": "p", "reward": 1.0, "completion": "x", "more": ['
    path.write_text(row + ",".join(["[]"] * 4_000_000) + "]}\n")
    told = child(path, allowed=0.25, memory=0.1)
    assert "has a line of 11 MB that takes too much" in told
    assert "raise --memory" in told
    assert child(path, allowed=2.0, memory=2.0) == "1 1 {}"


@pytest.mark.parametrize("reads", ["peek", "chunks"])
def test_lines_of_json_keep_only_what_is_asked_for(reads, tmp_path):
    """Sixty kilobytes each, of which Python makes 2 MB; one broken line, so that all are read one by one."""
    path, rows = tmp_path / "rows.jsonl", 40
    row = '{"step": 1, "more": ['
    path.write_text("{\n" + (row + ",".join(["[]"] * 20_000) + "]}\n") * rows)
    tracemalloc.start()
    try:
        if reads == "peek":
            assert list(json_lines.peek(path)) == ["step", "more"]
        else:
            assert sum(chunk.frame.height for chunk in json_lines.chunks(path, ["step"])) == rows
        assert tracemalloc.get_traced_memory()[1] < 30e6
    finally:
        tracemalloc.stop()


def test_too_little_memory_is_called_by_its_name(tmp_path, monkeypatch):
    def short(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(separated, "_frame", short)
    (tmp_path / "rows.csv").write_text("step,prompt,correct\n1,p,1\n")
    with pytest.raises(ConetError, match="takes more memory than there is; lower --memory, now 2 GiB"):
        read(tmp_path / "rows.csv")


@pytest.mark.parametrize("memory", [0.0, -1.0, float("nan"), 1e9])
def test_an_amount_of_memory_that_is_none(memory, tmp_path):
    with pytest.raises(ConetError, match=r"0\.1 to 4096"):
        read(tmp_path, memory=memory)


def test_the_bound_lasts_as_long_as_the_reading():
    with bounded(4.0):
        assert longest_text() == 2**25
        with bounded(None):
            assert longest_text() == 2**25
    assert longest_text() == 2**24
