"""Inside a simulated market: what is true, the path that follows, and the tables read off it.

- `unwind.sources.simulation.truth`: what the market holds, for scoring detectors
- `unwind.sources.simulation.plans`: what a scenario may say about a session
- `unwind.sources.simulation.assets`: levels, usual volumes and factor loadings
- `unwind.sources.simulation.processes`: seeded streams, fat tails, clustering, persistence
- `unwind.sources.simulation.hours`: bitcoin and ether hour by hour
- `unwind.sources.simulation.path`: what happens, before anything is printed
- `unwind.sources.simulation.bars`: open, high, low and close
- `unwind.sources.simulation.prices`: the tables `prices` and `crypto_hourly`
- `unwind.sources.simulation.volumes`: what is traded
- `unwind.sources.simulation.volatility`: the table `implied_vol`
- `unwind.sources.simulation.options`: the table `option_chains`
- `unwind.sources.simulation.expiries`: Fridays on which contracts expire
- `unwind.sources.simulation.derivatives`: the tables `futures`, `open_interest`,
  `cftc_positions` and `perpetuals`
- `unwind.sources.simulation.etf_flows`: the table `etf_flows`, two vendors of it
- `unwind.sources.simulation.equity_factors`: the table `equity_factors_pct`
- `unwind.sources.simulation.hand_kept`: the tables `structured_notes` and `published_zscores`
"""
