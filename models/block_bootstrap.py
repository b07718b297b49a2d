"""Resampling of dependent rows in blocks: what a detector meets when nothing changes."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def block_length(rows: int) -> int:
    """Mean block length n^⅓: the rate that minimises the error of a resampled variance.

    Source: Politis, Romano (1994, JASA 89), section 3.
    """
    return max(1, round(float(np.cbrt(rows))))


def stationary_rows(
    rows: int, *, length: int, block: int, draws: int, generator: np.random.Generator
) -> Integers:
    """Row numbers of stationary-bootstrap samples.

    Blocks start at a uniform row and wrap around the end; their lengths are geometric.

    Parameters
    ----------
    rows : int
        Rows that are resampled.
    length : int
        Rows of each sample; it may exceed `rows`.
    block : int
        Mean block length.
    draws : int
        Samples.
    generator : numpy.random.Generator
        Source of randomness; the caller's seed makes it repeatable.

    Returns
    -------
    ndarray of shape (draws, length), int64

    Raises
    ------
    ValueError
        `rows`, `length`, `block` or `draws` is below one.

    References
    ----------
    Politis, Romano (1994), The stationary bootstrap, JASA 89, 1303–1313.
    """
    for name, value in (("rows", rows), ("length", length), ("block", block), ("draws", draws)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    begins = generator.random((draws, length)) < 1 / block
    begins[:, 0] = True
    starts = generator.integers(0, rows, (draws, length))
    place = np.arange(length)
    last = np.maximum.accumulate(np.where(begins, place, 0), axis=1)
    chosen: Integers = (np.take_along_axis(starts, last, axis=1) + place - last) % rows
    return chosen
