"""CSV that we write: no text in it is run by a spreadsheet."""

import io

import polars as pl

from conet.base.separated import as_csv

TEXTS = ["=1+1", "+a", "-a", "@sum", "\tx", "a=b", "-1.5", "+2", "1e-3", "", None, "'=1", "-", "a,b"]


def test_wide_signs_and_line_ends_are_no_way_around_it():
    texts = ["\uff1d1+1", "\uff0ba", "\uff0da", "\uff20a", "\n=1", "\r=1", "a\uff1d"]
    found = pl.read_csv(io.StringIO(as_csv(pl.DataFrame({"x": texts}))))["x"].to_list()
    assert found == [*(f"'{text}" for text in texts[:-1]), texts[-1]]


def test_what_looks_like_a_formula_gets_an_apostrophe():
    table = pl.DataFrame({"=name": TEXTS, "number": range(len(TEXTS))})
    table = table.with_columns(kind=pl.Series(TEXTS[:1] * len(TEXTS), dtype=pl.Categorical))
    found = pl.read_csv(io.StringIO(as_csv(table)))
    assert found.columns == ["'=name", "number", "kind"]
    expected = ["'=1+1", "'+a", "'-a", "'@sum", "'\tx", "a=b", "-1.5", "+2", "1e-3", "", None, "'=1", "'-"]
    assert found["'=name"].to_list() == [*expected, "a,b"]
    assert found["kind"].unique().to_list() == ["'=1+1"]
    assert found["number"].to_list() == list(range(len(TEXTS)))
