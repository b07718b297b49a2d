"""Indicators in, a frozen fitted value out: the only home of arch, statsmodels, sklearn, ruptures.

- `models.variance_forecasts`: variance over a horizon, as each past session forecast it
- `models.garch`: volatility of one series; `models.walk_forward`: the same through history
- `models.dcc`: conditional correlation; `models.dcc_errors`: its errors, both stages counted
- `models.tails`, `models.extremes`: normal, Student-t and generalised Pareto tail laws
- `models.tail_risk`: value at risk and expected shortfall through history; `models.backtests`
- `models.covar`: CoVaR and marginal expected shortfall
- `models.sigma`: one "kσ" under each of them, with return periods
- `models.changepoint`: breaks of a pair's correlation
- `models.segmentation`, `change_signals`, `block_bootstrap`: change points of a whole sample, what
  is searched for them, and penalties at a stated false-alarm rate
- `models.change_scores`: agreement with annotators
- `models.cusum`, `bocpd`, `e_detector`: one online detector a module
- `models.monitoring`, `online_changes`: their alarms, thresholds and restarts; what is watched
- `models.markov_switching`: calm and stressed states of one series or several, filtered
- `models.markov_autoregression`: Hamilton's autoregression about a switching mean
- `models.jump_model`: states by distance to centres with a price on each change
- `models.state_alignment`: names of states that hold across estimates
- `models.regime_walk_forward`: both models estimated rarely and filtered daily
- `models.deleveraging`: drivers, score and state machine: the rule that desks read
- `models.calibration`: its scales and thresholds, to a stated rate of false entries
- `models.evaluation`: what a rule is worth against dated episodes
- `models.rival_rules`: the simple rules that it has to beat
- `models.attribution`: log-odds over mechanisms; `attribution_rules`: when one is named
- `models.robust_regression`: Huber regression, and what a row was expected to be
- `models.errors`: NotEnoughData
"""
