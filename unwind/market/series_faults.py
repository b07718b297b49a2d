"""Stretches of a series that are wrong: frozen bars, closes that repeat opens, wrong dates."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from unwind.contract.source import Fault
from unwind.market.price_matrix import COLUMNS, Floats, PriceMatrix

# Sessions from one test for wrong dates to the next, and the share of a window that it needs.
EVERY, MIN_SHARE = 21, 0.8
# Series in each comparison: a universe of thousands would take minutes.
MAX_PEERS = 256
# Rows of the session before and of the session after, within a window.
CUTS = (slice(None, -2), slice(2, None))
# Open and close within this share of the bar's range are one price.
SAME_PRICE = 0.1
# From this share of series with repeated opens on, the vendor has no opens at all.
MAX_LONE = 0.4
Mask = NDArray[np.bool_]


def frozen_faults(matrix: PriceMatrix, *, sessions: int) -> tuple[Fault, ...]:
    """Find every price row that ends a run of equal bars.

    Parameters
    ----------
    matrix : PriceMatrix
    sessions : int
        Consecutive rows, at least 2, from which a run is a fault.

    Returns
    -------
    tuple of Fault
        One per row; the fault at *t* uses rows up to *t*. A missing number equals a missing one; a
        session without a row is skipped.
    """
    bars = np.stack([matrix.values[name] for name in COLUMNS], axis=2)
    faults = []
    for column, symbol in enumerate(matrix.symbols):
        priced = np.isfinite(bars[:, column]).any(axis=1)
        rows, own = np.flatnonzero(priced), bars[priced, column]
        unchanged = np.zeros(len(rows), dtype=bool)
        unchanged[1:] = np.all(
            (own[1:] == own[:-1]) | (np.isnan(own[1:]) & np.isnan(own[:-1])), axis=1
        )
        starts = np.maximum.accumulate(np.where(unchanged, 0, np.arange(len(rows))))
        length = np.arange(len(rows)) - starts + 1
        faults += [
            Fault(
                entity=symbol,
                rule="frozen_series",
                severity="warning",
                value=f"{length[at]} equal bars since {matrix.sessions[rows[starts[at]]]:%Y-%m-%d}",
                remedy="check with the vendor whether the feed has stalled",
                column="close",
                session=matrix.sessions[rows[at]],
            )
            for at in np.flatnonzero(length >= sessions)
        ]
    return tuple(faults)


def repeated_opens(matrix: PriceMatrix, *, rows: int, share: float) -> Mask:
    """Rows of stretches in which close repeats open while the bar itself has a range.

    One of the two is wrong, and the bar does not show which. A bar without a range is a series
    that did not trade; a vendor without opens fills them in every series: neither is a fault.
    """
    values = matrix.values
    with np.errstate(invalid="ignore"):
        live = values["high"] > values["low"]
        apart = np.abs(values["close"] - values["open"])
        equal = live & (apart <= SAME_PRICE * (values["high"] - values["low"]))
    n_live, n_equal = (
        pd.DataFrame(mask.astype(float)).rolling(rows, min_periods=rows).sum().to_numpy()
        for mask in (live, equal)
    )
    with np.errstate(invalid="ignore"):
        stretch = (n_equal >= share * n_live) & (n_live >= rows / 2)
    repeated = _back(stretch, rows) & np.isfinite(values["close"])
    n_series = max(1, int(np.isfinite(values["close"]).any(axis=0).sum()))
    lone = repeated.sum(axis=1, keepdims=True) < MAX_LONE * n_series
    return np.asarray(repeated & lone)


def misdated(z: Floats, *, window: int, lagged: float, same_day: float) -> Mask:
    """Rows of series that move with another one session away, and with none on the day.

    Parameters
    ----------
    z : array of shape (n_sessions, n_symbols)
        Moves in σ of each series.
    window : int
        Rows of a correlation.
    lagged, same_day : float
        Least |ρ| one session away, and most |ρ| of the same session.
    """
    late = np.zeros(z.shape, dtype=bool)
    clipped = np.clip(z, -4, 4)
    peers = np.unique(np.linspace(0, z.shape[1] - 1, MAX_PEERS).astype(int))
    # Twice the rows need 0.1 less: the noise of a correlation falls with the rows.
    for rows, less in ((window, 0.0), (2 * window, 0.1)):
        for end in range(len(z), rows - 1, -EVERY):
            span = slice(end - rows, end)
            part = clipped[span]
            enough = np.isfinite(part).mean(axis=0) >= MIN_SHARE
            part = np.where(enough, np.nan_to_num(part), 0.0)
            middle = part[1:-1]
            together = _largest(middle, middle, peers)
            before, after = (_largest(middle, part[cut], peers) for cut in CUTS)
            apart = np.maximum(before, after)
            late[span] |= enough & (apart >= lagged - less) & (together <= same_day - less)
    return late & np.isfinite(z)


def _largest(rows: Floats, others: Floats, peers: NDArray[np.int_]) -> Floats:
    """Largest |ρ| of each series with another one among the peers."""
    others = others[:, peers]
    norms = np.outer(np.sqrt((rows**2).sum(axis=0)), np.sqrt((others**2).sum(axis=0)))
    rho = np.divide(np.abs(rows.T @ others), norms, out=np.zeros_like(norms), where=norms > 0)
    rho[peers, np.arange(len(peers))] = 0.0
    return np.asarray(rho.max(axis=1, initial=0.0))


def _back(ends: Mask, rows: int) -> Mask:
    """Rows of every window of `rows` that ends where `ends` is true."""
    counted = pd.DataFrame(ends[::-1].astype(float)).rolling(rows, min_periods=1).sum()
    return np.asarray(counted.to_numpy()[::-1] > 0)
