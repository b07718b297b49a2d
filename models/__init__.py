"""Indicators in, a frozen fitted value out: the only home of arch, statsmodels and ruptures.

- `models.volatility`: GARCH family, walk-forward, variance forecasts
- `models.dependence`: conditional correlation (DCC), CoVaR
- `models.tails`: Student-t and generalised Pareto tails, VaR, expected shortfall, backtests
- `models.changes`: change points of a whole sample, online detectors
- `models.regimes`: Markov switching, jump model
- `models.verdict`: deleveraging score, calibration, record, benchmark rules
- `models.attribution`: log-odds over mechanisms, naming rules
- `models.regression`: Huber regression and its expectations
- `models.errors`: exceptions raised by estimators
"""
