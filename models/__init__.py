"""Indicators in, a frozen fitted value out: the only home of arch, statsmodels, sklearn, ruptures.

- `models.garch`: volatility of one series; `models.walk_forward`: the same through history
- `models.dcc`: conditional correlation; `models.dcc_errors`: its errors, both stages counted
- `models.tails`, `models.extremes`: normal, Student-t and generalised Pareto tail laws
- `models.tail_risk`: value at risk and expected shortfall through history; `models.backtests`
- `models.covar`: CoVaR and marginal expected shortfall
- `models.sigma`: one "kσ" under each of them, with return periods
- `models.changepoint`: breaks of a pair's correlation
- `models.deleveraging`: drivers, score and state machine: the rule that desks read
- `models.errors`: NotEnoughData
"""
