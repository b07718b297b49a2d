"""The drivers of the verdict, from a panel and the desk's own factor returns."""

import pandas as pd

from features.cross_section import (
    class_moves,
    concentrated_tail_loss,
    joint_tail_loss,
    scaled_moves,
    spread_returns,
    tail_excess,
    volume_on_falls,
)
from unwind.settings.verdict import Verdict


def driver_history(
    returns: pd.DataFrame, shares: pd.DataFrame, factors: pd.DataFrame, *, chosen: Verdict
) -> pd.DataFrame:
    """Values of the drivers, session by session.

    Parameters
    ----------
    returns : DataFrame of shape (n_sessions, n_assets)
        Log returns; assets of the classes and spreads among them.
    shares : DataFrame of shape (n_sessions, n_assets)
        Volume in shares; an asset without a column has none.
    factors : DataFrame
        Rows of `equity_factors_pct`, one per session; empty where the desk has none.
    chosen : Verdict

    Returns
    -------
    DataFrame of shape (n_sessions, n_drivers)
        Columns as `models.verdict.score.DRIVERS`. NaN where too few classes or sleeves have a
        move, or too few classes have a volume. The value at *t* uses rows up to *t*.
    """
    moves = tuple(
        class_moves(_scaled(returns, horizon, chosen), classes=chosen.classes)
        for horizon in chosen.class_horizons
    )
    traded = class_moves(
        volume_on_falls(
            _scaled(returns, 1, chosen),
            shares.reindex(columns=returns.columns),
            cap=chosen.tail_cap,
            window=chosen.window,
            min_observations=chosen.min_observations,
        ),
        classes=chosen.classes,
    )
    selling = tail_excess(moves, start=chosen.class_start, cap=chosen.tail_cap)
    losses = sleeve_losses(returns, factors, chosen=chosen)
    return pd.DataFrame(
        {
            "breadth": joint_tail_loss(selling, min_series=chosen.fewest_classes),
            "concentration": concentrated_tail_loss(
                selling, n_largest=chosen.leading, min_series=chosen.fewest_classes
            ),
            "volume_on_falls": concentrated_tail_loss(
                traded, n_largest=chosen.leading, min_series=chosen.fewest_classes
            ),
            "crowding": joint_tail_loss(losses, min_series=chosen.fewest_sleeves),
        }
    )


def sleeve_losses(returns: pd.DataFrame, factors: pd.DataFrame, *, chosen: Verdict) -> pd.DataFrame:
    """Tail excess of each long-short sleeve: what the driver `crowding` adds up.

    Arguments as in `driver_history`. The value at *t* uses rows up to *t*.
    """
    sleeves = sleeve_returns(returns, factors, chosen=chosen)
    return tail_excess(
        tuple(_scaled(sleeves, horizon, chosen) for horizon in chosen.sleeve_horizons),
        start=chosen.sleeve_start,
        cap=chosen.tail_cap,
    )


def sleeve_returns(
    returns: pd.DataFrame, factors: pd.DataFrame, *, chosen: Verdict
) -> pd.DataFrame:
    """Returns of the long-short sleeves: the desk's factors, or spreads of funds without them.

    A desk that has factor returns at all is judged by them alone: a day on which they are missing
    is missing, and is not filled from another measure.
    """
    if factors.empty:
        return spread_returns(returns, spreads=chosen.spreads)
    dated = factors.set_index("session").reindex(returns.index)
    own: pd.DataFrame = dated.reindex(columns=list(chosen.factors)) / 100.0
    return own


def _scaled(returns: pd.DataFrame, horizon: int, chosen: Verdict) -> pd.DataFrame:
    return scaled_moves(
        returns, horizon=horizon, window=chosen.window, min_observations=chosen.min_observations
    )
