"""Providers of observations: one per file, behind one small protocol.

- `unwind.contract.source`: what every provider offers
- `unwind.sources.files`: the drop folder (Parquet or CSV)
- `unwind.sources.yahoo`, `unwind.sources.crypto`, `unwind.sources.cftc`: live providers
- `unwind.sources.transport`: how a live provider is asked: paced, retried, bounded
- `unwind.sources.flow_tables`, `flow_import`: saved tables of fund flows into the drop folder
- `unwind.sources.registry`: every provider by name; `unwind.sources.listing`: what each gives
- `unwind.sources.combined`: several providers in falling precedence
- `unwind.simulation.source`: markets with known truth
- `unwind.simulation.scenarios`: what happens in them, by name
- `unwind.sources.simulation`: how they are drawn, one idea a file
"""
