"""Names that hold: which state of a new estimate is which state of the one before."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from models.markov_switching import MarkovFit, state_coordinates

Array = NDArray[np.float64]


def matching_order(before: Array, after: Array) -> NDArray[np.int64]:
    """Pair states at least total squared distance (Kuhn 1955; Hungarian method).

    Parameters
    ----------
    before, after : arrays of shape (n_states, n_coordinates)
        Where each state lies, in units that make coordinates comparable.

    Returns
    -------
    array of shape (n_states,)
        `order` such that after[order[k]] is what before[k] has become.

    Raises
    ------
    ValueError
        The shapes differ, or a coordinate is not finite.
    """
    if before.shape != after.shape:
        raise ValueError(
            f"estimates must have the same states and series, got {before.shape} and {after.shape}"
        )
    cost = ((before[:, None, :] - after[None, :, :]) ** 2).sum(axis=2)
    return np.asarray(linear_sum_assignment(cost)[1], dtype=np.int64)


def aligned(before: MarkovFit, after: MarkovFit) -> MarkovFit:
    """Reorder the states of `after` to match `before` on mean, ln volatility and correlation.

    Means are held against the volatilities of `before` for both, so that a unit does not matter.
    """
    unit = np.sqrt((before.volatilities.to_numpy() ** 2).mean(axis=0))
    order = matching_order(
        state_coordinates(before, unit=unit), state_coordinates(after, unit=unit)
    )
    return after.permuted(order)
