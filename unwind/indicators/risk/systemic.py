"""Rows of the table `systemic`: the cross-section as one system, and who seems to be crowded."""

from dataclasses import replace
from math import ceil

import numpy as np
import pandas as pd

from features.cross_section import (
    absorption_ratio,
    absorption_shift,
    contrarian_spread,
    last_percentile,
    marchenko_pastur,
    momentum_spread,
    multi_strategy,
    pair_spreads,
    robust_z,
    rolling_connectedness,
    turbulence_index,
)
from features.returns import standardised_returns
from unwind.indicators.context import RunContext
from unwind.indicators.links.correlations import PERCENTILE_FLOOR
from unwind.indicators.published_zscores import current_zscores
from unwind.indicators.risk.covar import covar_measures
from unwind.indicators.risk.measure import Measure
from unwind.settings.evidence import Systemic

OWN = "unwind"
UNIVERSE, SLEEVES = "universe", "sleeves"


def systemic_rows(context: RunContext) -> pd.DataFrame:
    """Rows of the table `systemic` for the session."""
    chosen = context.settings.systemic
    names = [
        name
        for name in context.settings.universe.symbols
        if name not in context.settings.clock.index_levels
    ]
    returns = context.panel.returns.loc[: context.stamp, names]
    measures = [
        *_turbulence(returns, chosen),
        *_eigenvalues(returns, chosen),
        *_connectedness(returns, context.settings.universe.base, chosen),
        *_crowding(returns, chosen),
        *covar_measures(returns, context.settings),
    ]
    rows = pd.DataFrame([_columns(measure) for measure in measures]).assign(
        publisher=OWN,
        describes=context.as_of,
        known_at=max(context.known_at(pd.Index(names))),
    )
    quoted = _published(context)
    parts = [rows, quoted] if len(quoted) else [rows]
    return context.stamped(pd.concat(parts, ignore_index=True))


def _columns(measure: Measure) -> dict[str, object]:
    """Lay one measure out: a reason stands only where the value is null."""
    kept = replace(measure, reason=measure.reason if np.isnan(measure.value) else None)
    return {name: getattr(kept, name) for name in Measure.__slots__}


def _percentile(
    history: pd.Series,
    n_assets: pd.Series,
    *,
    rows: int,
    min_observations: int,
    every: int = 1,
) -> float:
    """Percentile among the sessions with as many assets as the last: a listing shifts the level."""
    comparable = history.where(n_assets == n_assets.iloc[-1]).iloc[::every].iloc[-rows:]
    return float(last_percentile(comparable.to_frame(), min_observations=min_observations).iloc[0])


def _turbulence(returns: pd.DataFrame, chosen: Systemic) -> list[Measure]:
    window, fewest = chosen.turbulence_window, chosen.fewest(chosen.turbulence_window)
    # The features score whole histories; only these rows reach the session and its percentile.
    scored = turbulence_index(
        returns.iloc[-(window + chosen.history + 1) :], window=window, min_observations=fewest
    ).iloc[-(chosen.history + 1) :]
    percentiles = last_percentile(scored, min_observations=PERCENTILE_FLOOR)
    # n is kept as computed: 0 says that no asset could be scored.
    n = int(scored["assets"].iloc[-1])
    missing = (
        "no asset moved"
        if n
        else f"fewer than two assets have a return and {fewest} complete rows before it"
    )
    return [
        Measure(
            measure=name,
            item=UNIVERSE,
            window=window,
            value=float(scored[column].iloc[-1]),
            unit=unit,
            percentile=percentiles[column],
            n=n,
            reason=missing,
        )
        for name, column, unit in (
            ("turbulence", "turbulence", "squared σ per asset"),
            ("turbulence_magnitude", "magnitude", "squared σ per asset"),
            ("correlation_surprise", "correlation_surprise", "1"),
        )
    ]


def _eigenvalues(returns: pd.DataFrame, chosen: Systemic) -> list[Measure]:
    window, fewest = chosen.absorption_window, chosen.fewest(chosen.absorption_window)
    standardised = standardised_returns(
        returns, half_life=chosen.half_life, min_observations=chosen.fewest(2 * chosen.half_life)
    )
    earlier = max(chosen.absorption_long, chosen.history)
    ratio = absorption_ratio(
        standardised.iloc[-(window + earlier) :],
        window=window,
        min_observations=fewest,
        share=chosen.absorption_share,
    ).iloc[-(earlier + 1) :]
    shift = absorption_shift(
        ratio["absorption_ratio"],
        short_window=chosen.absorption_short,
        long_window=chosen.absorption_long,
        min_observations=chosen.fewest(chosen.absorption_long),
    ).iloc[-1]
    noise = marchenko_pastur(
        standardised.iloc[-window:], window=window, min_observations=fewest
    ).iloc[-1]
    scaled = f"returns over their EWMA σ, half-life {chosen.half_life}"
    counts = ratio["assets"].iloc[-(chosen.absorption_long + 1) :]
    counts = counts[counts > 0]
    leading = f"the leading {chosen.absorption_share:.0%} of the eigenvectors; {scaled}"
    against = (
        f"the mean of {chosen.absorption_short} sessions against the "
        f"{chosen.absorption_long} before the session"
    ) + ("" if counts.nunique() < 2 else f"; assets from {counts.min()} to {counts.max()} in it")
    edge = f"λ₁ {noise['largest']:.2f}, λ₊ {noise['edge']:.2f}, {noise['rows']:.0f} rows; {scaled}"
    too_few = f"fewer than {fewest} rows complete over two assets or more"
    short_history = "too few earlier absorption ratios, or they did not vary"
    return [
        Measure(
            measure="absorption_ratio",
            item=UNIVERSE,
            window=window,
            value=float(ratio["absorption_ratio"].iloc[-1]),
            unit="share",
            percentile=_percentile(
                ratio["absorption_ratio"],
                ratio["assets"],
                rows=chosen.history + 1,
                min_observations=PERCENTILE_FLOOR,
            ),
            n=int(ratio["assets"].iloc[-1]),
            detail=leading,
            reason=too_few,
        ),
        Measure(
            measure="absorption_shift",
            item=UNIVERSE,
            window=window,
            value=float(shift),
            unit="standard deviations",
            z=float(shift),
            n=int(ratio["assets"].iloc[-1]),
            detail=against,
            reason=short_history,
        ),
        *(
            Measure(
                measure=name,
                item=UNIVERSE,
                window=window,
                value=float(noise[column]),
                unit=unit,
                n=int(noise["assets"]),
                detail=None if np.isnan(noise["ratio"]) else edge,
                reason=too_few,
            )
            for name, column, unit in (
                ("eigenvalue_ratio", "ratio", "1"),
                ("eigenvalue_share", "share_above", "share"),
            )
        ),
    ]


def _connectedness(returns: pd.DataFrame, base: str, chosen: Systemic) -> list[Measure]:
    window, step = chosen.connectedness_window, chosen.connectedness_step
    estimates = chosen.history // step
    block = returns.iloc[-(window + step * estimates) :]
    # Estimates are counted from the first row: start where the session itself is one of them.
    block = block.iloc[(len(block) - 1) % step :]
    rolled = rolling_connectedness(
        block,
        lags=chosen.connectedness_lags,
        horizon=chosen.connectedness_horizon,
        window=window,
        min_observations=chosen.fewest(window),
        every=step,
    )
    assets = rolled.net.notna().sum(axis=1)
    n = int(assets.iloc[-1])
    detail = (
        f"vector autoregression of log returns, lags {chosen.connectedness_lags}, horizon "
        f"{chosen.connectedness_horizon}, {rolled.n.iloc[-1]} rows; percentile among every "
        f"{step}th session"
    )
    return [
        Measure(
            measure=name,
            item=item,
            window=window,
            value=float(values.iloc[-1]),
            unit="share",
            percentile=_percentile(
                values,
                assets,
                every=step,
                rows=estimates + 1,
                min_observations=ceil(PERCENTILE_FLOOR / step),
            ),
            n=n,
            detail=None if np.isnan(values.iloc[-1]) else detail,
            reason="too few complete rows for that many assets, or collinear returns",
        )
        for name, item, values in (
            ("connectedness_total", UNIVERSE, rolled.total),
            ("connectedness_net", base, rolled.net[base]),
        )
    ]


def _sleeves(returns: pd.DataFrame, chosen: Systemic) -> pd.DataFrame:
    """Returns of the sleeves over the rows that two baselines one after the other need."""
    rows = 2 * chosen.sleeve_window + 1
    formed = chosen.momentum_lookback - chosen.momentum_skip
    memory = max(chosen.pair_lookback, chosen.pair_volatility_window)
    parts = [
        contrarian_spread(returns.iloc[-(rows + 1) :])[["contrarian"]],
        momentum_spread(
            returns.iloc[-(rows + chosen.momentum_lookback) :],
            lookback=chosen.momentum_lookback,
            skip=chosen.momentum_skip,
            share=chosen.momentum_share,
            min_observations=chosen.fewest(formed),
        ).to_frame(),
        pair_spreads(
            returns.iloc[-(rows + memory) :],
            pairs=chosen.pairs,
            lookback=chosen.pair_lookback,
            volatility_window=chosen.pair_volatility_window,
            min_observations=chosen.fewest(
                min(chosen.pair_lookback, chosen.pair_volatility_window)
            ),
        ),
    ]
    return pd.concat([part.iloc[-rows:] for part in parts], axis=1)


def _crowding(returns: pd.DataFrame, chosen: Systemic) -> list[Measure]:
    window, fewest = chosen.sleeve_window, chosen.fewest(chosen.sleeve_window)
    sleeves = _sleeves(returns, chosen)
    scaled = robust_z(sleeves.iloc[-(window + 1) :], window=window, min_observations=fewest).iloc[
        -1
    ]
    book = multi_strategy(
        sleeves, window=window, min_observations=fewest, min_spreads=chosen.min_sleeves
    ).iloc[-1]
    present = int(book["spreads"])
    lost = float(book["degrossing"]) if present >= chosen.min_sleeves else np.nan
    few = f"{present} sleeves have a return; {chosen.min_sleeves} are needed"
    unscaled = f"fewer than {chosen.min_sleeves} sleeves have a return and {fewest} before it"
    one_by_one = [
        Measure(
            measure="sleeve",
            item=str(name),
            window=window,
            value=float(sleeves[name].iloc[-1]),
            unit="simple return",
            z=float(scaled[name]),
            reason="a return or the history that its weights need is missing",
        )
        for name in sleeves.columns
    ]
    together = [
        ("sleeves_worst", book["worst"], "standard deviations", book["worst_z"], unscaled),
        ("sleeves_average", book["average"], "standard deviations", book["average_z"], unscaled),
        ("sleeves_losing", book["losing"] if present else np.nan, "sleeves", np.nan, few),
        ("degrossing", lost, "1 or 0", np.nan, few),
        (
            "rebound", book["rebound"], "standard deviations", np.nan,
            "the session before was no degrossing session",
        ),
    ]  # fmt: skip
    worst = book["worst_spread"]
    return one_by_one + [
        Measure(
            measure=name,
            item=SLEEVES,
            window=window,
            value=float(value),
            unit=unit,
            z=float(z),
            n=present,
            detail=str(worst) if name == "sleeves_worst" and not pd.isna(worst) else None,
            reason=reason,
        )
        for name, value, unit, z, reason in together
    ]


def _published(context: RunContext) -> pd.DataFrame:
    """Current published z-scores, as rows with their own known_at."""
    newest = current_zscores(context)
    if newest.empty:
        return pd.DataFrame()
    return pd.DataFrame(
        {
            "measure": "published_zscore",
            "item": newest["group"],
            "publisher": newest["publisher"],
            "window": np.nan,
            "value": newest["zscore"],
            "unit": "standard deviations, as published",
            "z": np.nan,
            "percentile": np.nan,
            "n": np.nan,
            "describes": newest["session"].dt.date,
            "detail": None,
            "reason": None,
            "known_at": newest["known_at"],
        }
    )
