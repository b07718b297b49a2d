"""The edge: everything that touches a disk, a provider or a person. No Prefect.

- `unwind.settings`: universe, windows, thresholds (desk.toml); its sections: `unwind.sections`,
  `evidence_sections`, `mechanism_sections`, `attribution_sections`, `verdict_sections`
- `unwind.sources`: providers of observations; `unwind.source_listing`: what each gives; their
  settings: `source_sections`
- `unwind.input_tables`: the input contract; `unwind.observations`: its screening, row by row
- `unwind.sessions`: the NYSE calendar and the instants at which things are known
- `unwind.market`: bitemporal store of observations; `segments`: the log that it is kept in; on the
  way into it `unwind.precedence` (several providers), `rebasing` (restated histories),
  `frozen_series`, `suspected_splits`, `quarantine` (faults as rows)
- `unwind.flow_tables`, `flow_import`: saved tables of fund flows into the drop folder
- `unwind.analysis`: one session's rows, stage by stage
- `unwind.drivers`: the drivers of the verdict
- `unwind.history`, `episodes`, `track_record`, `record_report`, `record_chart`: backtest and
  calibration of the verdict against dated labels
- `unwind.tables`: the output contract, declared in `evidence_tables`, `estimate_tables`,
  `attribution_tables` and
  `verdict_tables`; `unwind.columns`: what a table is made of
- `unwind.lake`: the snapshots, read; `publication`: written; `storage`: a folder, or a copy behind
  a URL; `schema_changes`: files of an earlier schema
- `unwind.verification`, `retention`: checksums; old snapshots and segments
- `unwind.object_storage`, `retrieval`: the published copy, pushed and pulled
- `unwind.difference`, `difference_text`: what changed in a conclusion between two instants, and why
- `unwind.duckdb_views`: the tables as views
- `unwind.durable`: writing whole or not at all, one writer at a time
- `unwind.report`, `unwind.charts`, `unwind.drawing`: the desk report
- `unwind.report_files`: where a report lies
- `unwind.digest`, `formatting`, `reading`, `explanation`: a session in words, for all readers
- `unwind.notices`, `alert_message`, `alerts`: what a desk has to hear, in what words, and what it
  was told
- `unwind.sigma_command`: `unwind sigma`, the one command that computes
- `unwind.cli`, `lake_commands`, `command_options`: the reading commands, and those that keep a lake
"""
