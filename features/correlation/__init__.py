"""Correlations of returns: estimates, intervals, tests and universes of pairs."""

from features.correlation.adjusted import (
    VolatilityAdjusted,
    adjust_for_volatility,
    forbes_rigobon,
    partial_correlation,
    turmoil_correlation,
    unexplained_rise,
)
from features.correlation.asymmetry import AsymmetryTest, asymmetry_test
from features.correlation.constancy import ConstancyTest, constancy_test
from features.correlation.dependent import (
    DependentCorrelations,
    compare_dependent_correlations,
    meng_z,
    steiger_z,
)
from features.correlation.downside import (
    DownsideCorrelation,
    downside_correlation,
    downside_excess,
    normal_downside,
)
from features.correlation.exceedance import ExceedanceTest, exceedance_test
from features.correlation.intervals import fisher_interval, robust_interval
from features.correlation.multiple_testing import family_wise
from features.correlation.rolling import (
    CorrelationWithBase,
    correlation_strips,
    correlation_with_base,
    ewma_correlation_with_base,
    rolling_correlation,
)
from features.correlation.universe import PairStanding, pair_standings

__all__ = [
    "AsymmetryTest", "ConstancyTest", "CorrelationWithBase", "DependentCorrelations",
    "DownsideCorrelation", "ExceedanceTest", "PairStanding", "VolatilityAdjusted",
    "adjust_for_volatility", "asymmetry_test", "compare_dependent_correlations", "constancy_test",
    "correlation_strips", "correlation_with_base", "downside_correlation", "downside_excess",
    "ewma_correlation_with_base", "exceedance_test", "family_wise", "fisher_interval",
    "forbes_rigobon", "meng_z", "normal_downside", "pair_standings", "partial_correlation",
    "robust_interval", "rolling_correlation", "steiger_z", "turmoil_correlation",
    "unexplained_rise",
]  # fmt: skip
