"""Indicators in, a frozen fitted value out: the only home of arch, statsmodels, sklearn, ruptures.

- `models.garch`: volatility of one series
- `models.variance_forecasts`: variance over a horizon, as each past session forecast it
- `models.tails`: normal, Student-t and generalised Pareto tail laws
- `models.sigma`: one "kσ" under each of them, with return periods
- `models.changepoint`: breaks of a pair's correlation
- `models.deleveraging`: drivers, score and state machine: the rule that desks read
- `models.attribution`: log-odds over mechanisms; `attribution_rules`: when one is named
- `models.robust_regression`: Huber regression, and what a row was expected to be
- `models.errors`: NotEnoughData
"""
