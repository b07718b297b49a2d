"""Rows of the table `regime_models`: calm or stressed, by two models of three items."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.returns import comovement_features, standardised_returns, volatility_features
from models.errors import NotEnoughData
from models.regimes import (
    filtered_probabilities,
    fit_jump_model,
    fit_markov_switching,
    online_costs,
)
from unwind.indicators.context import RunContext
from unwind.settings.evidence import RegimeModels

STATES = ("calm", "stressed")
RISK_ASSETS = "risk_assets"
FIGURES = (
    "probability", "margin", "calm_mean", "stressed_mean", "calm_volatility",
    "stressed_volatility", "calm_correlation", "stressed_correlation", "calm_duration",
    "stressed_duration", "nu", "objective",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Item:
    """Data of the models: returns of the window and the session, and features of the jump model."""

    name: str
    unit: str
    returns: pd.DataFrame
    features: pd.DataFrame


def regime_model_rows(context: RunContext) -> pd.DataFrame:
    """Rows of the table `regime_models` for the session.

    Parameters rest on the window that ends at t−1, estimated anew each session; the filter runs
    over the window and the session.
    """
    universe, chosen = context.settings.universe, context.settings.regime_models
    levels = {*context.settings.clock.index_levels, *universe.havens, universe.base}
    names = [name for name in universe.symbols if name not in levels]
    returns = context.panel.returns.loc[: context.stamp]
    items = _items(returns[universe.base], returns[names], chosen)
    rows = [model(item, chosen) for item in items for model in (_markov, _jump)]
    used = {universe.base: [universe.base]}
    frame = pd.DataFrame(rows)
    frame["known_at"] = [
        max(context.known_at(pd.Index(used.get(name, [universe.base, *names]))))
        for name in frame["item"]
    ]
    return context.stamped(frame)


def _items(base: pd.Series, others: pd.DataFrame, chosen: RegimeModels) -> tuple[Item, ...]:
    rows, half_lives = slice(-(chosen.window + 1), None), chosen.volatility_half_lives
    risk = _risk_assets(others, chosen)
    pair = pd.DataFrame({base.name: base, RISK_ASSETS: risk})
    pair = pair.where(pair.notna().all(axis=1))
    return (
        Item(
            name=str(base.name),
            unit="log return",
            returns=base.iloc[rows].to_frame(),
            features=volatility_features(base, half_lives=half_lives).iloc[rows],
        ),
        Item(
            name=RISK_ASSETS,
            unit="EWMA σ",
            returns=risk.iloc[rows].to_frame(RISK_ASSETS),
            features=volatility_features(risk, half_lives=half_lives).iloc[rows],
        ),
        Item(
            name=f"{base.name}~{RISK_ASSETS}",
            unit="log return",
            returns=pair.iloc[rows],
            features=comovement_features(base, risk, half_life=chosen.link_half_life).iloc[rows],
        ),
    )


def _risk_assets(returns: pd.DataFrame, chosen: RegimeModels) -> pd.Series:
    """Mean of standardised returns over the assets that cover the window.

    Assets that list within it stay out: a mean over more of them varies less, which a model would
    take for calm.
    """
    scaled = standardised_returns(
        returns,
        half_life=chosen.half_life,
        min_observations=int(np.ceil(2 * chosen.half_life)),
    )
    window = scaled.iloc[-(chosen.window + 1) : -1].notna()
    began = window.any(axis=1)
    covers = window[began].mean() >= chosen.min_share
    kept = scaled.loc[:, covers[covers].index]
    # Row by row in one memory order: a sum's last digit must not hang on how a frame was made.
    values = np.ascontiguousarray(kept.to_numpy(dtype=np.float64))
    present = np.isfinite(values).sum(axis=1)
    enough = present >= max(1.0, chosen.min_share * values.shape[1])
    mean = np.nansum(values, axis=1) / np.where(enough, present, np.nan)
    return pd.Series(mean, index=kept.index)


def _blank(item: Item, model: str) -> dict[str, object]:
    earlier = item.returns.iloc[:-1]
    return {
        "model": model, "item": item.name, "unit": item.unit, "state": None,
        "n": int(earlier.notna().all(axis=1).sum()), "starts": np.nan, "agreeing": np.nan,
        "estimated_to": earlier.index[-1] if len(earlier) else pd.NaT, "converged": None,
        "reason": None, **dict.fromkeys(FIGURES, np.nan),
    }  # fmt: skip


def _named(
    row: dict[str, object], item: Item, chosen: RegimeModels, *, faults: str | None, stressed: bool,
    volatilities: Sequence[float],
) -> dict[str, object]:  # fmt: skip
    """Give the row its state, or the reason why it has none; the figures of the fit stay."""
    calm, other = volatilities
    if faults:
        reason = faults
    elif not other >= chosen.min_volatility_ratio * calm:
        reason = f"volatilities of the states, {calm:.3g} and {other:.3g}, are too much alike"
    elif item.returns.iloc[-1].isna().any():
        reason = f"no return of {item.name} at the session"
    else:
        return row | {"state": STATES[stressed]}
    return row | {"probability": np.nan, "margin": np.nan, "reason": reason}


def _markov(item: Item, chosen: RegimeModels) -> dict[str, object]:
    row = _blank(item, "markov_switching")
    try:
        fit = fit_markov_switching(
            item.returns.iloc[:-1], states=2, innovation=chosen.innovation, correlated=True,
            starts=chosen.starts, seed=chosen.seed, min_observations=chosen.min_observations,
        )  # fmt: skip
    except NotEnoughData as error:
        return row | {"reason": str(error)}
    probability = float(filtered_probabilities(item.returns, fit).to_numpy()[-1, 1])
    means, volatilities = fit.means.to_numpy()[:, 0], fit.volatilities.to_numpy()[:, 0]
    row |= _by_state("mean", means) | _by_state("volatility", volatilities)
    row |= _by_state("duration", fit.expected_durations)
    if item.returns.shape[1] > 1:
        row |= _by_state("correlation", fit.correlations[:, 0, 1])
    row |= {
        "probability": probability, "nu": fit.nu if np.isfinite(fit.nu) else np.nan,
        "objective": fit.log_likelihood, "n": fit.n, "starts": fit.starts,
        "agreeing": fit.agreeing, "converged": fit.converged,
    }  # fmt: skip
    return _named(
        row, item, chosen, faults=fit.reason, stressed=probability > 0.5,
        volatilities=volatilities.tolist(),
    )  # fmt: skip


def _jump(item: Item, chosen: RegimeModels) -> dict[str, object]:
    row = _blank(item, "jump_model")
    earlier = item.returns.iloc[:-1]
    try:
        fit = fit_jump_model(
            item.features.iloc[:-1], states=2, penalty=chosen.jump_penalty, cap=chosen.cap,
            order_by=str(item.features.columns[0]), starts=chosen.jump_starts, seed=chosen.seed,
            min_observations=chosen.min_observations,
        )  # fmt: skip
    except NotEnoughData as error:
        return row | {"reason": str(error)}
    costs = online_costs(item.features, fit).to_numpy()[-1]
    path = fit.states_smoothed  # of rows up to t−1: it describes the states, not the session
    held = [earlier[path == state] for state in (0, 1)]
    row |= _by_state("mean", [part.iloc[:, 0].mean() for part in held])
    volatilities = [float(part.std().iloc[0]) for part in held]
    row |= _by_state("volatility", volatilities)
    begun = path[path.ne(path.shift())].value_counts()
    row |= _by_state("duration", [(path == k).sum() / max(begun.get(k, 0), 1) for k in (0, 1)])
    if earlier.shape[1] > 1:
        row |= _by_state("correlation", [part.iloc[:, 0].corr(part.iloc[:, 1]) for part in held])
    row |= {
        "margin": (costs[0] - costs[1]) / fit.penalty if fit.penalty > 0 else np.nan,
        "objective": fit.loss, "n": fit.n, "starts": fit.starts, "agreeing": fit.agreeing,
        "converged": fit.converged,
    }  # fmt: skip
    return _named(
        row, item, chosen, faults=fit.reason, stressed=bool(costs[1] < costs[0]),
        volatilities=volatilities,
    )  # fmt: skip


def _by_state(figure: str, values: Iterable[float]) -> dict[str, object]:
    return {f"{name}_{figure}": float(value) for name, value in zip(STATES, values, strict=True)}
