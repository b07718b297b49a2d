"""Any numbers into the indicators: a figure within its bounds, or one sentence; never garbage."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as profiles
from hypothesis import strategies as st

from features.asymmetry import asymmetry_test
from features.barriers import barrier_distance, hitting_probability, terminal_probability
from features.comovement import (
    adjust_for_volatility,
    forbes_rigobon,
    normal_downside,
    partial_correlation,
)
from features.connectedness import connectedness
from features.constancy import constancy_test
from features.correlation import (
    correlation_with_base,
    ewma_correlation_with_base,
    latest_correlation,
    rolling_correlation,
)
from features.correlation_tests import fisher_interval, robust_interval
from features.crowding import contrarian_sleeve
from features.dependent_correlations import compare_dependent_correlations
from features.etf_flows import calendar, cumulative_surprise, rolled_assets
from features.exceedance import exceedance_test
from features.multiplicity import family_wise
from features.open_interest import ordinary_change
from features.option_chains import put_share
from features.positioning import funding_measures
from features.rebound import cross_sectional_rebound, regained
from features.regime_features import comovement_features, volatility_features
from features.returns import standardised_returns, trailing_volatility
from features.selling import scaled_moves
from features.shocks import baseline_count, records, robust_z, worst_since
from features.turbulence import absorption_ratio, marchenko_pastur, turbulence
from features.volume import volume_design
from features.yen import carry_unwind, risk_average

fuzz = profiles.get_profile("torture")
SEEDS = st.integers(0, 2**32)
# Prices pass screening between 1e-9 and 1e12: no logarithmic return is beyond ±49.
ODD = [
    np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 1e-12, 40.0, -40.0, 0.3,
]  # fmt: skip

Call = Callable[[pd.DataFrame, np.random.Generator], Any]


def numbers(seed: int, *, infinite: bool) -> pd.DataFrame:
    """A panel of three series, at times empty, short, constant, gapped, huge or tiny."""
    generator = np.random.default_rng(seed)
    n = int(generator.choice([0, 1, 2, 3, 5, 30, 90]))
    held = generator.standard_t(3, (n, 3)) * generator.choice([0.0, 1e-8, 0.01, 1.0])
    kind = generator.integers(5)
    if kind == 1:
        held[:, 0] = held[:1, 0] if n else 0
    if kind == 2:
        held[:, 1] = held[:, 0]
    if kind == 3:
        held[generator.random(held.shape) < 0.6] = np.nan
    places = generator.random(held.shape) < generator.choice([0.0, 0.02, 0.3])
    odd = generator.choice(ODD, held.shape)
    held[places] = odd[places]
    if not infinite:
        held[np.isinf(held)] = np.nan
    return pd.DataFrame(held, index=pd.bdate_range("2026-01-02", periods=n), columns=list("ABC"))


# Answers that are correlations, probabilities or shares: what they may hold besides NaN.
BETWEEN = {"correlation": (-1.0, 1.0), "share": (0.0, 1.0), "any": (-np.inf, np.inf)}

CALLS: dict[str, tuple[str, Call]] = {
    "correlation with base": ("correlation", lambda x, g: correlation_with_base(
        x, base="A", window=20, min_observations=10).value),
    "ewma correlation": ("correlation", lambda x, g: ewma_correlation_with_base(
        x, base="A", half_life=10.0, min_observations=5).value),
    "rolling correlation": ("correlation", lambda x, g: rolling_correlation(
        x, window=20, min_observations=10)),
    "latest correlation": ("correlation", lambda x, g: latest_correlation(
        x, window=20, min_observations=10)),
    "fisher interval": ("correlation", lambda x, g: fisher_interval(
        x["A"].to_numpy(), x["B"].to_numpy(), confidence=0.95)),
    "robust interval": ("correlation", lambda x, g: robust_interval(
        x["A"], x["B"], confidence=0.95)),
    "forbes rigobon": ("correlation", lambda x, g: forbes_rigobon(
        x["A"].to_numpy(), variance_increase=x["B"].to_numpy())),
    "normal downside": ("any", lambda x, g: normal_downside(x["A"].to_numpy())),
    "partial correlation": ("any", lambda x, g: partial_correlation(
        x["A"], x["B"], x[["C"]], min_observations=10)),
    "volatility-adjusted": ("any", lambda x, g: adjust_for_volatility(
        x["A"], x["B"], window=20, min_observations=10)),
    "dependent correlations": ("any", lambda x, g: compare_dependent_correlations(
        x["A"], x["B"], x["C"], confidence=0.95)),
    "asymmetry": ("any", lambda x, g: asymmetry_test(
        x["A"], x["B"], thresholds=[0.0, 0.5], min_exceedances=5, draws=20, seed=1)),
    "constancy": ("any", lambda x, g: constancy_test(x["A"], x["B"], draws=20, seed=1)),
    "exceedance": ("any", lambda x, g: exceedance_test(
        x["A"], x["B"], thresholds=[0.5], side="lower", null="normal", min_exceedances=5, draws=20,
        seed=1)),
    "connectedness": ("any", lambda x, g: connectedness(x, lags=1, horizon=5)),
    "robust z": ("any", lambda x, g: robust_z(x, window=20, min_observations=10)),
    "baseline count": ("any", lambda x, g: baseline_count(x, window=20)),
    "records": ("any", lambda x, g: records(x, min_observations=10)),
    "worst since": ("any", lambda x, g: worst_since(x["A"])),
    "turbulence": ("any", lambda x, g: turbulence(x, window=20, min_observations=10)),
    "absorption": ("share", lambda x, g: absorption_ratio(
        x, window=20, min_observations=10, share=0.2)["absorption_ratio"]),
    "marchenko pastur": ("any", lambda x, g: marchenko_pastur(x, window=20, min_observations=10)),
    "standardised": ("any", lambda x, g: standardised_returns(
        x, half_life=10.0, min_observations=10)),
    "trailing volatility": ("any", lambda x, g: trailing_volatility(
        x["A"], window=20, min_observations=10)),
    "contrarian": ("any", lambda x, g: contrarian_sleeve(x)),
    "rolled assets": ("any", lambda x, g: rolled_assets(
        x["A"], np.exp(x["B"]), opening=1e9)),
    "calendar": ("share", lambda x, g: calendar(pd.DatetimeIndex(x.index))),
    "surprise": ("any", lambda x, g: cumulative_surprise(x["A"], sessions=5)),
    "family-wise": ("share", lambda x, g: family_wise(x["A"])),
    "ordinary change": ("any", lambda x, g: ordinary_change(
        x, window=20, min_observations=10, floor=0.01, confidence=0.95)),
    "put share": ("share", lambda x, g: put_share(
        pd.Series(g.choice(["C", "P"], len(x)), x.index), x["A"])),
    "funding": ("any", lambda x, g: funding_measures(x["A"], days=7, flip_window=20)),
    "rebound": ("any", lambda x, g: cross_sectional_rebound(x, min_assets=3)),
    "regained": ("any", lambda x, g: regained(x["A"], min_fall=0.02)),
    "volatility features": ("any", lambda x, g: volatility_features(x["A"], half_lives=(5.0,))),
    "comovement features": ("any", lambda x, g: comovement_features(
        x["A"], x["B"], half_life=5.0)),
    "scaled moves": ("any", lambda x, g: scaled_moves(
        x, horizon=2, window=20, min_observations=10)),
    "volume design": ("any", lambda x, g: volume_design(np.exp(x["A"]))),
    "risk average": ("any", lambda x, g: risk_average(x, min_assets=2)),
    "carry": ("any", lambda x, g: carry_unwind(x["A"], x["B"], start=1.0)),
    "hitting": ("share", lambda x, g: hitting_probability(
        np.exp(x["A"]), np.exp(x["B"]), volatility=x["C"].abs() + 0.01, years=0.5, drift=0.03)),
    "terminal": ("share", lambda x, g: terminal_probability(
        np.exp(x["A"]), np.exp(x["B"]), volatility=x["C"].abs() + 0.01, years=0.5, drift=0.03)),
    "distance": ("any", lambda x, g: barrier_distance(
        np.exp(x["A"]), np.exp(x["B"]), volatility=x["C"].abs() + 0.01, years=0.5)),
}  # fmt: skip


def figures(answer: Any) -> np.ndarray:
    """Every number of an answer."""
    if isinstance(answer, pd.DataFrame | pd.Series):
        frame = pd.DataFrame(answer).select_dtypes("number")
        return frame.to_numpy(dtype="float64", na_value=np.nan).ravel()
    if isinstance(answer, tuple):
        return np.concatenate([figures(one) for one in answer]) if answer else np.array([])
    if isinstance(answer, np.ndarray | float | int):
        return np.asarray(answer, dtype="float64").ravel()
    fields = getattr(answer, "__dataclass_fields__", ())
    return np.concatenate([np.array([]), *(figures(getattr(answer, name)) for name in fields)])


def asked(name: str, seed: int, *, infinite: bool) -> np.ndarray | None:
    """Figures of one indicator; None where it refuses in a sentence."""
    kind, call = CALLS[name]
    lowest, highest = BETWEEN[kind]
    try:
        found = figures(call(numbers(seed, infinite=infinite), np.random.default_rng(seed)))
    except ValueError as error:  # NotEnoughData is one too
        said = str(error)
        assert len(said) > 15
        return None
    held = found[~np.isnan(found)]
    assert ((held >= lowest - 1e-9) & (held <= highest + 1e-9)).all(), held
    return found


@pytest.mark.parametrize("name", list(CALLS))
class TestAnyNumbers:
    @fuzz
    @given(seed=SEEDS, infinite=st.booleans())
    def test_a_figure_in_its_bounds_or_a_sentence(
        self, name: str, seed: int, infinite: bool
    ) -> None:
        asked(name, seed, infinite=infinite)
