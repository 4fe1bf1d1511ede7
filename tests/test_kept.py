"""Records of large logs that are kept, and lines that are read where they stand: the same as reading all anew."""

import gzip
import json
import os
import time
from pathlib import Path

import pytest

import conet
from conet.readers import kept as kept_module
from conet.readers.formats import json_lines
from conet.readers.formats.line_places import beginnings
from conet.readers.kept import NEW, Kept, files_of, load, users_folder

COLUMNS = ["prompt", "completion"]


def rows(count=60, prompt="What is {}? é\n$x$"):
    """Lines of a log, some of them broken, blank, or without what a rollout needs."""
    for number in range(count):
        row = {"step": number // 6, "prompt": prompt.format(number % 3), "completion": f"{number}\nit is"}
        yield json.dumps(row | {"correct": number % 2 == 0}, ensure_ascii=bool(number % 2))
        yield from ("", "   ", "{torn", json.dumps(row | {"prompt": None}))[: number % 5]


def log(place: Path, lines=None) -> Path:
    path = place / "log.jsonl"
    path.write_text("\n".join(rows() if lines is None else lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def kept(tmp_path):
    (tmp_path / "cache").mkdir()
    return Kept(tmp_path / "cache", large=1, quiet=-60)


def reading(kept, path, **options):
    """Read a log as the page does; returns the record, and whether it was read anew."""
    anew = []

    def read():
        anew.append(True)
        return conet.read(path, **options)

    return kept.read(path, options, read), bool(anew)


# Lines -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["\n", "", "\n\n", "\r\n", "\n{to"])
@pytest.mark.parametrize("chunk", [40, 200, 1 << 20])
def test_every_row_is_found_at_its_line(tmp_path, monkeypatch, end, chunk):
    """Whatever stands between rows, and wherever a chunk ends."""
    monkeypatch.setattr(json_lines, "most_bytes", lambda: chunk)
    path = tmp_path / "log.jsonl"
    path.write_bytes("\n".join(rows(20)).encode() + end.encode())
    data, number = path.read_bytes(), 0
    for part in json_lines.chunks(path, COLUMNS):
        if not part.frame.height:  # a torn last line
            continue
        assert len(part.lines) == part.frame.height
        for row, at in zip(part.frame.iter_rows(named=True), part.lines):
            assert at == 0 or data[at - 1 : at] == b"\n"
            found = json.loads(data[at:].split(b"\n")[0])
            assert (found["prompt"], found["completion"]) == (row["prompt"], row["completion"])
            number += 1
    assert number >= 20


def test_blank_lines_have_no_beginning():
    assert beginnings(b"").tolist() == []
    assert beginnings(b"a\n\n \nb\n\r\nc").tolist() == [0, 5, 9]


@pytest.mark.parametrize("prompt", ["Problem {}", None])
def test_texts_by_their_lines_are_those_of_the_whole_file(tmp_path, prompt):
    """Texts, and lists of messages."""
    lines = list(rows())
    if prompt is None:
        messages = [
            {"role": "user", "content": 'says "{}"'},
            {"role": "assistant", "content": "\ud83d\ude00"},
        ]
        lines = [
            json.dumps(json.loads(line) | {"prompt": messages}) if line.startswith('{"') else line
            for line in lines
        ]
    record = conet.read(log(tmp_path, lines))
    again = record.read_texts.__self__
    assert set(again.lines) == {0}
    by_lines = record.texts(record.rows)
    again.lines.clear()
    assert by_lines == record.texts(record.rows)


def test_of_a_large_file_one_line_is_read(tmp_path, monkeypatch):
    record = conet.read(log(tmp_path))
    monkeypatch.setattr(json_lines, "chunks", lambda *given: pytest.fail("the whole file is read"))
    assert record.texts(record.rows[[40]])[0][1] == f"{record.rows['row'].len() and 40}\nit is"


def test_a_compressed_file_is_read_from_its_beginning(tmp_path):
    path = tmp_path / "log.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(rows()).encode()))
    record = conet.read(path)
    assert not record.read_texts.__self__.lines
    assert record.texts(record.rows[[3]])[0][1] == "3\nit is"


def test_a_file_that_has_changed_is_said(tmp_path):
    path = log(tmp_path)
    record = conet.read(path)
    path.write_text("x" * path.stat().st_size)
    with pytest.raises(conet.ConetError, match="has changed"):
        record.texts(record.rows[[5]])


def test_of_a_parquet_file_only_the_row_groups_are_read(tmp_path):
    import polars as pl

    from conet.readers.formats import parquet, parts

    table = pl.DataFrame({"a": range(100), "b": [f"text {number}" for number in range(100)]})
    table.write_parquet(tmp_path / "t.parquet", row_group_size=10)
    found = list(parts(tmp_path / "t.parquet", ["b", "missing"], [3, 45, 49]))
    covered = [number for first, chunk in found for number in range(first, first + chunk.frame.height)]
    assert covered == [*range(10), *range(40, 50)]
    for first, chunk in found:
        assert chunk.frame["b"].to_list() == [f"text {first + at}" for at in range(chunk.frame.height)]
    whole = [row for chunk in parquet.chunks(tmp_path / "t.parquet", ["b"]) for row in chunk.frame["b"]]
    assert whole == table["b"].to_list()


# What is kept ------------------------------------------------------------------------------------------------


def test_a_record_that_is_kept_is_the_one_that_was_read(tmp_path, kept):
    path = log(tmp_path)
    first, anew = reading(kept, path)
    second, again = reading(kept, path)
    assert (anew, again) == (True, False)
    assert first.rows.equals(second.rows)
    assert first.rows.schema == second.rows.schema
    for name in first.__dataclass_fields__:
        if name not in ("rows", "read_texts", "read_token_ids"):
            assert getattr(first, name) == getattr(second, name), name
    assert first.texts(first.rows) == second.texts(second.rows)
    assert conet.diagnose(first).findings == conet.diagnose(second).findings


def test_other_options_are_another_record(tmp_path, kept):
    path = log(tmp_path)
    assert reading(kept, path)[1]
    assert reading(kept, path, column_mapping="problem=prompt")[1]
    assert not reading(kept, path)[1]


def appended(path):
    with path.open("a") as file:
        file.write(next(rows()) + "\n")


def rewritten(path):
    """Another text of the same length, with the time of the first."""
    state = path.stat()
    path.write_text(path.read_text().replace("it is", "it IS"))
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def replaced(path):
    """A copy in its place, with the time of the first."""
    state = path.stat()
    path.with_suffix(".new").write_text(path.read_text().replace("it is", "it IS"))
    os.utime(path.with_suffix(".new"), ns=(state.st_atime_ns, state.st_mtime_ns))
    path.with_suffix(".new").replace(path)


@pytest.mark.parametrize("change", [appended, rewritten, replaced])
def test_a_log_that_has_changed_is_read_anew(tmp_path, kept, change):
    path = log(tmp_path)
    reading(kept, path)
    change(path)
    record, anew = reading(kept, path)
    assert anew
    assert record.rows.equals(conet.read(path).rows)
    assert not reading(kept, path)[1]


def test_another_version_reads_anew(tmp_path, kept, monkeypatch):
    path = log(tmp_path)
    reading(kept, path)
    monkeypatch.setattr(kept_module, "__version__", "9.9")
    assert reading(kept, path)[1]


def test_a_damaged_record_is_none(tmp_path, kept):
    """Any byte that is another, and any file that is cut off or gone."""
    path = log(tmp_path)
    truth, _ = reading(kept, path)
    (place,) = kept.folder.iterdir()
    key = json.loads((place / "key.json").read_text())[0]
    assert load(place, key).rows.equals(truth.rows)
    for file in sorted(place.iterdir()):
        data = file.read_bytes()
        for at in range(0, len(data), max(1, len(data) // 12)):
            file.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            found = load(place, key)
            assert found is None or found.rows.equals(truth.rows)
            file.write_bytes(data[:at])
            assert load(place, key) is None
        file.unlink()
        assert load(place, key) is None
        file.write_bytes(data)
    file.write_bytes(b"")
    assert reading(kept, path)[1]
    assert not reading(kept, path)[1]


def test_what_may_still_grow_and_what_is_small_is_not_kept(tmp_path):
    (tmp_path / "cache").mkdir()
    path = log(tmp_path)
    for kept in (Kept(tmp_path / "cache", large=1), Kept(tmp_path / "cache", quiet=-60), Kept(None, large=1)):
        assert reading(kept, path)[1]
        assert reading(kept, path)[1]
    assert not list((tmp_path / "cache").iterdir())


def test_a_cache_that_cannot_be_written_is_none(tmp_path, kept, monkeypatch):
    def full(*given, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kept_module, "_written", full)
    path = log(tmp_path)
    assert reading(kept, path)[1]
    assert reading(kept, path)[1]
    assert not list(kept.folder.iterdir())


def test_few_records_are_kept_and_nothing_is_left_behind(tmp_path, kept, monkeypatch):
    monkeypatch.setattr(kept_module, "MOST", 2)
    left = kept.folder / f"{NEW}left"
    left.mkdir()
    os.utime(left, (time.time() - 1e6,) * 2)
    for number in range(4):
        (tmp_path / str(number)).mkdir()
        path = log(tmp_path / str(number))
        reading(kept, path)
        for at, place in enumerate(sorted(kept.folder.iterdir(), key=lambda one: one.stat().st_mtime)):
            os.utime(place, (1e9 + 10 * number + at,) * 2)
    assert len(list(kept.folder.iterdir())) == 2
    assert not reading(kept, path)[1]


def test_the_users_folder_is_for_nobody_else(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    found = users_folder()
    assert found == tmp_path / "conet" / "logs"
    assert found.stat().st_mode & 0o077 == 0
    found.chmod(0o777)
    assert users_folder() is None
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null/nowhere")
    assert users_folder() is None


def test_the_state_of_a_folder_is_that_of_all_its_files(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/a").write_text("1")
    before = files_of(tmp_path)
    (tmp_path / "b").write_text("")
    assert len(files_of(tmp_path)) == 2
    assert before != files_of(tmp_path)
