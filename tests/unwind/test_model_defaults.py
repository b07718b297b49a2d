"""Typical values stand in the signatures; the desk's settings override them."""

import inspect
from collections.abc import Callable

import pytest

from models.attribution import Smoothing, Thresholds, build_ledger
from models.changes import correlation_breaks, online_changes
from models.dependence import pair_covar
from models.regimes import fit_jump_model, fit_markov_switching
from models.regression import expectation
from models.tails import expected_shortfall_test, tail_forecasts, translate_sigma
from models.verdict import Resampling, calibrate, deleveraging_score, states
from models.volatility import fit_garch
from unwind.settings import Settings

SAME: dict[Callable[..., object], str] = {
    fit_garch: "volatility",
    tail_forecasts: "tail_risk",
    expected_shortfall_test: "tail_risk",
    translate_sigma: "sigma",
    correlation_breaks: "changepoint",
    online_changes: "changepoint",
    fit_markov_switching: "regime_models",
    fit_jump_model: "regime_models",
    expectation: "flows",
    states: "verdict",
    calibrate: "calibration",
    Resampling: "calibration",
    Smoothing: "attribution",
    Thresholds: "attribution",
    build_ledger: "attribution",
}
RENAMED = {
    (pair_covar, "level"): "tail_risk.covar_level",
    (fit_jump_model, "penalty"): "regime_models.jump_penalty",
    (fit_jump_model, "starts"): "regime_models.jump_starts",
    (tail_forecasts, "window"): "volatility.window",
    (tail_forecasts, "min_observations"): "volatility.min_observations",
    (tail_forecasts, "threshold_share"): "sigma.threshold_share",
    (tail_forecasts, "min_exceedances"): "sigma.min_exceedances",
    (online_changes, "alarms_per_year"): "changepoint.false_alarms_per_year",
    (calibrate, "cap"): "verdict.evidence_cap",
    (deleveraging_score, "cap"): "verdict.evidence_cap",
    (Thresholds, "min_posterior"): "attribution.posterior",
    (Thresholds, "min_margin"): "attribution.margin",
    (Thresholds, "min_blocks"): "attribution.blocks",
    (Thresholds, "min_required_evidence"): "attribution.decisive_vote",
    (build_ledger, "min_required_evidence"): "attribution.decisive_vote",
    (Thresholds, "min_net_agreement"): "attribution.coherence",
    (Thresholds, "missing_block_penalty"): "attribution.toll",
}


def _defaults(function: Callable[..., object]) -> dict[str, object]:
    parameters = inspect.signature(function).parameters.values()
    return {one.name: one.default for one in parameters if one.default is not one.empty}


def test_the_desk_differs_from_the_typical_values_only_where_it_says_so(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    differing = {}
    for function in {*SAME, *(function for function, _ in RENAMED)}:
        for name, typical in _defaults(function).items():
            path = RENAMED.get((function, name), f"{SAME.get(function)}.{name}")
            section = getattr(settings, path.split(".")[0], None)
            desk = getattr(section, path.split(".")[1], None)
            if desk is not None and desk != typical:
                differing[f"{function.__name__}({name}={typical!r})"] = f"{path} = {desk!r}"
    with capsys.disabled():
        for signature, desk in sorted(differing.items()):
            print(f"\n{signature}: {desk}", end="")
    assert {line.split("=")[0] for line in differing} == {
        f"{name}(seed"
        for name in (
            "Resampling", "expected_shortfall_test", "fit_jump_model", "fit_markov_switching",
            "online_changes",
        )
    }  # fmt: skip
    assert all(hasattr(settings, path.split(".")[0]) for path in RENAMED.values())
