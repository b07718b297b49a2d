"""Open interest in coins, and its classes together with the basis.

In coins, because open interest in dollars falls with the price: 13 % on a day on which nobody
closed anything. A class needs two signs, of the basis and of open interest, and each must exceed
what an ordinary session does. Open interest alone shows that positions were closed or opened,
not whose. Without its sign the type is "unknown".
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd

from features._validation import require_window
from features.constants import MAD_TO_SIGMA

UNWIND, CRUSH, REBUILD, FADE, UNKNOWN = "UNWIND", "CRUSH", "REBUILD", "FADE", "unknown"
CLOSED, OPENED = "positions closed", "positions opened"
SAME_SESSION, OPEN_INTEREST_FIRST = "same session", "open interest first"

CLASSES = {(1, -1): UNWIND, (-1, -1): CRUSH, (1, 1): REBUILD, (-1, 1): FADE}
# The basis is within its band or missing, so long and short positions cannot be distinguished.
OPEN_INTEREST_ALONE = {-1: CLOSED, 1: OPENED}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OpenInterest:
    """Open interest by venue: sessions down, venues across.

    Attributes
    ----------
    coins : DataFrame
        Of all groups of contracts with a figure; NaN without one.
    change : DataFrame
        Log change since the session before, over the groups with a figure at both.
    proxy : DataFrame of bool
        A figure in dollars was converted for the level, or for either end of the change.
    """

    coins: pd.DataFrame
    change: pd.DataFrame
    proxy: pd.DataFrame


def open_interest_in_coins(
    rows: pd.DataFrame, price: pd.DataFrame, *, venues: tuple[str, ...]
) -> OpenInterest:
    """Sum the open interest of each venue in coins.

    Parameters
    ----------
    rows : DataFrame
        | session | venue | contract_group | open_interest_btc | open_interest_usd |, one row per
        key.
    price : DataFrame of shape (n_sessions, n_venues)
        USD per coin at the instant at which each venue is printed; where coins are missing,
        dollars are divided by it. Its index is the sessions of the answer.
    venues : tuple of str
        Columns of the answer.

    Notes
    -----
    The value at *t* uses rows of *t* and *t* − 1. A group with a figure at one end only is excluded
    from the change: a vendor that adds a contract has not added a position.
    """
    sessions = price.index
    selected = rows[rows["session"].isin(sessions) & rows["venue"].isin(venues)]
    level, proxy, change = {}, {}, {}
    for venue in venues:
        own = selected[selected["venue"] == venue]
        keyed = own.set_index(["session", "contract_group"]).astype(
            {"open_interest_btc": np.float64, "open_interest_usd": np.float64}
        )
        coins, dollars = (
            keyed[name].unstack("contract_group").reindex(index=sessions)  # noqa: PD010 - keys are unique
            for name in ("open_interest_btc", "open_interest_usd")
        )
        converted = dollars.div(price[venue], axis=0).where(coins.isna())
        groups = coins.fillna(converted)
        groups = groups.where(groups > 0)
        guessed = converted.notna().any(axis=1)
        both = groups.notna() & groups.shift(1).notna()
        now = groups.where(both).sum(axis=1, min_count=1)
        before = groups.shift(1).where(both).sum(axis=1, min_count=1)
        level[venue] = groups.sum(axis=1, min_count=1)
        change[venue] = np.log(now / before)
        proxy[venue] = guessed | guessed.shift(1, fill_value=False)
    return OpenInterest(
        coins=pd.DataFrame(level, index=sessions, dtype=np.float64),
        change=pd.DataFrame(change, index=sessions, dtype=np.float64),
        proxy=pd.DataFrame(proxy, index=sessions, dtype=bool),
    )


def ordinary_change(
    change: pd.DataFrame,
    *,
    window: int = 252,
    min_observations: int = 40,
    floor: float = 0.015,
    confidence: float = 0.9,
) -> pd.DataFrame:
    """Half-width of what an ordinary session does to open interest.

    z · 1.4826 · median |Δ_s| over s = t−w..t−1, and at least `floor`; the floor alone before there
    are `min_observations`.

    Parameters
    ----------
    change : DataFrame of shape (n_sessions, n_venues)
        Log changes.
    floor : float
        Smallest change that counts.
    confidence : float
        Two-sided; z is its normal quantile.

    Notes
    -----
    The value at *t* uses rows up to *t* − 1.
    """
    require_window(window, min_observations, minimum=2)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    usual = change.abs().rolling(window, min_periods=min_observations).median().shift(1)
    return (z * MAD_TO_SIGMA * usual).clip(lower=floor).fillna(floor)


def classify(
    basis: pd.Series, change: pd.Series, ordinary: pd.Series, *, expired: pd.Series
) -> pd.DataFrame:
    """Classify the move: UNWIND (basis ↑, open interest ↓), CRUSH (↓ ↓), REBUILD (↑ ↑), FADE (↓ ↑).

    Open interest counts on the session of the basis; where it did not move there, on the session
    before it, if the basis did not move on that one: positions are closed, then the basis moves.
    Never the other way round. Where the basis has no sign, a move of open interest on the session
    itself is "positions closed" or "positions opened".

    Parameters
    ----------
    basis : Series of shape (n_sessions,)
        Sign of the change of the basis: −1, 0 or 1; NaN where unknown.
    change, ordinary : Series
        Log change of open interest in coins, and what an ordinary session does.
    expired : Series of bool
        A contract of the venue expired at the session or the one before: a fall of open interest
        is then the calendar's, and has no sign.

    Returns
    -------
    DataFrame
        `type`, one of the classes, "positions closed", "positions opened" or "unknown"; `timing`,
        "same session" or "open interest first", None for "unknown"; `open_interest`, the sign of
        the session itself, NaN where unknown; `fell_before`, open interest fell at the session
        before; `expired`, a fall of the session is the calendar's. The value at *t* uses rows of
        *t* and *t* − 1.
    """
    sign = np.sign(change).where(change.abs() > ordinary, 0.0).where(change.notna())
    calendar = expired & (sign < 0)
    sign = sign.where(~calendar, 0.0)
    before = sign.shift(1)
    # A move that the basis has answered already is not counted a second time.
    answered = basis.shift(1).isin([-1.0, 1.0])
    later = (sign == 0) & before.isin([-1.0, 1.0]) & ~answered
    counted = before.where(later, sign)
    alone = sign.map(OPEN_INTEREST_ALONE).where(~basis.isin([-1.0, 1.0]))
    kinds = [CLASSES.get((up, more)) for up, more in zip(basis, counted, strict=True)]
    named = pd.Series(kinds, index=basis.index, dtype=object).fillna(alone).fillna(UNKNOWN)
    timing = pd.Series(
        np.where(later, OPEN_INTEREST_FIRST, SAME_SESSION), index=basis.index, dtype=object
    )
    return pd.DataFrame(
        {
            "type": named,
            "timing": timing.where(named != UNKNOWN, None),
            "open_interest": sign,
            "fell_before": before == -1,
            "expired": calendar,
        }
    )


def expiry_sessions(expiries: pd.DatetimeIndex, sessions: pd.DatetimeIndex) -> pd.Series:
    """Mark the first session on or after each expiry, and the one after that.

    The open interest of an expired contract leaves the count in that night's report or the next.
    """
    # An expiry before the first session does not concern that one.
    at = sessions.searchsorted(expiries[expiries >= sessions[:1].min()])
    marked = np.zeros(len(sessions), dtype=bool)
    for position in (at, at + 1):
        marked[position[position < len(sessions)]] = True
    return pd.Series(marked, index=sessions)


def venue_divergence(change: pd.DataFrame, *, first: str, second: str) -> pd.Series:
    """Δln OI(first) − Δln OI(second), both in coins at one clock; NaN where either is missing.

    Negative: the first venue's positions were closed faster. The value at *t* uses rows of *t*
    and *t* − 1.
    """
    gap: pd.Series = change[first] - change[second]
    return gap
