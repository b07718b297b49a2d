"""The newest chain of options on the base: found, cleaned, and laid out over spot."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.constants import DAYS_PER_YEAR
from features.derivatives import (
    CALL,
    PUT,
    CleanChain,
    GammaProfile,
    clean_chain,
    dealer_signs,
    gamma_profile,
)
from unwind.calendar import CUT_ZONE, market_closes
from unwind.indicators.context import RunContext


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Snapshot:
    """One chain of the base.

    Attributes
    ----------
    at : Timestamp, UTC
        When it was taken; its zones hold as of then.
    session : Timestamp
        The session of its day in New York, or the one before.
    known_at : Timestamp, UTC
    price : float
        Of the underlying, as the chain prints it.
    rows : DataFrame
        The input rows, and `years` to 16:00 New York of the expiry.
    unread : int
        Rows left out because their right is neither "call" nor "put".
    clean : CleanChain
    """

    at: pd.Timestamp
    session: pd.Timestamp
    known_at: pd.Timestamp
    price: float
    rows: pd.DataFrame
    unread: int
    clean: CleanChain


def snapshot_sessions(chains: pd.DataFrame, context: RunContext, *, underlying: str) -> pd.Series:
    """Last snapshot of each session up to the moment's: session → instant, increasing."""
    if chains.empty:
        return pd.Series(dtype="datetime64[us, UTC]")
    instants = pd.DatetimeIndex(
        chains.loc[chains["underlying"] == underlying, "snapshot_at"].unique()
    ).sort_values()
    days = instants.tz_convert(CUT_ZONE).tz_localize(None).normalize()
    place = context.panel.sessions.searchsorted(days, side="right") - 1
    held = (days <= context.stamp) & (place >= 0)
    taken = pd.Series(instants[held], index=context.panel.sessions[place[held]])
    return taken[~taken.index.duplicated(keep="last")]


def newest_snapshot(chains: pd.DataFrame, context: RunContext) -> Snapshot | None:
    """Clean the base's last chain by the moment; None where there is none."""
    base, chosen = context.settings.universe.base, context.settings.options
    taken = snapshot_sessions(chains, context, underlying=base)
    if taken.empty:
        return None
    at = taken.iloc[-1]
    rows = chains[(chains["underlying"] == base) & (chains["snapshot_at"] == at)]
    left = market_closes(pd.DatetimeIndex(rows["expiry"])) - at
    rows = rows.assign(years=left / pd.Timedelta(days=DAYS_PER_YEAR))
    known, printed = rows["known_at"].max(), len(rows)
    rows = rows[rows["right"].isin([CALL, PUT])]
    price = float(rows["underlying_price"].median())
    return Snapshot(
        at=at,
        session=taken.index[-1],
        known_at=known,
        price=price,
        rows=rows,
        unread=printed - len(rows),
        clean=clean_chain(
            rows, spot=price, rate=chosen.rate, dividend_yield=chosen.dividend_yield,
            min_volatility=chosen.lowest_volatility, max_volatility=chosen.highest_volatility,
        ),
    )  # fmt: skip


def session_profile(snapshot: Snapshot, context: RunContext) -> GammaProfile | None:
    """Gamma exposure of a chain over spot, read at the session's close; the chart's data.

    None where no contract has both a volatility and open interest. Without a close the chain's own
    price stands for spot.
    """
    chosen, contracts = context.settings.options, snapshot.clean.contracts
    if not (contracts["open_interest"] > 0).any():
        return None
    close = float(context.panel.close[context.settings.universe.base].loc[context.stamp])
    spot = snapshot.price if np.isnan(close) else close
    reach = chosen.grid_reach
    return gamma_profile(
        contracts,
        dealer_signs(contracts)[list(chosen.conventions)],
        spot=spot,
        grid=spot * np.linspace(1 - reach, 1 + reach, chosen.grid_points),
        rate=chosen.rate,
        dividend_yield=chosen.dividend_yield,
        multiplier=chosen.multiplier,
    )
