"""Desk-table rows of one session, one table a file: answers of features and models, laid out.

- `unwind.rows.moment`: what every row carries; `measure`, `covar`: rows of `systemic`
- `unwind.rows.correlations`, `correlation_tests`, `pair_evidence`, `shocks`,
  `volatility`, `tail_risk`, `conditional`, `changepoints`, `systemic`, `mechanisms`, `regimes`,
  `quality`
- `unwind.rows.mechanism`: one indicator; `standing`: does its input still stand
- `unwind.rows.futures_mechanisms`: the block `futures`; `futures_basis`, `futures_history`
- `unwind.rows.option_mechanisms`, `note_mechanisms`: blocks of the table mechanisms, over
  `chain_snapshots`, `notes` and `volatility_indices`, which read their inputs
- blocks of `mechanisms`: `etf_flows` (on `fund_flows`), `organic_demand`, `traded_volume`,
  `session_hours`, `yen`, `rebound`
"""
