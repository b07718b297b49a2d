"""The edge: everything that touches a disk, a provider or a person. No Prefect.

In, from left to right:

- `unwind.settings`: universe, windows, thresholds (desk.toml), made of `unwind.sections`
- `unwind.sources`: providers of observations; `unwind.screening`: what is kept of their rows
- `unwind.sessions`: the NYSE calendar and the instants at which things are known
- `unwind.market`: bitemporal store of observations
- `unwind.analysis`: one session's rows, stage by stage, laid out in `unwind.rows`;
  `unwind.drivers`: the drivers of the verdict
- `unwind.universe`, `unwind.scan`: the volatility of a whole universe, all of its pairs

Out:

- `unwind.tables`: the output contract, declared in `unwind.declarations`
- `unwind.lake`: the snapshots, read; written in `unwind.storage`, with all else that is kept
- `unwind.reading`: a session in words; `unwind.charts`: in pictures; `unwind.report`,
  `report_files`, `report_grids`: the desk report
- `unwind.alerts`: what a desk has to hear, and what it was told
- `unwind.cli`, `unwind.commands`: the commands

Over many sessions:

- `unwind.history`, `episodes`, `track_record`, `record_report`, `calibration_files`: backtest and
  calibration of the verdict against dated labels
- `unwind.replay`: one session as its data become known; `unwind.claims`, `february_2026`: claims
  about an event, each against the published rows
"""
