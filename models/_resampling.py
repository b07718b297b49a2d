"""Stationary bootstrap of dependent rows.

`arch.bootstrap.StationaryBootstrap` draws samples of the length of the data alone. Thresholds need
longer or shorter paths (ten years from three), and the published ones depend on these draws.
"""

import numpy as np

from features._typing import Integers


def block_length(rows: int) -> int:
    """Mean block length n^⅓, the optimal rate for the error of a resampled variance.

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
        Rows to resample.
    length : int
        Rows of each sample; may exceed `rows`.
    block : int
        Mean block length.
    draws : int
        Number of samples.
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
    position = np.arange(length)
    last = np.maximum.accumulate(np.where(begins, position, 0), axis=1)
    samples: Integers = (np.take_along_axis(starts, last, axis=1) + position - last) % rows
    return samples
