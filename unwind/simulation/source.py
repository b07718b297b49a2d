"""Markets with known truth, printed as every table of the drop folder.

All tables are read off one path (`unwind.simulation.path`), so that they agree with each
other: IBIT closes at bitcoin's 16:00 New York price, UTC days are the hourly bars, futures are spot
plus basis, the VIX of `prices` is that of `implied_vol`. Columns as the `files` source reads them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import pandas as pd

from unwind.calendar import all_sessions, require_known, require_session
from unwind.contract.source import Extract, SourceError
from unwind.simulation.derivatives import (
    future_rows,
    open_interest_rows,
    perpetual_rows,
    position_rows,
)
from unwind.simulation.equity_factors import factor_rows
from unwind.simulation.etf_flows import flow_rows
from unwind.simulation.manual_tables import note_rows, zscore_rows
from unwind.simulation.options import option_rows
from unwind.simulation.path import Path, simulate_path
from unwind.simulation.prices import hourly_rows, price_rows
from unwind.simulation.scenarios import PLANS, SCENARIOS
from unwind.simulation.truth import Truth, truth_of
from unwind.simulation.volatility import implied_vol_rows

_EVENT_COLUMNS = ("session", "bar_start_utc", "as_of", "snapshot_at", "issued_at")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SimulatedMarket:
    """A simulated market.

    Attributes
    ----------
    tables : dict of str to DataFrame
        Every table of the drop folder, columns and types as the files have them; dates are
        datetime64[us] at midnight. `adj_close` is adjusted forward from the first row.
    truth : Truth
    """

    tables: dict[str, pd.DataFrame]
    truth: Truth


def simulate_market(
    scenario: str, *, seed: int, first: date, last: date, event: date
) -> SimulatedMarket:
    """Simulate a market in which a scenario takes place.

    Parameters
    ----------
    scenario : str
        A key of `unwind.simulation.scenarios.SCENARIOS`.
    seed : int
        Not negative. Scenarios with one seed share every return that their scripts leave alone;
        where no script comes before the event, they share the rows before it.
    first, last : date
        Calendar days of the tables, both included. Rows up to a day do not depend on `last`: a
        longer simulation has the same rows and more.
    event : date
        The NYSE session of the event; it may lie beyond `last`, but not before the second session
        from `first` on. Levels are anchored before it: the close of the session before is that of
        `unwind.simulation.assets.LEVELS` under every scenario and seed. The calm market
        has no event, but its levels and option snapshots lie around this day.

    Returns
    -------
    SimulatedMarket
        The same arguments give the same frames.

    Raises
    ------
    ValueError
        Unknown scenario; `event` is not a session, or has none before it from `first` on; `last`
        before `first`; a day outside the exchange calendar; a negative seed.
    """
    _require_scenario(scenario)
    if seed < 0:
        raise ValueError(f"seed must not be negative, got {seed}")
    if last < first:
        raise ValueError(f"last must not lie before first, got {first} … {last}")
    # Scripts reach thirty sessions beyond the event.
    for day in (first, last, event + timedelta(days=60)):
        require_known(day)
    sessions = all_sessions()
    before = sessions[int(sessions.searchsorted(pd.Timestamp(require_session(event)))) - 1]
    if before < pd.Timestamp(first):
        raise ValueError(
            f"event must lie after a session that is simulated, got {event} with first {first}; "
            "start earlier"
        )
    path = simulate_path(PLANS[scenario], seed=seed, first=first, last=last, event=event)
    return SimulatedMarket(
        tables={name: _printed(draw(path), last) for name, draw in _TABLES.items()},
        truth=truth_of(PLANS[scenario], scenario=scenario, event=event),
    )


class SimulatedSource:
    """A simulated market as a provider; drawn at the first extract, kept from then on.

    Parameters
    ----------
    scenario, seed, first, last, event
        As in `simulate_market`.

    Raises
    ------
    ValueError
        The scenario is unknown; the message lists the known ones.
    """

    def __init__(self, scenario: str, *, seed: int, first: date, last: date, event: date) -> None:
        _require_scenario(scenario)
        self._scenario = scenario
        self._seed = seed
        self._span = (first, last, event)

    @property
    def label(self) -> str:
        """Return "simulated:" and the scenario."""
        return f"simulated:{self._scenario}"

    @cached_property
    def market(self) -> SimulatedMarket:
        """The market with its truth."""
        first, last, event = self._span
        return simulate_market(self._scenario, seed=self._seed, first=first, last=last, event=event)

    def tables(self) -> tuple[str, ...]:
        """Names of the tables: all of them."""
        return tuple(_TABLES)

    def extract(self, table: str) -> Extract:
        """Return the rows of one table; changing them does not change the market."""
        if table not in _TABLES:
            raise SourceError(
                f"simulated markets have no table {table!r}; they have {', '.join(_TABLES)}"
            )
        return Extract(f"simulated/{table}", self.market.tables[table].copy())


def _require_scenario(scenario: str) -> None:
    if scenario not in PLANS:
        raise ValueError(f"unknown scenario {scenario!r}; known: {', '.join(SCENARIOS)}")


def _printed(rows: pd.DataFrame, last: date) -> pd.DataFrame:
    """Keep what is out by the end of the last UTC day: it describes that, and is known by then."""
    event = next(name for name in _EVENT_COLUMNS if name in rows.columns)
    end = pd.Timestamp(last, tz="UTC") + pd.Timedelta(days=1)
    keep = pd.to_datetime(rows[event], utc=True) < end
    if "known_at" in rows.columns:
        keep &= rows["known_at"] < end
    return rows[keep].reset_index(drop=True)


_TABLES: Mapping[str, Callable[[Path], pd.DataFrame]] = {
    "prices": price_rows,
    "crypto_hourly": hourly_rows,
    "etf_flows": flow_rows,
    "futures": future_rows,
    "open_interest": open_interest_rows,
    "cftc_positions": position_rows,
    "perpetuals": perpetual_rows,
    "implied_vol": implied_vol_rows,
    "option_chains": option_rows,
    "equity_factors_pct": factor_rows,
    "structured_notes": note_rows,
    "published_zscores": zscore_rows,
}
