"""The frame contract of every feature: sessions down, assets across; alignment of raw prices.

A panel holds one row per NYSE session and one column per asset. Its returns run from one session's
16:00 New York to the next, for 24/7 series too. A missing price makes two missing returns; it is
never carried forward, since a carried price is a return of zero that nobody could have earned.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.venues import VenueChoice, one_venue

# Rule of the note on a return that is set aside.
UNCONFIRMED = "unconfirmed_move"
NOTE_COLUMNS = ("session", "symbol", "rule", "detail")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Panel:
    """Prices and volumes aligned to sessions.

    Attributes
    ----------
    returns : DataFrame of shape (n_sessions, n_assets)
        Log returns, decimal, from session t−1 to t. NaN where either price is missing.
    close : DataFrame of shape (n_sessions, n_assets)
        Price at the session's cut, split-adjusted by the vendor. NaN missing.
    shares, dollars : DataFrame of shape (n_sessions, n_assets)
        Volume, and volume × close. NaN where missing or zero.
    known_at : DataFrame of datetime64[us, UTC]
        When all prices of an asset up to the session were first known (running maximum).
    notes : DataFrame
        Columns `NOTE_COLUMNS`: proxies and missing prices, session by session.
    hourly : DataFrame
        Hourly bars that were aligned: of one venue per symbol.
    """

    returns: pd.DataFrame
    close: pd.DataFrame
    shares: pd.DataFrame
    dollars: pd.DataFrame
    known_at: pd.DataFrame
    notes: pd.DataFrame
    hourly: pd.DataFrame

    @property
    def sessions(self) -> pd.DatetimeIndex:
        """The rows."""
        return pd.DatetimeIndex(self.returns.index)

    def through(self, session: pd.Timestamp) -> "Panel":
        """Return the panel as of the end of `session`."""
        return Panel(
            returns=self.returns.loc[:session],
            close=self.close.loc[:session],
            shares=self.shares.loc[:session],
            dollars=self.dollars.loc[:session],
            known_at=self.known_at.loc[:session],
            notes=self.notes[self.notes["session"] <= session],
            hourly=self.hourly,
        )


def align(
    prices: pd.DataFrame,
    hourly: pd.DataFrame,
    *,
    symbols: tuple[str, ...],
    sessions: pd.DatetimeIndex,
    cuts: pd.DatetimeIndex,
    hourly_symbols: dict[str, str],
    utc_day_symbols: tuple[str, ...],
    proxied_symbols: tuple[str, ...],
    level_symbols: tuple[str, ...],
    early_closes: pd.DatetimeIndex | None = None,
    set_aside: pd.DataFrame | None = None,
) -> Panel:
    """Align exchange, round-the-clock and weekday series to one row per session.

    Parameters
    ----------
    prices : DataFrame
        | session | symbol | close | adj_close | volume | known_at |, one row per key.
    hourly : DataFrame
        | bar_start_utc | symbol | venue | close | known_at |; may be empty. Of several venues the
        one with most bars at the cuts is read, and noted.
    symbols : tuple of str
        Columns of the panel, in this order; one without a price is a column of NaN.
    sessions : DatetimeIndex of shape (n_sessions,)
        NYSE sessions, increasing.
    cuts : DatetimeIndex of shape (n_sessions,)
        16:00 New York of each session, UTC.
    hourly_symbols : dict
        Symbol → its name in `hourly`.
    utc_day_symbols : tuple of str
        Series reported as UTC days: used only where no hourly bar ends at the cut, and noted.
    proxied_symbols : tuple of str
        Series whose daily bar ends at an unstated hour near the cut; noted at every session.
    level_symbols : tuple of str
        Index levels: they pay no dividend and have a plain close only.
    early_closes : DatetimeIndex or None
        Sessions on which the exchange closed before its cut. The prices of series that trade on are
        later than the funds' on them, and so are the ends of two returns: both are noted.
    set_aside : DataFrame of bool, sessions × symbols, or None
        Returns that are not to be used, though both of their prices are there; noted.

    Returns
    -------
    Panel
        The row at *t* uses prices of sessions *t* and *t* − 1 only.

    Notes
    -----
    Each asset has up to two kinds of price: dividend-adjusted and plain close, or 16:00 New York
    and UTC day. A return compares one kind with itself: mixing an adjusted price with a plain one
    invents a dividend, mixing clocks invents four hours. The better kind is used where both of
    its ends are known.
    """
    if len(sessions) != len(cuts):
        raise ValueError(
            f"cuts must hold one instant per session, got {len(cuts)} for {len(sessions)}; "
            "pass cut_instants(sessions)"
        )
    venues = one_venue(hourly, cuts=cuts)
    hourly = venues.bars
    selected = prices[prices["symbol"].isin(symbols)]
    wide = {
        name: _pivot(selected, name).reindex(index=sessions, columns=list(symbols))
        for name in ("close", "adj_close", "volume")
    }
    known = _pivot(selected, "known_at").reindex(index=sessions, columns=list(symbols))
    better, plain = wide["adj_close"].copy(), wide["close"].copy()
    close = wide["close"].copy()
    for symbol, name in hourly_symbols.items():
        if symbol not in better.columns:
            continue
        at_cut, at_cut_known = _at_cuts(hourly[hourly["symbol"] == name], sessions, cuts)
        better[symbol] = at_cut
        close[symbol] = at_cut.fillna(plain[symbol])
        known[symbol] = at_cut_known.where(at_cut.notna(), known[symbol])
    first = better.apply(np.log).diff()
    second = plain.apply(np.log).diff()
    returns = first.fillna(second)
    if set_aside is None:
        set_aside = pd.DataFrame(False, index=sessions, columns=list(symbols))
    else:
        set_aside = set_aside.reindex(index=sessions, columns=list(symbols), fill_value=False)
    returns = returns.mask(set_aside)
    shares = wide["volume"].where(wide["volume"] > 0)
    notes = _notes(
        returns, first, better, close, set_aside,
        utc_day_symbols=utc_day_symbols, proxied_symbols=proxied_symbols,
        level_symbols=level_symbols,
    )  # fmt: skip
    clocks = [*hourly_symbols, *utc_day_symbols, *proxied_symbols]
    extra = [
        *_venue_notes(venues, hourly_symbols, sessions=sessions, cuts=cuts),
        *_clock_notes(returns, clocks, early_closes),
    ]
    return Panel(
        returns=returns,
        close=close.fillna(better),
        shares=shares,
        dollars=shares * wide["close"],
        known_at=_running_latest(known),
        notes=pd.concat([notes, *extra], ignore_index=True) if extra else notes,
        hourly=hourly,
    )


def _pivot(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    return rows.set_index(["session", "symbol"])[column].unstack("symbol")  # noqa: PD010 - keys are unique


def _at_cuts(
    bars: pd.DataFrame, sessions: pd.DatetimeIndex, cuts: pd.DatetimeIndex
) -> tuple[pd.Series, pd.Series]:
    """Close of the hour that ends at each cut; an older bar is never used instead."""
    ends = bars.set_index(pd.DatetimeIndex(bars["bar_start_utc"]) + pd.Timedelta(hours=1))
    at_cut = ends.reindex(cuts)
    return (
        pd.Series(at_cut["close"].to_numpy(dtype=np.float64), index=sessions),
        pd.Series(
            pd.to_datetime(at_cut["known_at"], utc=True).dt.as_unit("us").array, index=sessions
        ),
    )


def _running_latest(known: pd.DataFrame) -> pd.DataFrame:
    instants = {
        name: pd.Series(
            np.maximum.accumulate(
                column.astype("datetime64[us, UTC]").to_numpy(dtype="datetime64[us]").view("int64")
            ),
            index=known.index,
        )
        for name, column in known.items()
    }
    # NaT is the smallest int64, so a leading gap stays NaT and a later one changes nothing.
    return pd.DataFrame(instants, columns=known.columns).apply(
        lambda column: pd.Series(
            pd.DatetimeIndex(column.to_numpy().view("datetime64[us]")).tz_localize("UTC"),
            index=column.index,
        )
    )


def _venue_notes(
    venues: VenueChoice,
    hourly_symbols: dict[str, str],
    *,
    sessions: pd.DatetimeIndex,
    cuts: pd.DatetimeIndex,
) -> list[pd.DataFrame]:
    """Note the venue that a series is of at every session, and each session that it lacks."""
    parts = []
    for symbol, name in hourly_symbols.items():
        if name not in venues.chosen:
            continue
        venue, missing = venues.chosen[name], cuts.isin(venues.gaps[name])
        detail = f"{venue} at every session; {venues.lacking[name]} bars at the cut"
        parts.append(_note(sessions, symbol, "one of several venues", detail))
        detail = f"{venue} has no bar at the cut, another venue has one"
        parts.append(_note(sessions[missing], symbol, "venue_gap", detail))
    return parts


def _clock_notes(
    returns: pd.DataFrame, symbols: list[str], early_closes: pd.DatetimeIndex | None
) -> list[pd.DataFrame]:
    """Note returns of which one end is later than the funds' early close."""
    if early_closes is None:
        return []
    sessions = pd.DatetimeIndex(returns.index)
    parts = []
    for symbol in dict.fromkeys(symbols):
        for early in early_closes.intersection(sessions) if symbol in returns else ():
            place = int(sessions.searchsorted(early))
            both = sessions[place : place + 2]
            both = both[returns.loc[both, symbol].notna()]
            detail = f"{early:%Y-%m-%d}: the exchange closed early, this price is of 16:00 or later"
            parts.append(_note(both, symbol, "overlapping_clocks", detail))
    return parts


def _note(sessions: pd.DatetimeIndex, symbol: str, rule: str, detail: str) -> pd.DataFrame:
    return pd.DataFrame({"session": sessions, "symbol": symbol, "rule": rule, "detail": detail})


def _notes(
    returns: pd.DataFrame,
    better_returns: pd.DataFrame,
    better: pd.DataFrame,
    close: pd.DataFrame,
    set_aside: pd.DataFrame,
    *,
    utc_day_symbols: tuple[str, ...],
    proxied_symbols: tuple[str, ...],
    level_symbols: tuple[str, ...],
) -> pd.DataFrame:
    parts = []
    for symbol in returns.columns:
        price = better[symbol].fillna(close[symbol])
        listed = price.notna().cummax()
        second_choice = returns[symbol].notna() & better_returns[symbol].isna()
        marks = [
            ("missing_price", listed & price.isna(), "no price was known at the cut-off"),
            (UNCONFIRMED, set_aside[symbol], "the return is set aside until it is confirmed"),
        ]
        if symbol in utc_day_symbols:
            marks.append(("utc_day_return", second_choice, "no hourly bar ends at 16:00 New York"))
        elif symbol in proxied_symbols:
            marks.append(
                ("daily_bar_near_close", returns[symbol].notna(), "its last quote is after 16:00")
            )
        elif symbol not in level_symbols:
            marks.append(
                ("unadjusted_return", second_choice, "no adjusted close: a dividend would show")
            )
        parts += [
            pd.DataFrame(
                {"session": returns.index[mark], "symbol": symbol, "rule": rule, "detail": detail}
            )
            for rule, mark, detail in marks
            if mark.any()
        ]
    if not parts:
        return pd.DataFrame({name: [] for name in NOTE_COLUMNS})
    return pd.concat(parts, ignore_index=True)
