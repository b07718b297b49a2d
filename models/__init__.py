"""Indicators in, a frozen fitted value out: the only home of arch, statsmodels, sklearn, ruptures.

- `models.garch`: volatility of one series
- `models.changepoint`: breaks of a pair's correlation
- `models.deleveraging`: drivers, score and state machine: the rule that desks read
- `models.errors`: NotEnoughData, NotConverged
"""
