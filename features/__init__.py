"""Observations in, indicators out: pure numpy, pandas and numba.

No I/O, no clock, no settings, no Prefect.

- `features.panel`: the frame contract; alignment of 24/7 and exchange series to sessions
- `features.returns`: standardised returns, volatility, comovement
- `features.intraday`: Asia, Europe, US cash hours, after the close, weekend
- `features.correlation`: rolling correlation, its intervals and tests, universes of pairs
- `features.cross_section`: shocks, joint losses, turbulence, connectedness, crowding, reversal
- `features.derivatives`: futures, perpetuals, options, structured notes
- `features.fund_flows`: creations of exchange-traded funds, organic demand, traded volume
"""
