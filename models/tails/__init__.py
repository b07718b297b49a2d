"""Tail distributions, value at risk, expected shortfall, backtests, and "kσ" as a probability."""

from models.tails.backtests import (
    Backtest,
    conditional_coverage,
    expected_shortfall_test,
    unconditional_coverage,
)
from models.tails.gpd import (
    GpdFit,
    TailProbability,
    TailRisk,
    fit_gpd,
    gpd_risk,
    gpd_tail,
    tail_threshold,
)
from models.tails.sigma import SigmaTranslation, translate_sigma
from models.tails.student import StudentFit, fit_student, normal_tail, student_tail
from models.tails.var_es import TailForecasts, tail_forecasts

__all__ = [
    "Backtest",
    "GpdFit",
    "SigmaTranslation",
    "StudentFit",
    "TailForecasts",
    "TailProbability",
    "TailRisk",
    "conditional_coverage",
    "expected_shortfall_test",
    "fit_gpd",
    "fit_student",
    "gpd_risk",
    "gpd_tail",
    "normal_tail",
    "student_tail",
    "tail_forecasts",
    "tail_threshold",
    "translate_sigma",
    "unconditional_coverage",
]
