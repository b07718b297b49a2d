"""History of a drop folder as known per session: panel, drivers and benchmark rules."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from models.errors import NotEnoughData
from models.verdict import one_line_rules, rival_rules
from unwind.calendar import known_instants
from unwind.contract.inputs import INPUT_TABLES
from unwind.contract.source import Source, SourceError
from unwind.indicators.drivers import driver_history
from unwind.market.store import ingest
from unwind.pipeline import load_market, to_sessions
from unwind.settings import Settings
from unwind.settings.shared import Lag

# Sessions before the first scored one: every default baseline is then full.
WARM_UP = 100


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class History:
    """Inputs of a backtest from one drop folder.

    Attributes
    ----------
    name : str
        The folder's name.
    drivers : DataFrame of shape (n_sessions, n_drivers)
    rules : dict of str to Series of shape (n_sessions,)
        Values of the benchmark rules.
    base : Series of shape (n_sessions,)
        Close of the base, or of SPY if the folder has no base; for charts.
    first_scored : Timestamp
    returns, shares, factors : DataFrame
        Inputs of the drivers, for variants; may be empty.
    """

    name: str
    drivers: pd.DataFrame
    rules: Mapping[str, pd.Series]
    base: pd.Series
    first_scored: pd.Timestamp
    returns: pd.DataFrame = field(default_factory=pd.DataFrame)
    shares: pd.DataFrame = field(default_factory=pd.DataFrame)
    factors: pd.DataFrame = field(default_factory=pd.DataFrame)


def folder_names(paths: list[str]) -> tuple[str, ...]:
    """Name drop folders for a record: the last part of each path, or the path if two share it.

    Raises
    ------
    SourceError
        One folder is named twice: its sessions would count twice.
    """
    resolved = [Path(path).resolve() for path in paths]
    if len(set(resolved)) < len(resolved):
        raise SourceError(f"a folder is named twice in {', '.join(paths)}; name each once")
    names = [path.name for path in resolved]
    return tuple(
        str(path) if names.count(name) > 1 else name
        for path, name in zip(paths, names, strict=True)
    )


def without_overlap(histories: tuple[History, ...]) -> tuple[History, ...]:
    """Score every session once: a later folder starts where an earlier one ends."""
    answer: list[History] = []
    for history in histories:
        sessions = pd.DatetimeIndex(history.drivers.index)
        ends = [
            other.drivers.index[-1]
            for other in histories
            if other.first_scored < history.first_scored <= other.drivers.index[-1]
        ]
        later = sessions[sessions > max(ends)] if ends else sessions[:0]
        answer.append(replace(history, first_scored=later[0]) if len(later) else history)
    return tuple(answer)


def read_history(
    source: Source, *, name: str, received_at: pd.Timestamp, settings: Settings
) -> History:
    """Read a provider's history and measure every session on what was known at its publication.

    Parameters
    ----------
    source : Source
    name : str
        Its name in the record.
    received_at : Timestamp, UTC
        Time of reading. Rows are dated by their own known_at or the lag rules, not by this.
    settings : Settings

    Raises
    ------
    SourceError
        The provider cannot be read.
    NotEnoughData
        It has fewer sessions than the warm-up and two more.
    """
    with TemporaryDirectory() as folder:
        ingest(Path(folder), source, settings=settings, received_at=received_at)
        market = load_market(Path(folder))
    known = {
        table: _known_at_publication(market.vintages[table], table, settings)
        for table in ("prices", "crypto_hourly", "equity_factors_pct", "implied_vol")
    }
    prices = known["prices"]
    own = prices[prices["symbol"].isin([*settings.verdict.symbols, settings.universe.base])]
    if own.empty:
        raise NotEnoughData(need=WARM_UP + 2, got=0, what=f"sessions of {name}")
    panel = to_sessions(
        own,
        known["crypto_hourly"],
        symbols=settings.symbols,
        last=own["session"].max().date(),
        settings=settings,
    )
    if len(panel.sessions) < WARM_UP + 2:
        raise NotEnoughData(need=WARM_UP + 2, got=len(panel.sessions), what=f"sessions of {name}")
    verdict = settings.verdict
    members = [symbol for symbols in verdict.classes.values() for symbol in symbols]
    indices = known["implied_vol"]
    vix = indices[indices["index"] == "VIX"].set_index("session")["close"]
    base = panel.close[settings.universe.base]
    return History(
        name=name,
        drivers=driver_history(
            panel.returns, panel.shares, known["equity_factors_pct"], chosen=verdict
        ),
        rules=rival_rules(
            panel.returns[members],
            vix.reindex(panel.sessions),
            window=60,
            min_observations=40,
        )
        | one_line_rules(panel.returns, classes=verdict.classes, window=verdict.window),
        base=base if base.notna().any() else panel.close["SPY"],
        first_scored=panel.sessions[WARM_UP],
        returns=panel.returns,
        shares=panel.shares,
        factors=known["equity_factors_pct"],
    )


def _known_at_publication(vintages: pd.DataFrame, table: str, settings: Settings) -> pd.DataFrame:
    """One row per key: the newest vintage known at the publication of its own session."""
    if vintages.empty:
        return vintages
    contract = INPUT_TABLES[table]
    days = pd.to_datetime(vintages[contract.event], utc=True).dt.tz_localize(None).dt.normalize()
    same_day = Lag(days=0, time=settings.publication.time, zone=settings.publication.zone)
    known = vintages[vintages["known_at"] <= known_instants(days, same_day)]
    return known.drop_duplicates(list(contract.key), keep="last")
