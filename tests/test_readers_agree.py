"""Every two ways through which one file can be read give the same rollouts, whatever the lines are."""

import json
import random
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conet.base.errors import ConetError
from conet.readers import open_run, read
from conet.readers.formats import json_lines, parquet, separated
from conet.readers.formats.chunk import UNREADABLE

NUMBERS = (
    "0 1 -1 1.0 1.50 -0.0 0.1 1e-7 5e-324 1e300 1e400 18446744073709551616 0.30000000000000004 2.5e-5 NaN"
)
VALUES = [
    *NUMBERS.split(),
    *("true", "false", "null", '""', '"yes"', '"1"', '"[x"', '"{\\"a\\": 1}"', "[1, 2]", '{"a": 1, "a": 2}'),
    *('"\\u0041"', '"\\ud800"', '"\\ud83d\\ude00"', '"é\\n"', '"a\\\\"', '"\\"step\\": 7"', '"step"', "{}"),
]
KEYS = ['"step"', '"prompt"', '"reward"', '"reward"', '"completion"', '"more"', '"st\\u0065p"', '"r\\u00e9"']
SPACE = ["", " ", "\t"]
BROKEN = [
    "",
    "   ",
    "{",
    '{"step": 1',
    "[1]",
    "3",
    '"x"',
    '{"step": 01}',
    '{"step": 1}{"step": 2}',
    "\x00",
    "{,}",
]
COLUMNS = ["step", "prompt", "reward", "completion", "absent"]
RIGHT = '{"step": 1, "prompt": "p", "reward": 1.0, "completion": "c"}'


@st.composite
def objects(draw) -> str:
    """An object whose keys may stand there twice, in any writing."""
    pair = st.tuples(st.sampled_from(KEYS), st.sampled_from(SPACE), st.sampled_from(VALUES))
    pairs = draw(st.lists(pair, max_size=6))
    return "{" + ",".join(f"{key}{space}:{space}{value}" for key, space, value in pairs) + "}"


lines = st.one_of(objects(), objects(), st.just(RIGHT), st.sampled_from(BROKEN))
texts = st.lists(lines, min_size=1, max_size=8)
quick = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def taken(frame: pl.DataFrame, unreadable: Counter[str]) -> tuple[list, dict]:
    return frame.rows(), dict(unreadable)


@quick
@given(texts)
def test_polars_and_python_read_lines_alike(written):
    data = "".join(f"{line}\n" for line in written).encode()
    both = json_lines.parse_lines(data, COLUMNS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_lines, "_fit", lambda: False)
        python = json_lines.parse_lines(data, COLUMNS)
    assert taken(both.frame, both.unreadable) == taken(python.frame, python.unreadable)


@quick
@given(texts)
def test_what_a_line_is_does_not_depend_on_its_neighbours(written):
    data = [f"{line}\n".encode() for line in written]
    together = json_lines.parse_lines(b"".join(data), COLUMNS)
    alone = [json_lines.parse_lines(line, COLUMNS) for line in data]
    lost = sum((chunk.unreadable for chunk in alone), Counter())
    assert taken(together.frame, together.unreadable) == taken(pl.concat([c.frame for c in alone]), lost)


def test_a_key_that_stands_twice_costs_its_line(tmp_path):
    """Once the answer was 0.0 or 1.0 by whether a neighbour was torn."""
    twice = '{"step": 1, "prompt": "p", "reward": 0, "reward": 1, "completion": "c"}'
    other = '{"step": 1, "prompt": "p", "reward": 1, "more": 1, "more": 2, "completion": "c", "info": {"reward": 0}}'
    for neighbour, lost in ((RIGHT, 1), ("{torn", 2)):
        (tmp_path / "rows.jsonl").write_text("\n".join([RIGHT, twice, other, neighbour]) + "\n")
        record = read(tmp_path / "rows.jsonl", column_mapping="correct=reward")
        assert record.rows["correct"].to_list() == [True] * (4 - lost)
        assert record.skipped == {UNREADABLE: lost}
    (tmp_path / "rows.jsonl").write_text(f"{other}\n" * 3)
    assert read(tmp_path / "rows.jsonl").rows.height == 3


@pytest.mark.parametrize("names", [("a",), ("step", "prompt"), ("accuracy_reward", "step"), ("seven77", "é")])
def test_keys_are_counted_alike_in_two_ways(names):
    """By a pattern, and eight bytes at a time."""
    draw = random.Random(0)
    parts = [*(f'"{name}":' for name in names), *(f'"{name}"' for name in names), *names]
    parts += ['"', ":", "{", "\\", '\\"', "\n", "1", ",", "x" * 9]
    pattern = json_lines._keys(names, False)
    for _ in range(500):
        data = "".join(draw.choices(parts, k=draw.randrange(40)))
        found = None if "\n:" in data else len(pattern.findall(data.encode()))
        assert json_lines._count(data.encode(), names) == found
    assert json_lines._count(b'{"a" : 1, "b": 2}', names) is None


def outcome(reading) -> object:
    """What can be told of a reading: its rollouts with the names of the problems, or the reason."""
    try:
        record = reading()
    except ConetError as error:
        return error.got
    names = dict(enumerate(record.names))
    rows = record.rows.with_columns(pl.col("problem").replace_strict(names, return_dtype=pl.String))
    return rows.rows(), record.skipped, record.skipped_files, sorted(record.remarks)


KINDS = st.sampled_from(["jsonl", "csv", "parquet"])


def write(place: Path, kind: str, rows: list[tuple]) -> None:
    names = ("step", "prompt", "reward", "completion")
    if kind == "jsonl":
        place.write_text("".join(json.dumps(dict(zip(names, row))) + "\n" for row in rows))
    elif kind == "csv":
        pl.DataFrame(rows, names, orient="row", strict=False).write_csv(place)
    else:
        pl.DataFrame(rows, names, orient="row", strict=False).write_parquet(place)


ROLLOUTS = st.lists(
    st.tuples(
        st.integers(0, 4),
        st.sampled_from("abc"),
        st.sampled_from([0.0, 1.0]),
        st.text("xyé\n\"',", max_size=5),
    ),
    min_size=1,
    max_size=30,
)


@quick
@given(rows=ROLLOUTS, kind=KINDS, chunk=st.integers(1, 12))
def test_whole_and_chunked_are_alike(rows, kind, chunk, tmp_path):
    place = tmp_path / f"rows.{kind}"
    write(place, kind, rows)
    whole = outcome(lambda: read(place))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_lines, "most_bytes", lambda: 10 * chunk)
        patch.setattr(separated, "CHUNK_ROWS", chunk)
        patch.setattr(parquet, "CHUNK_ROWS", chunk)
        assert outcome(lambda: read(place)) == whole


@quick
@given(files=st.lists(ROLLOUTS, min_size=1, max_size=3), kind=KINDS)
@pytest.mark.long
def test_fresh_and_watched_are_alike(files, kind, tmp_path_factory):
    """A run that grows: a file after another, and the first of them once more, longer."""
    place = tmp_path_factory.mktemp("run")
    collector = open_run(place, "table")
    for number, rows in enumerate(files):
        write(place / f"rows-{number}.{kind}", kind, rows[: len(rows) // 2 + 1])
        outcome(collector.read)
    for number, rows in enumerate(files):
        write(place / f"rows-{number}.{kind}", kind, rows + rows[:1] * 2)
        watched = outcome(collector.read)
    assert watched == outcome(lambda: read(place, "table"))


@quick
@given(written=texts, cut=st.integers(1, 200))
@pytest.mark.long
def test_torn_anywhere_and_then_whole_is_the_same(written, cut, tmp_path):
    place = tmp_path / "rows.jsonl"
    data = "".join(f"{line}\n" for line in [RIGHT, *written]).encode()
    collector = open_run(place)
    place.write_bytes(data[:cut])
    outcome(collector.read)
    place.write_bytes(data)
    assert outcome(collector.read) == outcome(lambda: read(place))
