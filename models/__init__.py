"""Indicators in, a frozen fitted value out: the only home of arch, statsmodels, sklearn, ruptures.

- `models.garch`: volatility of one series
- `models.tails`: normal, Student-t and generalised Pareto tail laws
- `models.sigma`: one "kσ" under each of them, with return periods
- `models.changepoint`: breaks of a pair's correlation
- `models.markov_switching`: calm and stressed states of one series or several, filtered
- `models.markov_autoregression`: Hamilton's autoregression about a switching mean
- `models.jump_model`: states by distance to centres with a price on each change
- `models.state_alignment`: names of states that hold across estimates
- `models.regime_walk_forward`: both models estimated rarely and filtered daily
- `models.deleveraging`: drivers, score and state machine: the rule that desks read
- `models.errors`: NotEnoughData
"""
