"""Desk-table rows of one session, one table a file: answers of features and models, laid out.

- `unwind.rows.moment`: what every row carries
- `unwind.rows.correlations`, `correlation_tests`, `pair_evidence`, `shocks`,
  `volatility`, `changepoints`, `systemic`, `mechanisms`, `regimes`, `quality`
- blocks of `mechanisms`: `etf_flows` (on `fund_flows`), `organic_demand`, `traded_volume`,
  `session_hours`, `yen`, `rebound`
"""
