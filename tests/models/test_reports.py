"""Texts of a fit: summary, repr on one line, and one form for a missing answer."""

import dataclasses
import importlib
import pkgutil
from typing import get_type_hints

import numpy as np
import pandas as pd
import pytest

import models
from models.dependence import fit_dcc, pair_covar
from models.regimes import fit_jump_model, fit_markov_switching
from models.tails import fit_gpd
from models.volatility import fit_garch, walk_forward

DRAW = np.random.default_rng(5)
STRESS = np.where(np.arange(900) % 300 < 60, 3.0, 1.0)
RETURNS = pd.DataFrame(
    0.01 * STRESS[:, None] * DRAW.standard_t(5, (900, 2)),
    index=pd.bdate_range("2020-01-01", periods=900),
    columns=["IBIT", "IGV"],
)
RESIDUALS = RETURNS / RETURNS.std()


@pytest.fixture(scope="module")
def fits() -> dict[str, object]:
    return {
        "garch": fit_garch(RETURNS["IBIT"]),
        "egarch": fit_garch(RETURNS["IBIT"], model="egarch", innovation="skewt"),
        "dcc": fit_dcc(RESIDUALS),
        "adcc": fit_dcc(RESIDUALS, kind="adcc", method="composite"),
        "markov": fit_markov_switching(RETURNS),
        "gpd": fit_gpd(-RETURNS["IBIT"].to_numpy(), threshold=0.01),
        "covar": pair_covar(RETURNS["IBIT"].to_numpy(), RETURNS["IGV"].to_numpy()).asset_given_base,
        "jump": fit_jump_model(RETURNS.abs(), order_by="IBIT"),
    }


PARAMETERS = {
    "garch": ["mu", "omega", "alpha", "beta", "nu"],
    "egarch": ["mu", "omega", "alpha", "gamma", "beta", "nu", "skew"],
    "dcc": ["a", "b"],
    "adcc": ["a", "b", "g"],
    "markov": ["mean IBIT", "volatility IGV", "duration, sessions"],
    "gpd": ["xi", "beta", "exceedances"],
    "covar": ["intercept", "slope", "value at risk", "ΔCoVaR"],
    "jump": ["IBIT", "IGV", "sessions", "loss"],
}


class TestSummary:
    @pytest.mark.parametrize("name", PARAMETERS)
    def test_names_the_parameters_and_whether_they_can_be_used(
        self, fits: dict[str, object], name: str
    ) -> None:
        text = fits[name].summary()  # type: ignore[attr-defined]
        lines = text.splitlines()
        for label in [*PARAMETERS[name], "observations", "converged", "reason"]:
            assert sum(line.startswith(f"{label} ") for line in lines) == 1, (label, text)
        assert len(lines) < 20
        assert max(len(line) for line in lines) < 120

    def test_values_and_errors_are_those_of_the_fit(self) -> None:
        fit = fit_garch(RETURNS["IBIT"])
        (line,) = [line for line in fit.summary().splitlines() if line.startswith("alpha")]
        errors = fit.standard_errors.loc["alpha"]
        assert line.split() == ["alpha", f"{fit.alpha:.6g}", *(f"{error:.6g}" for error in errors)]

    def test_a_missing_answer_shows_its_reason(self) -> None:
        faded = RETURNS["IBIT"] * np.where(np.arange(900) < 450, 1.0, 1e-7)
        fallback = fit_garch(faded, innovation="normal")
        assert fallback.model == "ewma"
        assert "EWMA is used instead" in fallback.summary()
        stuck = pair_covar(RETURNS["IBIT"].to_numpy(), np.zeros(900)).asset_given_base
        lines = stuck.summary().splitlines()
        assert "ΔCoVaR               -" in lines
        assert "reason               the target returns do not vary" in lines


class TestRepr:
    @pytest.mark.parametrize("name", PARAMETERS)
    def test_is_one_line_without_the_arrays(self, fits: dict[str, object], name: str) -> None:
        text = repr(fits[name])
        assert "\n" not in text
        assert len(text) < 700

    def test_of_a_walk_forward_counts_its_estimates(self) -> None:
        text = repr(walk_forward(RETURNS["IBIT"], every=100))
        assert "sigma=<Series 650>" in text
        assert "estimates=<tuple of 7>" in text


class TestMissingAnswer:
    def test_every_result_says_why_in_one_form(self) -> None:
        results = {
            value
            for info in pkgutil.walk_packages(models.__path__, "models.")
            for value in vars(importlib.import_module(info.name)).values()
            if isinstance(value, type)
            and dataclasses.is_dataclass(value)
            and value.__module__.startswith("models.")
            and "._" not in value.__module__
        }
        flagged = [
            one for one in results if {"converged", "abstained"} & get_type_hints(one).keys()
        ]
        assert len(flagged) >= 9
        for one in flagged:
            assert get_type_hints(one)["reason"] == (str | None), one
