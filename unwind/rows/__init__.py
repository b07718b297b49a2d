"""Desk-table rows of one session, one table a file: answers of features and models, laid out.

- `unwind.rows.moment`: what every row carries; `measure`, `covar`: rows of `systemic`
- `unwind.rows.correlations`, `correlation_tests`, `pair_evidence`, `shocks`,
  `volatility`, `tail_risk`, `conditional`, `changepoints`, `systemic`, `mechanisms`, `regimes`,
  `quality`
"""
