"""Observations in, indicators out: pure numpy, pandas and numba.

No I/O, no clock, no settings, no Prefect.

- `features.panel`: the frame contract; alignment of 24/7 and exchange series to sessions
- `features.correlation`: rolling and exponentially weighted correlation, intervals
- `features.shocks`: robust z-scores and records
"""
