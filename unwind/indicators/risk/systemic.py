"""Rows of the table `systemic`: the cross-section as one system, and who seems to be crowded."""

from dataclasses import replace
from math import ceil

import numpy as np
import pandas as pd

from features.cross_section import (
    absorption_ratio,
    absorption_shift,
    last_percentile,
    marchenko_pastur,
    multi_strategy,
    robust_z,
    rolling_connectedness,
    turbulence_index,
)
from features.returns import standardised_returns
from unwind.indicators.context import RunContext
from unwind.indicators.drivers import sleeve_returns
from unwind.indicators.links.correlations import PERCENTILE_FLOOR
from unwind.indicators.published_zscores import current_zscores
from unwind.indicators.risk.covar import covar_measures
from unwind.indicators.risk.measure import Measure
from unwind.settings.evidence import Systemic

OWN = "unwind"
UNIVERSE, SLEEVES = "universe", "sleeves"
_BOOK = (
    "losing", "degrossing", "worst", "worst_z", "worst_spread", "average", "average_z", "rebound"
)  # fmt: skip


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
        *covar_measures(returns, context.settings),
    ]
    parts = [
        _own_rows(measures, max(context.known_at(pd.Index(names))), context),
        _own_rows(_crowding(context), _sleeves_known_at(context), context),
    ]
    quoted = _published(context)
    parts += [quoted] if len(quoted) else []
    return context.stamped(pd.concat(parts, ignore_index=True))


def _own_rows(measures: list[Measure], known_at: pd.Timestamp, context: RunContext) -> pd.DataFrame:
    return pd.DataFrame([_columns(measure) for measure in measures]).assign(
        publisher=OWN, describes=context.as_of, known_at=known_at
    )


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


def _sleeves_known_at(context: RunContext) -> pd.Timestamp:
    """Instant at which the last input of the sleeves was known."""
    factors = context.inputs["equity_factors_pct"]
    if factors.empty:
        legs = {leg for spread in context.settings.verdict.spreads for leg in spread}
        return max(context.known_at(pd.Index(sorted(legs))), default=context.cutoff)
    past = factors.loc[factors["session"] <= context.stamp, "known_at"]
    return past.max() if len(past) else context.cutoff


def _crowding(context: RunContext) -> list[Measure]:
    """The sleeves that the verdict's driver `crowding` rests on, one by one and as a book."""
    chosen = context.settings.systemic
    window, fewest = chosen.sleeve_window, chosen.fewest(chosen.sleeve_window)
    factors, needed = context.inputs["equity_factors_pct"], context.settings.verdict.fewest_sleeves
    # Two baselines, one after the other.
    sleeves = sleeve_returns(
        context.panel.returns.loc[: context.stamp].iloc[-(2 * window + 1) :],
        factors,
        chosen=context.settings.verdict,
    )
    unit = "log return" if factors.empty else "simple return"
    scaled = robust_z(sleeves.iloc[-(window + 1) :], window=window, min_observations=fewest).iloc[
        -1
    ]
    present = int(sleeves.iloc[-1].notna().sum())
    # A desk may name fewer sleeves than it needs; then the book is missing, as the driver is.
    book = (
        multi_strategy(sleeves, window=window, min_observations=fewest, min_spreads=needed).iloc[-1]
        if sleeves.shape[1] >= needed
        else pd.Series(np.nan, _BOOK)
    )
    lost = float(book["degrossing"]) if present >= needed else np.nan
    few = f"{present} sleeves have a return; {needed} are needed"
    unscaled = f"fewer than {needed} sleeves have a return and {fewest} before it"
    one_by_one = [
        Measure(
            measure="sleeve",
            item=str(name),
            window=window,
            value=float(sleeves[name].iloc[-1]),
            unit=unit,
            z=float(scaled[name]),
            reason="no return of the session was known",
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
            "the previous session was not a degrossing session",
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
