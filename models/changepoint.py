"""Breaks of a pair's correlation: where they lie and when the data first showed them."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pandas as pd
import ruptures

from models.errors import NotEnoughData

METHOD = "kernelcpd-linear"
# Days of the exponential variance that standardises each return before it is multiplied.
VARIANCE_HALF_LIFE = 21
# A product of two 3σ days is 9 times a usual one; without a cap single days become "regimes".
STANDARDISED_CAP = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """One accepted change of correlation.

    Attributes
    ----------
    at : Timestamp
        First session of the new segment.
    first_seen : Timestamp or None
        First session whose own data showed the break, within the tolerance, and every session
        after it did; None where that lies before the look-back.
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
    window: int,
    min_size: int,
    penalty: float,
    lookback: int,
    tolerance: int,
) -> tuple[Break, ...]:
    """Date the changes in the correlation of two series.

    The mean of the product of two standardised returns is their correlation, so a change in that
    mean is searched for, exactly, with the linear kernel.

    Parameters
    ----------
    first, second : Series of shape (n_sessions,)
        Log returns. Rows where either is missing are left out.
    window : int
        Trailing rows that are searched.
    min_size : int
        Fewest rows in a segment; the last segment too, so a break is at least this many
        sessions old when it is accepted.
    penalty : float
        Multiplies 2·σ̂²·ln n, with σ̂² from first differences (a level shift cannot inflate it).
        Not calibrated to a false-alarm rate.
    lookback : int
        Sessions to go back in search of the one that first showed each break.
    tolerance : int
        Rows by which the place of one break may differ between sessions.

    Returns
    -------
    tuple of Break
        In the order of time. The result at *t* uses rows up to *t*: give only rows that were known.

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

    def places(end: int) -> list[int]:
        start = max(0, end - window)
        found = _search(product[start:end], min_size=min_size, penalty=penalty)
        return [start + place for place in found]

    breaks = places(last)
    history: list[tuple[int, list[int]]] = []
    if breaks:
        earliest = max(last - lookback, 4 * min_size)
        history = [(end, places(end)) for end in range(last - 1, earliest - 1, -1)]
    edges = [max(0, last - window), *breaks, last]
    answer = []
    for number, place in enumerate(breaks, start=1):
        seen: int | None = last
        for end, found in history:
            if not any(abs(other - place) <= tolerance for other in found):
                break
            seen = end
        else:
            seen = None if history else last
        left, right = pair.iloc[edges[number - 1] : place], pair.iloc[place : edges[number + 1]]
        answer.append(
            Break(
                at=pair.index[place],
                first_seen=None if seen is None else pair.index[seen - 1],
                before=float(left["first"].corr(left["second"])),
                after=float(right["first"].corr(right["second"])),
                n_before=len(left),
                n_after=len(right),
            )
        )
    return tuple(answer)


def _search(signal: np.ndarray, *, min_size: int, penalty: float) -> list[int]:
    if len(signal) < 2 * min_size:
        return []
    noise = float(np.mean(np.diff(signal) ** 2)) / 2
    if noise == 0:
        return []
    search = ruptures.KernelCPD(kernel="linear", min_size=min_size).fit(signal[:, None])
    found = search.predict(pen=penalty * 2 * noise * np.log(len(signal)))
    return [int(place) for place in found[:-1]]
