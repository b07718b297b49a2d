"""What is searched for breaks, and the penalty that holds a stated false-alarm rate.

A change of variance or correlation is a change in the mean of squares or products, so one exact
search, that of the mean, serves all. Its penalty is read from calm rows, resampled in blocks.
"""

from math import ceil
from typing import Literal

import numpy as np
import ruptures
from numpy.typing import NDArray

from models.block_bootstrap import stationary_rows
from models.errors import NotEnoughData

Floats = NDArray[np.float64]
Change = Literal["mean", "variance", "correlation", "any"]
CHANGES: tuple[Change, ...] = ("mean", "variance", "correlation", "any")


def change_signal(standardised: Floats, *, change: Change) -> Floats:
    """Turn standardised series into the signal whose mean moves when `change` happens.

    Parameters
    ----------
    standardised : ndarray of shape (n_rows, n_series)
        Values over a scale of earlier rows, best capped: a product of two 10σ days is a regime of
        its own. A NaN makes NaN of what is computed from it.
    change : {"mean", "variance", "correlation", "any"}
        The values; their squares over √2, so that a unit is a standard deviation under the normal;
        the products of all pairs; or all three side by side, the multivariate search.

    Returns
    -------
    ndarray of shape (n_rows, n_signals)
        The value at *t* uses row *t* alone.

    Raises
    ------
    ValueError
        An unknown change, an array that is not two-dimensional, or a correlation of one series.
    """
    if standardised.ndim != 2:
        raise ValueError(f"standardised must have two dimensions, got {standardised.ndim}")
    if change not in CHANGES:
        raise ValueError(f"change must be one of {', '.join(CHANGES)}, got {change!r}")
    width = standardised.shape[1]
    first, second = np.triu_indices(width, 1)
    if change == "correlation" and width < 2:
        raise ValueError("a correlation needs at least 2 series, got 1; ask for the variance")
    squares = standardised**2 / np.sqrt(2)
    products = standardised[:, first] * standardised[:, second]
    chosen: dict[Change, Floats] = {
        "mean": standardised,
        "variance": squares,
        "correlation": products,
        "any": np.hstack([standardised, squares, products]),
    }
    return chosen[change]


def penalised_breaks(signal: Floats, *, min_size: int, penalty: float) -> tuple[int, ...]:
    """First rows of the segments that minimise the squared error plus `penalty` a break.

    Parameters
    ----------
    signal : ndarray of shape (n_rows, n_signals)
        No NaN.
    min_size : int
        Fewest rows in a segment.
    penalty : float
        Drop in the sum of squares that each break must bring, in the signal's unit squared.

    Returns
    -------
    tuple of int
        Empty below 2·min_size rows. All rows are used for every break.

    References
    ----------
    Celisse, Marot, Pierre-Jean, Rigaill (2018); `ruptures.KernelCPD`, linear kernel, jump 1.
    """
    if len(signal) < 2 * min_size:
        return ()
    search = ruptures.KernelCPD(kernel="linear", min_size=min_size).fit(signal)
    return tuple(int(place) for place in search.predict(pen=penalty)[:-1])


def critical_penalty(signal: Floats, *, min_size: int) -> float:
    """The smallest penalty at which no break is found: max_k (RSS₀ − RSS_k)/k, exactly.

    Parameters
    ----------
    signal : ndarray of shape (n_rows, n_signals)
        No NaN.
    min_size : int
        Fewest rows in a segment.

    Returns
    -------
    float
        Zero below 2·min_size rows and on a constant signal.

    Notes
    -----
    A ratio is maximised by solving the penalised problem at the best ratio so far, until it no
    longer rises (Dinkelbach 1967, Management Science 13): two to four searches.
    """
    if len(signal) < 2 * min_size:
        return 0.0
    whole = _squares(signal, ())
    search = ruptures.KernelCPD(kernel="linear", min_size=min_size).fit(signal)
    breaks = tuple(search.predict(n_bkps=1)[:-1])
    best = 0.0
    while breaks:
        ratio = (whole - _squares(signal, breaks)) / len(breaks)
        if ratio <= best * (1 + 1e-12):
            break
        best = ratio
        breaks = tuple(search.predict(pen=best)[:-1])
    return best


def calibrated_penalty(
    calm: Floats, *, rows: int, min_size: int, rate: float, block: int, draws: int, seed: int
) -> float:
    """Penalty under which a share `rate` of windows without a change shows any break.

    Parameters
    ----------
    calm : ndarray of shape (n_calm, n_signals)
        Rows under no change; end them at t−1 for the search at *t*. Rows with a NaN are left out.
    rows : int
        Rows of the windows that will be searched.
    min_size : int
        Fewest rows in a segment of that search.
    rate : float
        False-alarm rate a window.
    block : int
        Mean block length of the stationary bootstrap: longer than the memory of the rows.
    draws : int
        Windows that are drawn.
    seed : int
        The same rows give the same penalty.

    Returns
    -------
    float
        In the signal's unit squared, for `penalised_breaks`. The ⌈(draws + 1)(1 − rate)⌉-th
        smallest critical penalty: of draws + 1 exchangeable windows at most a share `rate`
        lies above it.

    Raises
    ------
    NotEnoughData
        Fewer than 4·block complete rows.
    ValueError
        `rate` is not between 0 and 1, or `draws` cannot resolve it.

    References
    ----------
    Politis, Romano (1994), JASA 89; the order statistic: Davison, Hinkley (1997), section 4.2.
    """
    if not 0 < rate < 1:
        raise ValueError(f"rate must lie between 0 and 1, got {rate}; 0.05 is usual")
    rank = ceil((draws + 1) * (1 - rate))
    if rank > draws:
        raise ValueError(f"draws must be at least {ceil(1 / rate) - 1} for a rate of {rate}, "
                         f"got {draws}")  # fmt: skip
    complete = calm[~np.isnan(calm).any(axis=1)]
    if len(complete) < 4 * block:
        raise NotEnoughData(need=4 * block, got=len(complete), what="a calibrated penalty")
    chosen = stationary_rows(
        len(complete), length=rows, block=block, draws=draws,
        generator=np.random.default_rng(seed),
    )  # fmt: skip
    needed = sorted(critical_penalty(complete[one], min_size=min_size) for one in chosen)
    return float(needed[rank - 1])


def _squares(signal: Floats, breaks: tuple[int, ...]) -> float:
    pieces = np.split(signal, breaks)
    return float(sum(((piece - piece.mean(axis=0)) ** 2).sum() for piece in pieces))
