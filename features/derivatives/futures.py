"""Futures of a coin by expiry, and their premiums over spot.

A *leg* is what all bases have in common, one row per session: `premium` over `days`, and `timing`,
the variance of that premium from last trades of unknown age; `earlier_premium`, `earlier_days`
and `earlier_timing` are those of the same contracts one session before. `basis` makes annualised
bases with their errors of it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features._typing import Floats
from features._validation import require_at_least

TRADING_HOURS = 23.0  # of a trading day of CME; the 24th is closed
EXPIRING, NO_VOLUME, STALE = "expiring", "no volume", "stale"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curve:
    """Futures of one venue: sessions down, expiries across; NaN where a contract is excluded.

    Attributes
    ----------
    settle : DataFrame
        Last trade.
    days : DataFrame
        Calendar days from the session to the expiry.
    wait : DataFrame
        Hours expected between the last trade and the end of trading.
    names : DataFrame of str
        Contract; None where none is listed.
    excluded : DataFrame of int
        Contracts excluded from the session, by reason (`EXPIRING`, `NO_VOLUME`, `STALE`).
    hour_variance : Series
        Variance of the log price over an hour of the session, from the day's range of the
        nearest usable contract; NaN where it has none.
    """

    settle: pd.DataFrame
    days: pd.DataFrame
    wait: pd.DataFrame
    names: pd.DataFrame
    excluded: pd.DataFrame
    hour_variance: pd.Series


def listed_curve(
    futures: pd.DataFrame,
    sessions: pd.DatetimeIndex,
    *,
    min_days: int = 5,
    contracts_per_trade: float = 2.0,
    max_wait_hours: float = 1.0,
) -> Curve:
    """Lay contracts out by expiry, without those that give no price for the end of the session.

    A contract is excluded with fewer than `min_days` to its expiry (a tick is then percentage
    points per year), without volume, or when its last trade is stale: n trades per day at an even
    pace leave hours / n between the last one and the end, in expectation.

    Parameters
    ----------
    futures : DataFrame
        | session | contract | expiry | high | low | settle | volume |, one venue. Of two
        contracts with one expiry the busier is taken. Without a volume a contract is taken
        with the longest wait that is allowed.
    sessions : DatetimeIndex
        Rows of the answer.
    min_days : int
        Fewest calendar days to expiry.
    contracts_per_trade : float
        Contracts that change hands in a trade, for the number of trades in a volume.
    max_wait_hours : float
        Longest expected wait since the last trade.

    Notes
    -----
    The hour's variance is that of the day's range, (ln H/L)² / (4 ln 2) per day (Parkinson 1980,
    J. Business 53, equation 8), over 23 hours. The value at *t* uses rows of *t*.
    """
    rows = (
        futures[futures["session"].isin(sessions)]
        .sort_values(["session", "expiry", "volume", "contract"], na_position="first")
        .drop_duplicates(["session", "expiry"], keep="last")
    )
    volume = rows["volume"].to_numpy(dtype=np.float64)
    with np.errstate(divide="ignore"):
        wait = TRADING_HOURS * contracts_per_trade / volume
    days = (rows["expiry"] - rows["session"]).dt.days.to_numpy()
    wait = np.where(np.isnan(volume), max_wait_hours, wait)
    reason = np.select(
        [days < min_days, volume == 0, wait > max_wait_hours], [EXPIRING, NO_VOLUME, STALE], ""
    )
    row = sessions.get_indexer(pd.DatetimeIndex(rows["session"]))
    usable = reason == ""
    expiries, column = np.unique(rows["expiry"].to_numpy()[usable], return_inverse=True)
    across = pd.DatetimeIndex(expiries)

    def laid(values: NDArray[Any], empty: object) -> pd.DataFrame:
        grid = np.full((len(sessions), len(across)), empty)
        grid[row[usable], column] = values[usable]
        return pd.DataFrame(grid, index=sessions, columns=across, dtype=grid.dtype)

    high, low = (rows[name].to_numpy(dtype=np.float64) for name in ("high", "low"))
    variance = np.full(len(sessions), np.nan)
    session, first = np.unique(row[usable], return_index=True)
    span = np.log(high[usable][first] / low[usable][first])
    variance[session] = span**2 / (4 * np.log(2) * TRADING_HOURS)
    return Curve(
        settle=laid(rows["settle"].to_numpy(dtype=np.float64), np.nan),
        days=laid(days, np.nan),
        wait=laid(wait, np.nan),
        names=laid(rows["contract"].to_numpy(dtype=object), None),
        excluded=pd.DataFrame(
            {
                name: np.bincount(row[reason == name], minlength=len(sessions))
                for name in (EXPIRING, NO_VOLUME, STALE)
            },
            index=sessions,
        ),
        hour_variance=pd.Series(variance, index=sessions),
    )


def near_month(curve: Curve, spot: pd.DataFrame) -> pd.DataFrame:
    """Leg of the nearest usable contract; F/S − 1.

    Parameters
    ----------
    curve : Curve
    spot : DataFrame
        | price | hours_apart | of the curve's sessions, from `features.derivatives.spot.spot_at`.

    Returns
    -------
    DataFrame
        A leg, and `contract`. The session before is that of the same contract, so that a roll
        does not count as a change. The value at *t* uses rows of *t* and *t* − 1.
    """
    column = _nth_usable(curve, 0)
    price, apart = _arrays(spot, "price", "hours_apart")
    variance = curve.hour_variance.to_numpy()

    def at(back: int) -> tuple[Floats, Floats, Floats]:
        settle, days, wait = (
            _taken(frame, column, back) for frame in (curve.settle, curve.days, curve.wait)
        )
        return (
            settle / _lagged(price, back) - 1,
            days,
            _lagged(variance, back) * (wait + _lagged(apart, back)),
        )

    return _leg(curve, at(0), at(1)).assign(contract=_named(curve, column))


def calendar_spread(curve: Curve) -> pd.DataFrame:
    """Leg of the second usable contract over the first: a basis that needs no spot.

    F₂/F₁ − 1 over the days between the expiries. Both trade in one market until one instant, so
    that it depends on no spot source or clock, only on the age of last trades.

    Returns
    -------
    DataFrame
        A leg, `contract` and `against`. The session before is that of the same pair. The value
        at *t* uses rows of *t* and *t* − 1.
    """
    near, far = _nth_usable(curve, 0), _nth_usable(curve, 1)
    variance = curve.hour_variance.to_numpy()

    def at(back: int) -> tuple[Floats, Floats, Floats]:
        (first, second), (short, long), (wait, longer_wait) = (
            (_taken(frame, near, back), _taken(frame, far, back))
            for frame in (curve.settle, curve.days, curve.wait)
        )
        timing = _lagged(variance, back) * (wait + longer_wait)
        return second / first - 1, long - short, timing

    return _leg(curve, at(0), at(1)).assign(
        contract=_named(curve, far), against=_named(curve, near)
    )


def constant_maturity(curve: Curve, spot: pd.DataFrame, *, tenor: int = 30) -> pd.DataFrame:
    """Leg of a future with always `tenor` days to run, between two listed ones.

    The premium is linear in days between the expiries on either side. Spot is the curve's point
    at zero days: a tenor before the first expiry has that expiry's basis, and its days. Nothing
    is read beyond the last expiry.

    Parameters
    ----------
    curve, spot
        As in `near_month`.
    tenor : int
        Days.

    Returns
    -------
    DataFrame
        A leg; `contract` and `against`, the expiries on either side (`against` is None where one
        is enough). The value at *t* uses rows of *t* and *t* − 1.
    """
    require_at_least(1, tenor=tenor)
    days, wait = curve.days.to_numpy(), curve.wait.to_numpy()
    price, apart = _arrays(spot, "price", "hours_apart")
    premium = curve.settle.to_numpy() / price[:, None] - 1
    if days.shape[1] == 0:
        nothing = (np.full(len(days), np.nan),) * 3
        return _leg(curve, nothing, nothing).assign(contract=None, against=None)
    rows = np.arange(len(days))
    beyond, inside = days >= tenor, days <= tenor  # a missing contract is neither
    after = np.where(beyond.any(axis=1), beyond.argmax(axis=1), -1)
    last_inside = days.shape[1] - 1 - inside[:, ::-1].argmax(axis=1)
    before = np.where(inside.any(axis=1) & (after >= 0), last_inside, after)
    short, long = days[rows, before], days[rows, after]
    share = np.where(
        before == after, 1.0, (tenor - short) / np.where(before == after, 1, long - short)
    )
    none = after < 0
    value = (1 - share) * premium[rows, before] + share * premium[rows, after]
    aged = (1 - share) ** 2 * wait[rows, before] + share**2 * wait[rows, after]
    timing = curve.hour_variance.to_numpy() * (aged + apart)
    length = np.where(before == after, long, float(tenor))
    now = tuple(np.where(none, np.nan, part) for part in (value, length, timing))
    earlier = tuple(_lagged(part, 1) for part in now)
    second = np.where(before == after, -1, before)
    return _leg(curve, now, earlier).assign(
        contract=_named(curve, after), against=_named(curve, second)
    )


def _nth_usable(curve: Curve, n: int) -> NDArray[np.intp]:
    """Column of the n-th usable contract, by session; −1 where there is none."""
    usable = curve.settle.notna().to_numpy(dtype=bool)
    hit = usable & (usable.cumsum(axis=1) == n + 1)
    return np.where(hit.any(axis=1), hit.argmax(axis=1), -1) if usable.shape[1] else _none(curve)


def _none(curve: Curve) -> NDArray[np.intp]:
    return np.full(len(curve.settle), -1, dtype=np.intp)


def _taken(frame: pd.DataFrame, column: NDArray[np.intp], back: int) -> Floats:
    """Value of each row's column, `back` rows before it."""
    rows = np.arange(len(column)) - back
    usable = (column >= 0) & (rows >= 0)
    out = np.full(len(column), np.nan)
    out[usable] = frame.to_numpy()[rows[usable], column[usable]]
    return out


def _named(curve: Curve, column: NDArray[np.intp]) -> pd.Series:
    names = curve.names.to_numpy()
    contracts = [None if at < 0 else names[row, at] for row, at in enumerate(column)]
    return pd.Series(contracts, index=curve.settle.index, dtype=object)


def _lagged(values: Floats, back: int) -> Floats:
    return np.concatenate([np.full(back, np.nan), values[: len(values) - back]])


def _arrays(frame: pd.DataFrame, *columns: str) -> list[Floats]:
    return [frame[name].to_numpy(dtype=np.float64) for name in columns]


def _leg(curve: Curve, now: tuple[Floats, ...], earlier: tuple[Floats, ...]) -> pd.DataFrame:
    names = ("premium", "days", "timing")
    columns = dict(zip(names, now, strict=True))
    columns |= {f"earlier_{name}": part for name, part in zip(names, earlier, strict=True)}
    return pd.DataFrame(columns, index=curve.settle.index)
