"""Volatility of one series: GARCH, GJR and EGARCH, walk-forward estimates and forecasts."""

from models.volatility.forecasts import variance_forecasts
from models.volatility.garch import GarchFit, fit_garch
from models.volatility.walk_forward import WalkForward, walk_forward

__all__ = [
    "GarchFit",
    "WalkForward",
    "fit_garch",
    "variance_forecasts",
    "walk_forward",
]
