"""Columns of tables as arrays, and means over a window of rows."""

from typing import TYPE_CHECKING

import numpy as np

from conet.observables.length import WINDOW, window_sums

if TYPE_CHECKING:
    import polars


def column(table: "polars.DataFrame", name: str) -> np.ndarray:
    """Return a column as float64, NaN where it has no value, or is not there."""
    if name not in table.columns:
        return np.full(table.height, np.nan)
    import polars as pl

    return table[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()


def evaluated(table: "polars.DataFrame", name: str, k: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return steps, ascending, and finite values of one evaluation."""
    rows = table.filter((table["name"] == name) & (table["k"] == k)).sort("step")
    values = column(rows, "value")
    return rows["step"].to_numpy()[np.isfinite(values)], values[np.isfinite(values)]


def windowed_mean(values: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Centred weighted mean over 9 rows, NaN where nothing is known."""
    known = np.isfinite(values)
    weight = known if weights is None else np.where(known, weights, 0)
    total, count = window_sums(np.where(known, values, 0) * weight), window_sums(weight)
    return np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0)


def twentieth(steps: np.ndarray) -> int:
    """Return an odd number of rows near a twentieth of all, at least 9."""
    return max(WINDOW, len(steps) // 20 | 1)


def windowed_range(values: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Median, smallest and largest value in a centred window of rows, which narrows towards both ends.

    It stays centred: values of one side alone would show at the first row what only comes later.
    """
    if not len(values):
        return values, values, values
    half = window // 2
    around = np.lib.stride_tricks.sliding_window_view(
        np.pad(np.asarray(values, np.float64), half, constant_values=np.nan), window
    )
    rows = np.arange(len(values))
    reach = np.minimum(half, np.minimum(rows, rows[::-1]))
    around = np.where(np.abs(np.arange(window) - half) <= reach[:, None], around, np.nan)
    return np.nanmedian(around, axis=1), np.nanmin(around, axis=1), np.nanmax(around, axis=1)
