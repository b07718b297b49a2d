"""What stands between a provider and the market store: the input contract, and what is set aside.

- `input_tables`: each table of the drop folder, its columns, the rules of their values
- `observations`: the screening of rows against it
- `precedence`: several providers of one table; `rebasing`: histories restated as a whole
- `frozen_series`, `suspected_splits`: series that stopped, prices that jump like a split
- `quarantine`: what went wrong, as rows of the log
"""
