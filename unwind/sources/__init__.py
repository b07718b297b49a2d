"""Where observations come from: one provider a file, behind one small protocol.

- `unwind.sources.protocol`: what every provider offers
- `unwind.sources.files`: the drop folder (Parquet or CSV)
- `unwind.sources.simulated`: markets with known truth
- `unwind.sources.scenarios`: what happens in them, by name
- `unwind.sources.simulation`: how they are drawn, one idea a file
"""
