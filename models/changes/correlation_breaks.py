"""Breaks of a pair's correlation: their dates, and the session that first showed them."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pandas as pd

from models.errors import NotEnoughData

METHOD = "kernelcpd-linear"
# Days of the exponential variance that standardises each return before it is multiplied.
VARIANCE_HALF_LIFE = 21
# A product of two 3σ days is 9 times an ordinary one; without a cap single days become segments.
STANDARDISED_CAP = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """One accepted change of correlation.

    Attributes
    ----------
    at : Timestamp
        First session of the new segment.
    first_seen : Timestamp or None
        First session from which every search showed the break, within the tolerance; None if
        before the look-back.
    before, after : float
        Pearson correlation of the standardised returns in the segments on either side.
    n_before, n_after : int
        Rows of these segments.
    """

    at: pd.Timestamp
    first_seen: pd.Timestamp | None
    before: float
    after: float
    n_before: int
    n_after: int


Returns = TypeVar("Returns", pd.Series, pd.DataFrame)


def standardised(returns: Returns) -> Returns:
    """Return over its exponentially weighted σ of rows up to t−1, capped at ±3.

    Without this step a change of variance reads as a change of correlation.
    """
    variance = returns.pow(2).ewm(halflife=VARIANCE_HALF_LIFE, min_periods=VARIANCE_HALF_LIFE)
    scale: Returns = variance.mean().shift(1).pow(0.5)
    ratio: Returns = returns / scale.where(scale > 0)
    return ratio.clip(-STANDARDISED_CAP, STANDARDISED_CAP)


def correlation_breaks(
    first: pd.Series,
    second: pd.Series,
    *,
    window: int = 504,
    min_size: int = 10,
    penalty: float = 1.0,
    lookback: int = 30,
    tolerance: int = 5,
) -> tuple[Break, ...]:
    """Date the changes in the correlation of two series.

    The mean of the product of two standardised returns is their correlation, so a change in that
    mean is searched for exactly with the linear kernel.

    Parameters
    ----------
    first, second : Series of shape (n_sessions,)
        Log returns. Rows with a missing value are excluded.
    window : int
        Trailing rows searched.
    min_size : int
        Smallest segment; a break is therefore at least this many sessions old when accepted.
    penalty : float
        Multiplies 2·σ̂²·ln n, with σ̂² from first differences (a level shift cannot inflate it).
        Not calibrated to a false-alarm rate.
    lookback : int
        Earlier sessions searched for the one that first showed each break.
    tolerance : int
        Rows by which the estimated position of one break may differ between sessions.

    Returns
    -------
    tuple of Break
        In time order. The result at *t* uses rows up to *t*: give only rows that were known.

    Raises
    ------
    NotEnoughData
        Fewer than 4·min_size complete rows.

    Notes
    -----
    Harchaoui, Cappé (2007); Celisse et al. (2018, JMLR 18) for the kernel cost; searched with
    `ruptures.KernelCPD`, whose dynamic programme visits every row (jump 1).
    """
    pair = pd.DataFrame({"first": standardised(first), "second": standardised(second)}).dropna()
    if len(pair) < 4 * min_size:
        raise NotEnoughData(need=4 * min_size, got=len(pair), what="a search for breaks")
    product = (pair["first"] * pair["second"]).to_numpy(dtype=np.float64)
    last = len(product)

    def breaks_to(end: int) -> list[int]:
        start = max(0, end - window)
        earlier = _search(product[start:end], min_size=min_size, penalty=penalty)
        return [start + row for row in earlier]

    breaks = breaks_to(last)
    history: list[tuple[int, list[int]]] = []
    if breaks:
        earliest = max(last - lookback, 4 * min_size)
        history = [(end, breaks_to(end)) for end in range(last - 1, earliest - 1, -1)]
    edges = [max(0, last - window), *breaks, last]
    results = []
    for number, row in enumerate(breaks, start=1):
        seen: int | None = last
        for end, earlier in history:
            if not any(abs(other - row) <= tolerance for other in earlier):
                break
            seen = end
        else:
            seen = None if history else last
        left, right = pair.iloc[edges[number - 1] : row], pair.iloc[row : edges[number + 1]]
        results.append(
            Break(
                at=pair.index[row],
                first_seen=None if seen is None else pair.index[seen - 1],
                before=float(left["first"].corr(left["second"])),
                after=float(right["first"].corr(right["second"])),
                n_before=len(left),
                n_after=len(right),
            )
        )
    return tuple(results)


def _search(signal: np.ndarray, *, min_size: int, penalty: float) -> list[int]:
    if len(signal) < 2 * min_size:
        return []
    noise = float(np.mean(np.diff(signal) ** 2)) / 2
    if noise == 0:
        return []
    from ruptures import KernelCPD  # imported where it is used: it pulls in all of scipy

    search = KernelCPD(kernel="linear", min_size=min_size).fit(signal[:, None])
    earlier = search.predict(pen=penalty * 2 * noise * np.log(len(signal)))
    return [int(row) for row in earlier[:-1]]
