"""Benchmark rules for the verdict: one number per session, an alarm when it is high."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from features.cross_section import (
    class_moves,
    concentrated_tail_loss,
    joint_tail_loss,
    scaled_moves,
    tail_excess,
    turbulence_index,
)


def rival_rules(
    returns: pd.DataFrame,
    volatility_index: pd.Series,
    *,
    window: int = 90,
    min_observations: int = 60,
) -> dict[str, pd.Series]:
    """Values of the five benchmark rules per session.

    Parameters
    ----------
    returns : DataFrame of shape (n_sessions, n_assets)
        Log returns of some fifteen unlike assets.
    volatility_index : Series of shape (n_sessions,)
        VIX, in points.
    window, min_observations : int
        Baseline of the standardised returns, ended at t−1.

    Returns
    -------
    dict of str to Series
        VIX level; VIX change (log, one session); turbulence (Kritzman and Li 2010); common-factor
        selling (minus the mean standardised return over its own σ); joint downside tail (what each
        asset's 1-day and 3-day return falls beyond −1.5σ, summed, over √assets). The value at *t*
        uses rows up to *t*.
    """
    moves = tuple(
        scaled_moves(returns, horizon=horizon, window=window, min_observations=min_observations)
        for horizon in (1, 3)
    )
    common = moves[0].mean(axis=1).to_frame("common")
    factor = scaled_moves(common, horizon=1, window=window, min_observations=min_observations)
    return {
        "VIX level": volatility_index,
        "VIX change": np.log(volatility_index).diff(),
        "turbulence": turbulence_index(returns, window=4 * window, min_observations=window)[
            "turbulence"
        ],
        "common-factor selling": -factor["common"],
        "joint downside tail": joint_tail_loss(
            tail_excess(moves, start=1.5, cap=np.inf), min_series=6
        ),
    }


def one_line_rules(
    returns: pd.DataFrame,
    *,
    classes: Mapping[str, tuple[str, ...]],
    window: int = 90,
    n_worst: int = 4,
) -> dict[str, pd.Series]:
    """Minus the mean standardised return of the worst asset classes: one line of a spreadsheet.

    Parameters
    ----------
    returns : DataFrame of shape (n_sessions, n_assets)
    classes : dict of str to tuple of str
    window : int
        Baseline of the standardised returns, ended at t−1.
    n_worst : int
        Classes in the mean.

    Returns
    -------
    dict of str to Series
        Over one session, and over one and three sessions added. NaN with fewer than six classes.
        The value at *t* uses rows up to *t*.
    """
    losses = []
    for horizon in (1, 3):
        moves = class_moves(scaled_moves(returns, horizon=horizon, window=window), classes=classes)
        losses.append(concentrated_tail_loss((-moves).clip(lower=0.0), n_largest=n_worst) / n_worst)
    return {
        "worst classes, 1 session": losses[0],
        "worst classes, 1 and 3 sessions": losses[0] + losses[1],
    }
