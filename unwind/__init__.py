"""Everything that touches a disk, a provider or a person; Prefect stays in `flows`.

Layers, from the top; a module imports from its own layer and from those below:

- `cli`, `commands`: the command line
- `studies`: calibration, evaluation, replay, universe, scan, the review of February 2026
- `alerts`: which change of state is sent, and the log of what was
- `report`: pages, tables, charts and the text of the reading commands
- `pipeline`: one session, observe → measure → estimate → conclude
- `indicators`: rows of the desk tables, one block a file
- `market`: screening, precedence and the bitemporal store; `lake`: the published snapshots
- `sources`: providers of observations; `simulation`: markets with known truth
- `calendar`: NYSE sessions and the instants at which things become known
- `contract`: input and output tables; `settings`; `files`: durable writes, locks, locations
"""
