"""One session's rows, stage by stage: panel → measures → estimates → verdict.

A stage unpacks the settings, calls features and models with plain arguments and lays their answers
out as desk-table rows. It computes nothing of its own.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from features.correlation import correlation_with_base, ewma_correlation_with_base
from features.correlation_tests import fisher_interval
from features.panel import Panel, align
from features.shocks import Records, baseline_count, records, robust_z, worst_since
from models.changepoint import METHOD, correlation_breaks
from models.deleveraging import DRIVERS, UNKNOWN, ScoreHistory, deleveraging_score, states
from models.errors import NotEnoughData
from models.garch import fit_garch
from unwind.market import known_by, read_rejected, read_vintages
from unwind.sessions import cut_instants, sessions_between
from unwind.settings import Settings

SESSIONS_A_YEAR = 252
# Earlier values that a percentile needs before it says anything.
PERCENTILE_FLOOR = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What a run describes and where it stands; written into each of its rows."""

    as_of: date
    cutoff: pd.Timestamp
    source: str

    @property
    def stamp(self) -> pd.Timestamp:
        """The session as an index label."""
        return pd.Timestamp(self.as_of)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Market:
    """Vintages of the tables that the analysis reads, loaded once for many sessions."""

    prices: pd.DataFrame
    hourly: pd.DataFrame
    rejected: pd.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Link:
    """Correlation of the base with every counterpart, by session, for one method and window."""

    method: str
    window: int
    value: pd.DataFrame
    n: pd.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Verdict:
    """Score and state of every session up to the run's."""

    scores: ScoreHistory
    states: pd.DataFrame


def load_market(store: Path) -> Market:
    """Read the vintages of a market store."""
    return Market(
        prices=read_vintages(store, "prices"),
        hourly=read_vintages(store, "crypto_hourly"),
        rejected=read_rejected(store),
    )


def observe(market: Market, moment: Moment, *, settings: Settings) -> Panel:
    """Align what was known at the cut-off to sessions.

    Raises
    ------
    NotEnoughData
        No price of the base was known by the cut-off.
    """
    prices = known_by(market.prices, "prices", cutoff=moment.cutoff)
    hourly = known_by(market.hourly, "crypto_hourly", cutoff=moment.cutoff)
    prices = prices[prices["session"] <= moment.stamp]
    universe = settings.universe
    if prices.empty or not (prices["symbol"] == universe.base).any():
        raise NotEnoughData(need=1, got=0, what=f"prices of {universe.base} by {moment.cutoff}")
    sessions = sessions_between(prices["session"].min().date(), moment.as_of)
    return align(
        prices,
        # One venue a symbol: the first by name, so that the choice never depends on row order.
        hourly.drop_duplicates(["bar_start_utc", "symbol"]),
        symbols=(*universe.symbols, *universe.context),
        sessions=sessions,
        cuts=cut_instants(sessions),
        hourly_symbols=dict(settings.clock.hourly),
        utc_day_symbols=settings.clock.crypto_daily,
        proxied_symbols=settings.clock.weekday,
        level_symbols=settings.clock.index_levels,
    )


def links(panel: Panel, *, settings: Settings) -> tuple[Link, ...]:
    """Correlate the base with every counterpart, all windows and half-lives."""
    chosen = settings.correlation
    returns = panel.returns[list(settings.universe.symbols)]
    answer = []
    for window in chosen.windows:
        rolled = correlation_with_base(
            returns,
            base=settings.universe.base,
            window=window,
            min_observations=_share(window, chosen.min_share),
        )
        answer.append(Link(method="pearson", window=window, value=rolled.value, n=rolled.n))
    for half_life in chosen.half_lives:
        faded = ewma_correlation_with_base(
            returns,
            base=settings.universe.base,
            half_life=half_life,
            min_observations=_share(2 * half_life, chosen.min_share),
        )
        answer.append(Link(method="ewma", window=half_life, value=faded.value, n=faded.n))
    return tuple(answer)


def _share(window: int, share: float) -> int:
    return max(3, int(np.ceil(window * share)))


def correlation_rows(
    panel: Panel, measured: tuple[Link, ...], moment: Moment, *, settings: Settings
) -> pd.DataFrame:
    """Rows of the table `correlations` for the session."""
    base = settings.universe.base
    parts = []
    for link in measured:
        value, n = link.value.loc[moment.stamp], link.n.loc[moment.stamp]
        lower, upper = fisher_interval(
            value.to_numpy(), n.to_numpy(), confidence=settings.correlation.confidence
        )
        earlier = link.value.loc[: moment.stamp].iloc[:-1]
        change = value - earlier.iloc[-1] if len(earlier) else value * np.nan
        rank = (earlier <= value).sum() / earlier.notna().sum().clip(lower=1)
        ranked = (earlier.notna().sum() >= PERCENTILE_FLOOR) & value.notna()
        parts.append(
            pd.DataFrame(
                {
                    "base": base,
                    "asset": value.index,
                    "method": link.method,
                    "window": link.window,
                    "value": value.to_numpy(),
                    "lower": lower,
                    "upper": upper,
                    "n": np.floor(n.to_numpy()).astype("int64"),
                    "change": change.to_numpy(),
                    "percentile": rank.where(ranked).to_numpy(),
                    "reason": [
                        _missing_link(panel, moment, base, asset, count) if np.isnan(held) else None
                        for asset, held, count in zip(value.index, value, n, strict=True)
                    ],
                    "known_at": _known_at(panel, moment, base, value.index),
                }
            )
        )
    return _stamped(pd.concat(parts, ignore_index=True), moment, settings)


def _missing_link(panel: Panel, moment: Moment, base: str, asset: str, count: float) -> str:
    for symbol in (base, asset):
        if panel.close.loc[: moment.stamp, symbol].isna().all():
            return f"no price of {symbol} is on file"
    return f"{int(count)} complete pairs in the window are too few"


def _known_at(
    panel: Panel, moment: Moment, base: str | None, assets: pd.Index
) -> list[pd.Timestamp]:
    """When a value that uses these assets up to the session was first known."""
    instants = panel.known_at.loc[moment.stamp]
    answer = []
    for asset in assets:
        used = instants[[asset] if base is None else [base, asset]].dropna()
        answer.append(used.max() if len(used) else moment.cutoff)
    return answer


def shock_rows(
    panel: Panel, measured: tuple[Link, ...], moment: Moment, *, settings: Settings
) -> pd.DataFrame:
    """Rows of the table `shocks` for the session: returns, volumes, correlation changes."""
    chosen = settings.shocks
    short = measured[0]
    base = settings.universe.base
    pairs = short.value.diff().rename(columns=lambda asset: f"{base}~{asset}")
    traded = [name for name in panel.shares.columns if panel.shares[name].notna().any()]
    parts = [
        _scored(panel.returns, "return", "log return", chosen.window, moment, settings),
        _scored(
            panel.shares[traded], "volume_shares", "shares", chosen.slow_window, moment, settings
        ),
        _scored(
            panel.dollars[traded], "volume_dollars", "USD", chosen.slow_window, moment, settings
        ),
        _scored(
            pairs, "correlation_change", "correlation", chosen.slow_window, moment, settings
        ),
    ]
    rows = pd.concat(parts, ignore_index=True)
    symbols = [asset.removeprefix(f"{base}~") for asset in rows["asset"]]
    rows["known_at"] = _known_at(panel, moment, None, pd.Index(symbols))
    links_known = rows["measure"] == "correlation_change"
    rows.loc[links_known, "known_at"] = pd.Series(
        _known_at(panel, moment, base, pd.Index(symbols)), dtype="datetime64[us, UTC]"
    )[links_known]
    return _stamped(rows, moment, settings)


def _scored(
    series: pd.DataFrame,
    measure: str,
    unit: str,
    window: int,
    moment: Moment,
    settings: Settings,
) -> pd.DataFrame:
    volume = measure.startswith("volume")
    scored = np.log(series) if volume else series
    floor = settings.shocks.min_observations
    recent = scored.iloc[-(window + 1) :]
    z = robust_z(recent, window=window, min_observations=floor).loc[moment.stamp]
    n = baseline_count(recent, window=window).loc[moment.stamp]
    value = series.loc[moment.stamp]
    rows = pd.DataFrame(
        {
            "asset": series.columns,
            "measure": measure,
            "window": window,
            "value": value.to_numpy(),
            "unit": unit,
            "simple_return": np.expm1(value.to_numpy()) if measure == "return" else np.nan,
            "z": z.to_numpy(),
            "n": n.to_numpy(),
        }
    )
    held = records(series, min_observations=settings.shocks.record_min_observations)
    rows = rows.join(_record_columns(held, moment) if volume else _no_record(len(rows)))
    rows["worst_since"] = [
        worst_since(series[asset]).loc[moment.stamp] if measure == "return" else pd.NaT
        for asset in series.columns
    ]
    rows["reason"] = [
        _shock_reason(held_value, held_z, count, floor)
        for held_value, held_z, count in zip(value, z, n, strict=True)
    ]
    return rows


def _record_columns(held: Records, moment: Moment) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "previous_record": held.previous.loc[moment.stamp].to_numpy(),
            "previous_record_on": held.previous_on.loc[moment.stamp].to_numpy(),
            "record_multiple": held.multiple.loc[moment.stamp].to_numpy(),
            "is_record": held.is_record.loc[moment.stamp].astype("boolean").to_numpy(),
        }
    )


def _no_record(count: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "previous_record": np.full(count, np.nan),
            "previous_record_on": np.full(count, np.datetime64("NaT", "us")),
            "record_multiple": np.full(count, np.nan),
            "is_record": pd.array([None] * count, dtype="boolean"),
        }
    )


def _shock_reason(value: float, z: float, count: int, floor: int) -> str | None:
    if np.isnan(value):
        return "not printed for this session, or for the one before"
    if np.isnan(z):
        return f"baseline of {count} rows; {floor} are needed" if count < floor else "baseline is flat"
    return None


def volatility_rows(panel: Panel, moment: Moment, *, settings: Settings) -> pd.DataFrame:
    """Rows of the table `volatility`: parameters from rows up to t−1, σ for t and t+1."""
    rows = [
        _volatility_row(panel.returns[asset], asset, moment, settings)
        for asset in settings.universe.symbols
    ]
    frame = pd.DataFrame(rows)
    frame["known_at"] = _known_at(panel, moment, None, pd.Index(settings.universe.symbols))
    return _stamped(frame, moment, settings)


def _volatility_row(
    returns: pd.Series, asset: str, moment: Moment, settings: Settings
) -> dict[str, object]:
    earlier = returns.loc[: moment.stamp].iloc[:-1].iloc[-settings.volatility.window :]
    try:
        fit = fit_garch(earlier, min_observations=settings.volatility.min_observations)
    except NotEnoughData as error:
        return {
            "asset": asset, "model": "none", "n": int(earlier.notna().sum()),
            "reason": str(error), **dict.fromkeys(VOLATILITY_FIGURES, np.nan),
            "converged": None, "estimated_to": pd.NaT,
        }  # fmt: skip
    sigma, observed = fit.next_sigma(), float(returns.loc[moment.stamp])
    after = fit.sigma_after(sigma, observed)
    return {
        "asset": asset,
        "model": fit.model,
        "n": fit.n,
        "sigma": sigma,
        "sigma_next": after,
        "sigma_annual": after * np.sqrt(SESSIONS_A_YEAR),
        "residual": (observed - fit.mu) / sigma,
        "mu": fit.mu,
        "omega": fit.omega,
        "alpha": fit.alpha,
        "beta": fit.beta,
        "nu": fit.nu,
        "half_life": fit.half_life,
        "log_likelihood": fit.log_likelihood,
        "estimated_to": fit.sigma.index[-1],
        "converged": fit.converged,
        "reason": fit.reason or ("no return at the session" if np.isnan(observed) else None),
    }


VOLATILITY_FIGURES = (
    "sigma", "sigma_next", "sigma_annual", "residual", "mu", "omega", "alpha", "beta", "nu",
    "half_life", "log_likelihood",
)  # fmt: skip


def changepoint_rows(panel: Panel, moment: Moment, *, settings: Settings) -> pd.DataFrame:
    """Rows of the table `changepoints`: breaks of each watched pair, as the session saw them."""
    chosen = settings.changepoint
    rows = []
    for first, second in settings.universe.change_pairs:
        try:
            breaks = correlation_breaks(
                panel.returns[first],
                panel.returns[second],
                window=chosen.window,
                min_size=chosen.min_size,
                penalty=chosen.penalty,
                lookback=chosen.lookback,
                tolerance=chosen.tolerance,
            )
        except NotEnoughData:
            continue  # the pair's correlation rows carry the reason
        rows += [
            {
                "pair": f"{first}~{second}",
                "method": METHOD,
                "break_at": found.at.date(),
                "first_seen": found.first_seen,
                "delay": _delay(panel, found.at, found.first_seen),
                "before": found.before,
                "after": found.after,
                "n_before": found.n_before,
                "n_after": found.n_after,
                "known_at": _known_at(panel, moment, first, pd.Index([second]))[0],
            }
            for found in breaks
        ]
    return _stamped(pd.DataFrame(rows), moment, settings) if rows else pd.DataFrame()


def _delay(panel: Panel, at: pd.Timestamp, seen: pd.Timestamp | None) -> float:
    if seen is None:
        return np.nan
    return float(panel.sessions.get_loc(seen) - panel.sessions.get_loc(at))


def decide(panel: Panel, measured: tuple[Link, ...], *, settings: Settings) -> Verdict:
    """Score every session and run the state machine."""
    universe, chosen, limits = settings.universe, settings.shocks, settings.verdict
    scores = deleveraging_score(
        panel.returns[list(universe.symbols)],
        panel.shares[universe.base],
        measured[0].value,
        base=universe.base,
        havens=universe.havens,
        window=chosen.window,
        slow_window=chosen.slow_window,
        min_observations=chosen.min_observations,
        cap=limits.driver_cap,
    )
    machine = states(
        scores.score,
        watch=limits.watch,
        deleveraging=limits.deleveraging,
        release=limits.release,
        dwell=limits.dwell,
    )
    return Verdict(scores=scores, states=machine)


def regime_rows(
    panel: Panel, verdict: Verdict, moment: Moment, *, settings: Settings
) -> pd.DataFrame:
    """The one row of the table `regimes` for the session."""
    stamp, limits = moment.stamp, settings.verdict
    state = verdict.states.loc[stamp]
    score = float(verdict.scores.score.loc[stamp])
    drivers = _drivers(verdict.scores, stamp)
    row = {
        "base": settings.universe.base,
        "state": state["state"],
        "previous_state": state["previous_state"],
        "sessions_in_state": int(state["sessions_in_state"]),
        "score": score,
        "score_lowest": float(verdict.scores.lowest.loc[stamp]),
        "score_highest": float(verdict.scores.highest.loc[stamp]),
        "watch_threshold": limits.watch,
        "deleveraging_threshold": limits.deleveraging,
        "release_threshold": limits.release,
        "headline": _headline(state, score, drivers, moment, settings),
        "drivers": drivers,
        "known_at": panel.known_at.loc[stamp, list(settings.universe.symbols)].max(),
    }
    return _stamped(pd.DataFrame([row]), moment, settings)


def _drivers(scores: ScoreHistory, stamp: pd.Timestamp) -> list[dict[str, object]]:
    return [
        {
            "driver": driver.name,
            "contribution": _plain(scores.contributions.loc[stamp, driver.name]),
            "value": _plain(scores.evidence.loc[stamp, driver.name]),
            "meaning": driver.meaning,
        }
        for driver in DRIVERS
    ]


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _headline(
    state: pd.Series,
    score: float,
    drivers: list[dict[str, object]],
    moment: Moment,
    settings: Settings,
) -> str:
    prefix = "SIMULATED DATA. " if moment.source.startswith("simulated") else ""
    limits = settings.verdict
    if state["state"] == UNKNOWN:
        return f"{prefix}{moment.as_of}: cannot tell; {settings.universe.base} has no z-score."
    ranked = sorted(drivers, key=lambda driver: -float(str(driver["contribution"] or 0)))
    told = [
        f"{driver['meaning']} {driver['value']:.1f} (+{driver['contribution']:.1f})"
        for driver in ranked[:3]
        if driver["contribution"]
    ]
    missing = [str(driver["driver"]) for driver in drivers if driver["contribution"] is None]
    return (
        f"{prefix}{moment.as_of}: {state['state']}, score {score:.1f} "
        f"(WATCH from {limits.watch:.1f}, DELEVERAGING from {limits.deleveraging:.1f})"
        + (f"; driven by {', '.join(told)}" if told else "; no driver speaks")
        + (f"; missing: {', '.join(missing)}" if missing else "")
        + "."
    )


def quality_rows(
    panel: Panel, market: Market, moment: Moment, *, settings: Settings
) -> pd.DataFrame:
    """Rows of the table `quality`: today's proxies and gaps, and a year of quarantined rows."""
    today = panel.notes[panel.notes["session"] == moment.stamp]
    notes = pd.DataFrame(
        {
            "table": "prices",
            "entity": today["symbol"],
            "rule": today["rule"],
            "severity": np.where(today["rule"] == "missing price", "warning", "info"),
            "count": 1,
            "example": today["detail"],
            "remedy": np.where(
                today["rule"] == "missing price", "ask the vendor", "give the better series"
            ),
        }
    )
    absent = [
        {
            "table": "prices", "entity": symbol, "rule": "not on file", "severity": "warning",
            "count": 0, "example": None, "remedy": "add its prices, or leave it out of the desk",
        }
        for symbol in (*settings.universe.symbols, *settings.universe.context)
        if panel.close[symbol].isna().all()
    ]  # fmt: skip
    frame = pd.concat(
        [notes, pd.DataFrame(absent), _quarantined(panel, market, moment)], ignore_index=True
    )
    if frame.empty:
        return pd.DataFrame()
    frame["known_at"] = moment.cutoff
    return _stamped(frame, moment, settings)


def _quarantined(panel: Panel, market: Market, moment: Moment) -> pd.DataFrame:
    faults = market.rejected
    known = faults["known_at"].isna() | (faults["known_at"] <= moment.cutoff)
    since = panel.sessions[max(0, len(panel.sessions) - SESSIONS_A_YEAR)]
    recent = faults["session"].isna() | (
        (faults["session"] >= since) & (faults["session"] <= moment.stamp)
    )
    held = faults[known & recent]
    rows = []
    for (table, entity, rule), group in held.groupby(["table", "entity", "rule"], sort=True):
        first = group.iloc[0]
        rows.append(
            {
                "table": table,
                "entity": entity,
                "rule": rule,
                "severity": first["severity"],
                "count": len(group),
                "example": f"{first['origin']} row {first['row']}: {first['value']}",
                "remedy": first["remedy"],
            }
        )
    return pd.DataFrame(rows)


def _stamped(rows: pd.DataFrame, moment: Moment, settings: Settings) -> pd.DataFrame:
    return rows.assign(
        as_of=moment.as_of,
        cutoff=moment.cutoff,
        source=moment.source,
        settings_digest=settings.digest,
    )


def analyse(market: Market, moment: Moment, *, settings: Settings) -> dict[str, pd.DataFrame]:
    """Every desk table of one session: the stages in their order."""
    panel = observe(market, moment, settings=settings)
    measured, rows = measure(panel, moment, settings=settings)
    rows |= estimate(panel, moment, settings=settings)
    _, concluded = conclude(panel, market, measured, moment, settings=settings)
    return rows | concluded


def measure(
    panel: Panel, moment: Moment, *, settings: Settings
) -> tuple[tuple[Link, ...], dict[str, pd.DataFrame]]:
    """Correlations and shocks of the session, and the correlation histories behind them."""
    measured = links(panel, settings=settings)
    rows = {
        "correlations": correlation_rows(panel, measured, moment, settings=settings),
        "shocks": shock_rows(panel, measured, moment, settings=settings),
    }
    return measured, rows


def estimate(panel: Panel, moment: Moment, *, settings: Settings) -> dict[str, pd.DataFrame]:
    """Volatility and change points of the session."""
    return {
        "volatility": volatility_rows(panel, moment, settings=settings),
        "changepoints": changepoint_rows(panel, moment, settings=settings),
    }


def conclude(
    panel: Panel,
    market: Market,
    measured: tuple[Link, ...],
    moment: Moment,
    *,
    settings: Settings,
) -> tuple[Verdict, dict[str, pd.DataFrame]]:
    """Verdict and data quality of the session."""
    verdict = decide(panel, measured, settings=settings)
    rows = {
        "regimes": regime_rows(panel, verdict, moment, settings=settings),
        "quality": quality_rows(panel, market, moment, settings=settings),
    }
    return verdict, rows
